"""Two addresses for whoever watches the server: whether it runs, and whether it can answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from fastapi import FastAPI, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, PlainTextResponse

from assistant import Assistant

_log = logging.getLogger(__name__)
_SHARED_SECONDS = 5.0  # an answer is everybody's for so long, as anybody may ask as often as they like

_Parts = Mapping[str, Callable[[], object]]


def add_health(app: FastAPI, assistant: Assistant, clock: Callable[[], float] = time.monotonic) -> None:
    """Adds `healthz` and `readyz`, which need no sign-in and tell nothing of what is in the library.

    `clock` gives seconds.
    """
    library = assistant.library
    readiness = _Readiness(
        {
            "catalogue": lambda: library.catalogue.meta("layout"),
            "conversations": lambda: assistant.conversations.list(limit=1),
            "vectors": lambda: library.vectors.count,
            "words": lambda: library.lexicon.count,
        },
        clock,
    )

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    async def readyz() -> Response:
        answers = await readiness.answers()
        return JSONResponse(answers, 200 if set(answers.values()) == {"ok"} else 503)


class _Readiness:
    """Whether each part answers: asked by one at a time, and no more often than every few seconds."""

    def __init__(self, parts: _Parts, clock: Callable[[], float]) -> None:
        self._parts, self._clock = parts, clock
        self._asking = asyncio.Lock()
        self._answers: Mapping[str, str] = {}
        self._until: float | None = None

    async def answers(self) -> Mapping[str, str]:
        """What each part last answered, of now or of a few seconds ago."""
        async with self._asking:
            if self._until is None or self._clock() >= self._until:
                self._answers = await run_in_threadpool(self._asked)
                self._until = self._clock() + _SHARED_SECONDS
            return self._answers

    def _asked(self) -> Mapping[str, str]:
        return {name: _tried(name, part) for name, part in self._parts.items()}


def _tried(name: str, part: Callable[[], object]) -> str:
    """Whether a part answers; why not stands in the log, as anybody may ask."""
    try:
        part()
    except Exception as error:
        _log.warning("not ready: %s: %s", name, error)
        return f"does not answer ({type(error).__name__})"
    return "ok"
