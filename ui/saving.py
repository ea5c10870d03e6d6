"""The addresses at which conversations and single answers are saved as files."""

from dataclasses import replace
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool

from assistant import (
    Assistant,
    AssistantError,
    Conversation,
    as_bibtex,
    as_markdown,
    conversation_to_json,
    describe,
)

from . import words
from .export import Kind, as_html, file_name
from .readers import reader_of

_TYPES: dict[str, tuple[Kind, str]] = {
    "markdown": ("markdown", "text/markdown"),
    "html": ("html", "text/html"),
    "bibtex": ("bibtex", "application/x-bibtex"),
    "json": ("json", "application/json"),
}


def add_saving(app: FastAPI, assistant: Assistant) -> None:
    """Adds `save/CONVERSATION/KIND`, with `?turn=ID` for one turn of it only."""

    @app.get("/save/{conversation_id}/{kind}")
    async def save(request: Request, conversation_id: str, kind: str, turn: str = "") -> Response:
        if kind not in _TYPES:
            return _refused(words.NO_SUCH_FORMAT)
        try:
            kept = assistant.conversations.of(reader_of(request).name)
            opened = await run_in_threadpool(kept.open, conversation_id)
        except AssistantError as error:
            return _refused(describe(error).message)
        turns = tuple(each for each in opened.conversation.turns if turn in ("", each.id))
        if not turns:
            return _refused(words.NO_SUCH_TURN)
        title = turns[0].question if turn else opened.title
        known, media_type = _TYPES[kind]
        text = await run_in_threadpool(_written, replace(opened.conversation, turns=turns), title, known)
        name = quote(file_name(title, known))
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}", "Cache-Control": "no-store"}
        return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)


def _refused(reason: str) -> Response:
    return Response(reason, 404, media_type="text/plain")


def _written(chosen: Conversation, title: str, kind: Kind) -> str:
    match kind:
        case "markdown":
            return as_markdown(chosen.turns, title)
        case "html":
            return as_html(chosen.turns, title)
        case "bibtex":
            return as_bibtex(chosen.turns)
        case _:
            return conversation_to_json(chosen, title)
