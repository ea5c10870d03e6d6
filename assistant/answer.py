"""An answer written by the LLM: what it is sent, within the tokens there are."""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from index_store import Paper, PaperHit, plain_text, sentences

from .citations import References, neutralise, stored
from .conversations import Conversation
from .prompts import Prompts

_HISTORY_SHARE = 0.25  # of the tokens left for papers and history together
_SAFETY = 0.9  # our tokenizer is not the model's
# What no reader sees but a model reads: controls, direction marks, tags and variation selectors (Unicode TR36).
_CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff"
    r"\ufff9-\ufffb\ue000-\uf8ff\U000e0000-\U000e0fff]"
)

CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for one answer, and the papers it offers."""

    messages: tuple[ChatMessage, ...]
    papers: tuple[Paper, ...]


def request(
    question: str,
    hits: Sequence[PaperHit],
    conversation: Conversation,
    references: References,
    prompts: Prompts,
    count: CountTokens,
    budget: int,
) -> Request:
    """The messages for an answer within `budget` tokens: rules, trimmed history, whole papers best first, question.

    The fence around the papers is random, so that no text of a paper can close it.
    """
    fence = f"=== papers {secrets.token_hex(8)} ==="
    system = prompts.render("answer_system", fence=fence)
    fixed = count(system) + count(prompts.render("answer_user", fence=fence, papers="", question=question))
    left = int(budget * _SAFETY) - fixed
    past = history(conversation, count, int(left * _HISTORY_SHARE))
    left -= sum(count(message.content or "") for message in past)
    papers, blocks = pack(hits, references, count, left)
    user = prompts.render("answer_user", fence=fence, papers="\n\n".join(blocks), question=question)
    return Request(
        (
            ChatMessage(role=MessageRole.SYSTEM, content=system),
            *past,
            ChatMessage(role=MessageRole.USER, content=user),
        ),
        papers,
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
