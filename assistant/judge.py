"""The optional second opinion: one call that judges all claims of an answer, apart from the call that wrote it."""

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from .answer import as_data
from .citations import Citation, Piece, Uncited
from .prompts import Prompts
from .support import Label, plain_claim

_JSON = re.compile(r"\{.*\}", re.DOTALL)


def question(pieces: Sequence[Piece], prompts: Prompts) -> list[ChatMessage]:
    """The message that asks for a label for each claim that cites something; empty if none does."""
    evidence = cited(pieces)
    if not evidence:
        return []
    fence = f"=== claims {secrets.token_hex(8)} ==="
    blocks = [
        f"{claim}. {as_data(text)}\n" + "\n".join(f"   - {as_data(quote)}" for quote in quotes)
        for claim, (text, quotes) in evidence.items()
    ]
    prompt = prompts.render("judge", fence=fence, claims="\n".join(blocks))
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def cited(pieces: Sequence[Piece]) -> dict[int, tuple[str, list[str]]]:
    """For each claim that cites something: its text and the sentences it cites."""
    found: dict[int, tuple[str, list[str]]] = {}
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
        elif isinstance(piece, Uncited):
            text = ""
        else:
            found.setdefault(piece.claim, (plain_claim(text).lstrip(" .,;"), []))[1].append(piece.quote)
            text = ""
    return found


def read(answer: str) -> dict[int, Label]:
    """The labels in a judge's answer; what is not in the form that was asked for is left out."""
    found = _JSON.search(answer)
    try:
        labels = json.loads(found[0]) if found else {}
    except ValueError:
        return {}
    known = set(Label)
    return {int(claim): Label(label) for claim, label in labels.items() if claim.isdigit() and label in known}


def relabel(pieces: Sequence[Piece], labels: Mapping[int, Label]) -> list[Piece]:
    """The pieces with the judge's labels; a claim it did not judge keeps the label of the support check."""
    return [
        replace(piece, support=str(labels[piece.claim]))
        if isinstance(piece, Citation) and piece.claim in labels
        else piece
        for piece in pieces
    ]
