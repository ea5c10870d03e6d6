"""Two addresses for whoever watches the server: whether it runs, and whether it can answer."""

import logging
from collections.abc import Callable, Mapping

from fastapi import FastAPI, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse

from assistant import Assistant, Ranking

_log = logging.getLogger(__name__)


def add_health(app: FastAPI, assistant: Assistant) -> None:
    """Adds `healthz` and `readyz`, which need no sign-in and tell nothing of what is in the library."""
    library = assistant.library
    parts: Mapping[str, Callable[[], object]] = {
        "catalogue": library.status,
        "conversations": lambda: assistant.conversations.list(limit=1),
        "vectors": lambda: assistant.search("ready", 1, Ranking.MEANING),
        "words": lambda: assistant.search("ready", 1, Ranking.WORDS),
    }

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    async def readyz() -> Response:
        answers = {name: await run_in_threadpool(_tried, name, part) for name, part in parts.items()}
        return JSONResponse(answers, 200 if set(answers.values()) == {"ok"} else 503)


def _tried(name: str, part: Callable[[], object]) -> str:
    """Whether a part answers; why not stands in the log, as anybody may ask."""
    try:
        part()
    except Exception as error:
        _log.warning("not ready: %s: %s", name, error)
        return f"does not answer ({type(error).__name__})"
    return "ok"
