"""What a model writes down of each paper before a large summary: short notes with the numbers of the sentences."""

import asyncio
import json
import re
import secrets
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from index_store import Paper, PaperHit, sentences

from .answer import as_data, paper_lines
from .citations import References
from .errors import LLMError
from .llm import Call, LanguageModel
from .prompts import Prompts
from .roles import Role, of_role
from .streams import until_stopped

FEW = 6
"""Up to so many papers are read by the model that writes, if they fit: notes would cost more than they save."""

_BATCH = 6  # papers that a call reads at most
_AT_ONCE = 4
_TOKENS_PER_NOTE = 90
_SAFETY = 0.9
_MOST_SENTENCES = 3
_LONGEST = 400  # characters of a note
_KEY = re.compile(r"^P\d+$")


@dataclass(frozen=True, slots=True)
class Note:
    """What one paper says on the topic, the numbers of the sentences that say it, and of those that leave questions."""

    text: str
    sentences: tuple[int, ...]
    open: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One call: its message, the papers it reads, and how many tokens that is by our own count."""

    message: ChatMessage
    papers: tuple[Paper, ...]
    tokens: int


class _Block(NamedTuple):
    """A paper as a call reads it."""

    paper: Paper
    text: str
    tokens: int


def batches(
    topic: str, hits: Sequence[PaperHit], references: References, prompts: Prompts, model: LanguageModel, most: int
) -> list[Batch]:
    """At most `most` calls that read the papers, best first; papers beyond that are not read.

    The calls read about as many papers each, as the summary waits for the longest.
    """
    budget = int((model.connection.context_window - model.connection.max_tokens) * _SAFETY)
    fence = f"=== papers {secrets.token_hex(8)} ==="
    fixed = model.count_tokens(prompts.render("notes", fence=fence, papers="", topic=as_data(topic)))
    blocks = []
    for hit in hits[: most * _BATCH]:
        text = "\n".join(paper_lines(hit.paper, references.key(hit.paper.id)))
        blocks.append(_Block(hit.paper, text, model.count_tokens(text)))
    even = ceil(len(blocks) / max(1, ceil(len(blocks) / _BATCH)))
    groups = _groups(blocks, even, most, budget - fixed)
    if sum(map(len, groups)) < len(blocks):  # long papers make more calls than `most` of such groups
        groups = _groups(blocks, _BATCH, most, budget - fixed)
    made = []
    for group in groups:
        papers = "\n\n".join(block.text for block in group)
        content = prompts.render("notes", fence=fence, papers=papers, topic=as_data(topic))
        message = ChatMessage(role=MessageRole.USER, content=content)
        tokens = fixed + sum(block.tokens for block in group)
        made.append(Batch(message, tuple(block.paper for block in group), tokens))
    return made


def _groups(blocks: Sequence[_Block], size: int, most: int, room: int) -> list[list[_Block]]:
    """At most `most` groups of at most `size` papers, in their order, of which each fits into `room` tokens."""
    groups: list[list[_Block]] = []
    left = 0
    for block in blocks:
        needed = block.tokens + _TOKENS_PER_NOTE
        if not groups or len(groups[-1]) == size or needed > left:
            if len(groups) == most:
                break
            groups.append([])
            left = room
        groups[-1].append(block)
        left -= needed
    return groups


def expected_tokens(found: Sequence[Batch], model: LanguageModel) -> tuple[int, int]:
    """Tokens in and out that the calls and the answer after them take at most, by our own rough count.

    The answer is written from the notes and the sentences they rest on, in the room that the model has for them.
    """
    read, connection = sum(batch.tokens for batch in found), model.connection
    noted = sum(len(batch.papers) for batch in found) * _TOKENS_PER_NOTE
    last = min(read + noted, connection.context_window - connection.max_tokens)
    return read + last, noted + connection.max_tokens


async def take(
    found: Sequence[Batch], references: References, model: LanguageModel, stop: asyncio.Event
) -> AsyncGenerator[tuple[dict[str, Note], Call], None]:
    """The notes of each call as it ends, several at once; what a model writes badly is replaced by rules.

    A call that fails gives notes by rules too, unless all fail: then the `LLMError` of the last is raised.
    """
    limit, failures = asyncio.Semaphore(_AT_ONCE), list[LLMError]()

    async def one(batch: Batch) -> tuple[dict[str, Note], Call]:
        call, text = Call(), ""
        async with limit:
            if not stop.is_set():
                tokens = _TOKENS_PER_NOTE * len(batch.papers)
                stream = model.stream([batch.message], call, max_tokens=tokens)
                try:
                    async with aclosing(until_stopped(stream, stop)) as pieces:
                        text = "".join([piece async for piece in pieces])
                except LLMError as error:
                    failures.append(error)
                    if len(failures) == len(found):
                        raise
        return read(text, {references.key(paper.id): paper for paper in batch.papers}), call

    tasks = [asyncio.ensure_future(one(batch)) for batch in found]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def read(text: str, papers: Mapping[str, Paper]) -> dict[str, Note]:
    """The notes in a model's answer by paper id, one JSON object a line; a paper without a good one gets `by_rules`."""
    found: dict[str, Note] = {}
    for value in _objects(text):
        key = value.get("paper")
        if not isinstance(key, str) or not _KEY.match(key) or key not in papers:
            continue
        paper = papers[key]
        numbers = _numbers(value.get("sentences"), key, paper)
        note = value.get("note")
        if isinstance(note, str) and note.strip() and numbers:
            found[paper.id] = Note(as_data(note)[:_LONGEST], numbers, _numbers(value.get("open"), key, paper))
    return {paper.id: found.get(paper.id) or by_rules(paper) for paper in papers.values()}


def by_rules(paper: Paper) -> Note:
    """A note without a model: the sentences that tell the aim and the results, if the paper has an abstract."""
    aim, result = of_role(paper, [Role.AIM]), of_role(paper, [Role.RESULT])
    numbers = tuple(sorted({*aim[:1], *result[: _MOST_SENTENCES - 1]})) or of_role(paper, list(Role))[:1]
    return Note("", numbers, of_role(paper, [Role.LIMIT])[:1])


def noted_lines(paper: Paper, key: str, note: Note, with_sentences: bool) -> list[str]:
    """A note as the model that writes the summary sees it."""
    markers = ", ".join(f"{key}.{number}" for number in note.sentences)
    lines = [f"{key}: {as_data(paper.display_title)}{f' ({paper.year})' if paper.year else ''}"]
    if note.text:
        lines.append(f"Note: {note.text} [{markers}]".replace("[", "(").replace("]", ")"))
    known = sentences(paper.abstract)
    wanted = [*note.sentences, *note.open] if with_sentences or not note.text else []
    lines += [f"{key}.{number} {as_data(known[number - 1].text)}" for number in dict.fromkeys(wanted)]
    if note.open:
        lines.append(f"Left open: {', '.join(f'{key}.{number}' for number in note.open)}")
    return lines


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects in a text that name a paper, wherever they stand."""
    decoder, place = json.JSONDecoder(strict=False), text.find("{")
    while place >= 0:
        end = place + 1
        try:
            value, after = decoder.raw_decode(text, place)
            if "paper" in value:
                yield value
                end = after
        except (ValueError, RecursionError):
            pass
        place = text.find("{", end)


def _numbers(value: object, key: str, paper: Paper) -> tuple[int, ...]:
    """Sentence numbers that the paper has: a list of numbers or of texts such as `P7.3`."""
    count, wanted = len(sentences(paper.abstract)), re.compile(rf"\W*(?:{key}\.)?(\d{{1,4}})\W*")
    items = value if isinstance(value, list) else []
    written = [wanted.fullmatch(str(item)) for item in items if isinstance(item, str | int)]
    found = [int(number[1]) for number in written if number]
    return tuple(dict.fromkeys(number for number in found if 1 <= number <= count))[:_MOST_SENTENCES]
