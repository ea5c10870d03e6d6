"""A pretend model: reads each of our prompts and writes what it asks for, by simple means and always the same.

It copies sentences and cites them where they stand, so what is measured with it is all that lies around a model.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from assistant.testing import Asked, Reply

_FENCED = re.compile(r"^(=== papers \w+ ===)\n(.*?)^\1$", re.DOTALL | re.MULTILINE)
_SENTENCE = re.compile(r"^(P\d+)\.(\d+) (.+)$")
_TITLE = re.compile(r"^(P\d+): ")
_NAME = re.compile(r"\b(?=[\w+-]*(?:[a-z]\w*[A-Z]|[A-Z]{2}|\d|-[A-Z]))[A-Za-z][\w+-]*[\w+]")
_COMPARES = re.compile(r"\b(?:compar|contrast|differ|versus\b|vs\b|unlike\b)", re.IGNORECASE)
_SUMMARISES = re.compile(r"\b(?:summar|overview|survey)", re.IGNORECASE)
_PRONOUN = re.compile(r"\b(?:it|that|they|them|these two|the two)\b", re.IGNORECASE)
_MOST_WORDS = 20  # of a cell


@dataclass
class Paper:
    """A paper as a prompt shows it: its key and its sentences by number."""

    key: str
    sentences: dict[int, str] = field(default_factory=dict)

    def told(self, number: int, words: int = 1000) -> str:
        """A sentence with its marker; of a long one the first words."""
        text = " ".join(self.sentences[number].replace("|", "/").split()[:words]).rstrip(".")
        return f"{text} [{self.key}.{number}]"

    def best(self, words: str) -> int:
        """The number of the sentence that shares most words with a text, the first of equals."""
        wanted = _words(words)
        return max(self.sentences, key=lambda number: (len(wanted & _words(self.sentences[number])), -number))


def write(asked: Asked) -> Reply:
    """The reply to one of the product's requests."""
    prompt = asked.messages[-1]["content"]
    if "\nNext message:\n" in prompt:
        return Reply(_plan(prompt))
    if "Write one line of JSON for each paper" in prompt:
        return Reply(_notes(prompt))
    if "\nColumns: Aspect | " in prompt:
        return Reply(_comparison(prompt))
    if "\nSummarise: " in prompt:
        return Reply(_summary(prompt))
    if "\nQuestion: " in prompt:
        return Reply(_answer(prompt))
    return Reply(status=500, error=f"the pretend model does not know this prompt: {prompt[:200]}")


# -- each prompt ------------------------------------------------------------------------------------------------------


def _plan(prompt: str) -> str:
    """A comparison of the names in the message, if there are two with those of the conversation."""
    past, _, rest = prompt.partition("\nConversation:\n")[2].partition("\n\nNext message:\n")
    message = rest.partition("\n\nAnswer with one line")[0]
    asked = " ".join(line for line in past.split("\n") if line.startswith("user: "))
    before = list(dict.fromkeys(_NAME.findall(asked)))
    names = list(dict.fromkeys(_NAME.findall(message)))
    alone = _PRONOUN.sub(" and ".join(before[-2:]), message) if before else "" if past != "(none)" else message
    kind, subjects = "ask", list[str]()
    if _COMPARES.search(message) or " or " in message:
        kind, subjects = "compare", names if len(names) > 1 else [*before[len(names) - 2 :], *names]
    elif _SUMMARISES.search(message):
        kind = "summarise"
    return json.dumps({"question": alone, "kind": kind, "subjects": subjects, "aspects": [], "topic": ""})


def _notes(prompt: str) -> str:
    lines = []
    for paper in _papers(prompt).values():
        number = sorted(paper.sentences)[len(paper.sentences) // 2]
        note = " ".join(paper.sentences[number].split()[:30])
        lines.append(json.dumps({"paper": paper.key, "note": note, "sentences": [number], "open": []}))
    return "\n".join(lines)


def _comparison(prompt: str) -> str:
    """A table with a sentence in each cell, from the papers of its column in turn, then the last sentence of each."""
    papers, sides = _papers(prompt), dict[str, list[Paper]]()
    for name, keys in re.findall(r"^Papers on (.+): (P\d+(?:, P\d+)*)$", prompt, re.MULTILINE):
        sides[name] = [papers[key] for key in keys.split(", ")]
    columns = _after(prompt, "Columns: Aspect | ").split(" | ")
    titles = _after(prompt, "Rows: ").split(", ")
    lines = [f"| Aspect | {' | '.join(columns)} |", "|" + " --- |" * (len(columns) + 1)]
    for place, title in enumerate(titles):
        cells = [_cell(sides.get(column, []), title, place - len(titles)) for column in columns]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    told = [side[0].told(max(side[0].sentences)) for side in sides.values()]
    return "\n".join([*lines, "", f"**What differs:** {'. '.join(told)}.", ""])


def _cell(side: Sequence[Paper], title: str, place: int) -> str:
    """The last five rows are problem, approach, data, result and limits; those before are what was asked for."""
    if not side or place == -1:
        return "not stated"
    paper = side[(place + 5) % len(side)]
    numbers = sorted(paper.sentences)
    of_row = {-5: numbers[0], -4: numbers[len(numbers) // 3], -3: numbers[len(numbers) // 2], -2: numbers[-1]}
    return paper.told(of_row[place] if place in of_row else paper.best(title), _MOST_WORDS)


def _summary(prompt: str) -> str:
    """A heading for each theme, and one sentence of each of its papers."""
    question, written, papers = _after(prompt, "Summarise: "), list[str](), _papers(prompt)
    for line in _fenced(prompt).split("\n"):
        if found := re.match(r"Theme (\d+): (.+)$", line):
            written.append(f"\n### {found[1]}. {found[2]}\n")
        elif (found := _TITLE.match(line)) and papers[found[1]].sentences:
            paper = papers[found[1]]
            written.append(f"{paper.told(paper.best(question))}.")
        elif found := re.match(r"(.+) \((P\d+\.\d+)(?:, P[\d.]+)*\)$", line):
            written.append(f"{found[1].rstrip('.')} [{found[2]}].")
    return "\n".join(written).strip()


def _answer(prompt: str) -> str:
    """The sentence of each of the first two papers that is nearest to the question."""
    question = _after(prompt, "Question: ")
    return " ".join(f"{paper.told(paper.best(question))}." for paper in list(_papers(prompt).values())[:2])


# -- reading a prompt -------------------------------------------------------------------------------------------------


def _fenced(prompt: str) -> str:
    found = _FENCED.search(prompt)
    assert found, "every prompt that shows papers has them between two fence lines"
    return found[2]


def _papers(prompt: str) -> dict[str, Paper]:
    """The papers between the fence lines by key, in their order."""
    papers: dict[str, Paper] = {}
    for line in _fenced(prompt).split("\n"):
        if found := _SENTENCE.match(line):
            papers.setdefault(found[1], Paper(found[1])).sentences[int(found[2])] = found[3]
        elif found := _TITLE.match(line):
            papers.setdefault(found[1], Paper(found[1]))
    return papers


def _after(prompt: str, label: str) -> str:
    return re.findall(rf"^{re.escape(label)}(.*)$", prompt, re.MULTILINE)[-1].strip()


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{3,}", text.lower()))
