"""The answer to a plain question, and what every request to the LLM is composed of, within the tokens there are."""

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from index_store import Paper, PaperHit, SearchResult, plain_text, sentences

from . import quoting
from .citations import References, neutralise, stored
from .claims import ClaimChecker
from .conversations import Conversation
from .intent import Length
from .writer import CountTokens, Request, Room

_HISTORY_SHARE = 0.25  # of the tokens left for papers and history together
_ASKED_LENGTH = {Length.SHORT: "one or two sentences", Length.LONG: "eight to fifteen sentences in short paragraphs"}
_SAFETY = 0.9  # our tokenizer is not the model's
# What no reader sees but a model reads: controls, direction marks, tags and variation selectors (Unicode TR36).
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    r"\ufff9-\ufffb\ue000-\uf8ff\U000e0000-\U000e0fff]"
)


Papers = Callable[[int], tuple[tuple[Paper, ...], str]]
"""From the tokens left to the papers offered and their text."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a plain question from the papers of one search; `relevant` if they speak of it at all."""

    question: str
    result: SearchResult
    relevant: bool
    length: Length = Length.NORMAL

    @property
    def may_hold_code(self) -> bool:
        """Yes: a question may ask for some."""
        return True

    @property
    def hits(self) -> Sequence[PaperHit]:
        """The papers with an abstract that were found, best first; none if they do not speak of the question."""
        return tuple(hit for hit in self.result.hits if hit.sentences) if self.relevant else ()

    @property
    def searched(self) -> int:
        """How many papers were searched."""
        return self.result.searched

    def quote(self, references: References) -> Iterator[str]:
        """The sentences that answer best, paper by paper."""
        return quoting.answer(self.result, references, self.length)

    def refuse(self) -> Iterator[str]:
        """That nothing answers the question, and what comes nearest."""
        nearest = [hit.paper for hit in self.result.hits[:3]]
        return quoting.refusal("Nothing in this collection answers that.", nearest, self.searched)

    def request(self, room: Room) -> Request:
        """Rules, trimmed history, whole papers best first, and the question."""

        def papers(left: int) -> tuple[tuple[Paper, ...], str]:
            found, blocks = pack(self.hits, room.references, room.count, left)
            return found, "\n\n".join(blocks)

        length = room.prompts.render("length", length=asked) if (asked := _ASKED_LENGTH.get(self.length)) else ""
        return compose(room, "answer", papers, length, question=self.question)

    def checked(self, checker: ClaimChecker) -> ClaimChecker:
        """The claims are checked as they come."""
        return checker


def compose(room: Room, prompt: str, papers: Papers, last: str = "", **variables: str) -> Request:
    """The messages from the prompts `{prompt}_system` and `{prompt}_user`; `papers` fills what tokens are left.

    `last` is said behind the question, and in which language to write, if one is chosen.

    The fence around the papers is random, so that no text of a paper can close it.
    """
    fence, count, prompts = f"=== papers {secrets.token_hex(8)} ===", room.count, room.prompts
    language = prompts.render("language", language=room.language) if room.language else ""
    wishes = "".join(f"\n\n{wish}" for wish in (last, language) if wish)
    system = prompts.render(f"{prompt}_system", fence=fence)
    fixed = count(system) + count(prompts.render(f"{prompt}_user", fence=fence, papers="", **variables) + wishes)
    left = int(room.budget * _SAFETY) - fixed
    past = history(room.conversation, count, int(left * _HISTORY_SHARE))
    left -= sum(count(message.content or "") for message in past)
    offered, text = papers(left)
    user = prompts.render(f"{prompt}_user", fence=fence, papers=text, **variables) + wishes
    return Request(
        (
            ChatMessage(role=MessageRole.SYSTEM, content=system),
            *past,
            ChatMessage(role=MessageRole.USER, content=user),
        ),
        offered,
    )


def pack(
    hits: Sequence[PaperHit], references: References, count: CountTokens, budget: int
) -> tuple[tuple[Paper, ...], list[str]]:
    """Whole papers in the order of the hits while they fit; the first is cut at a sentence if it does not."""
    papers: list[Paper] = []
    blocks: list[str] = []
    for hit in hits:
        lines = paper_lines(hit.paper, references.key(hit.paper.id))
        size = count("\n".join(lines))
        while not papers and size > budget and len(lines) > 2:
            lines.pop()
            size = count("\n".join(lines))
        if size > budget and papers:
            continue
        budget -= size
        papers.append(hit.paper)
        blocks.append("\n".join(lines))
    return tuple(papers), blocks


def paper_lines(paper: Paper, key: str) -> list[str]:
    """A paper as the model sees it: its key and title, then its numbered sentences."""
    known = f" ({paper.year})" if paper.year else ""
    return [f"{key}: {as_data(plain_text(paper.title))}{known}"] + [
        f"{key}.{sentence.number} {as_data(sentence.text)}" for sentence in sentences(paper.abstract)
    ]


def history(conversation: Conversation, count: CountTokens, budget: int) -> list[ChatMessage]:
    """The turns before, newest kept first; the last one is always there."""
    kept: list[ChatMessage] = []
    for turn in reversed(conversation.turns):
        pair = [
            ChatMessage(role=MessageRole.USER, content=turn.standalone),
            ChatMessage(role=MessageRole.ASSISTANT, content=stored(turn.pieces).strip() or "(no answer)"),
        ]
        budget -= sum(count(message.content or "") for message in pair)
        if kept and budget < 0:
            break
        kept = pair + kept
    return kept


def as_data(text: str) -> str:
    """Text of others on one line, without invisible characters, and with its markers made harmless."""
    return neutralise(" ".join(_CONTROL.sub("", text).split()))
