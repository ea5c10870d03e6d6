"""Indexing behind a page that is in use: embeds in a thread of its own, and follows what other processes change."""

import logging
import time
from dataclasses import dataclass
from threading import Event, Thread

from .errors import LibraryError
from .library import Library
from .threads import behind_others

_log = logging.getLogger(__name__)
_ELSEWHERE = "Another process is embedding them."
_AGAIN = 60.0  # seconds until what failed is tried again
_BESIDE = 5.0  # seconds until it is tried again to embed what another process was at, which may have been killed
_LOOK = 0.5  # seconds until a change by another process is noticed


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the embedding is: `done` of `total` papers of this run, `seconds_left` once that can be said.

    `problem` says why it waits, if it does.
    """

    done: int
    total: int
    seconds_left: float | None = None
    problem: str = ""


class Background:
    """Finishes what is pending in a library while the library is used. `stop` before the library is closed.

    What another process adds or removes meanwhile is in the index of words within a second, and is then embedded.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._work, self._stop = Event(), Event()
        self._threads: list[Thread] = []
        self._standing: Standing | None = None

    @property
    def standing(self) -> Standing | None:
        """How far it is, or None while there is nothing to do."""
        return self._standing

    def wake(self) -> None:
        """Begins with what is pending now, if it is not at it already."""
        self._work.set()
        if not self._threads:
            embedding = Thread(target=self._run, name="embedding", daemon=True)
            watching = Thread(target=self._watch, name="watching", daemon=True)
            self._threads = [embedding, watching]
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """Ends soon, after the batch that is being embedded; what is done is kept."""
        self._stop.set()
        self._work.set()
        for thread in self._threads:
            thread.join()

    def _watch(self) -> None:
        seen, pause = None, _LOOK  # at the first look, what was changed since the library was opened is taken in
        while not self._stop.wait(pause):
            try:
                now = self._library.catalogue.changes()
                if now != seen:
                    self._library.take_in()
                    self._work.set()
                seen, pause = now, _LOOK
            except Exception:
                _log.exception("what another process changed waits")
                pause = _AGAIN

    def _run(self) -> None:
        behind_others()
        while not self._stop.is_set():
            beside = self._standing is not None and self._standing.problem == _ELSEWHERE
            self._work.wait(_BESIDE if beside else _AGAIN)
            self._work.clear()
            if self._stop.is_set():
                return
            try:
                self._index()
            except LibraryError as error:
                _log.warning("embedding waits: %s", error)
                self._wait(str(error))
            except Exception:
                _log.exception("embedding stopped")
                self._wait("The embedding stopped; the terminal shows why.")

    def _index(self) -> None:
        total = self._library.status().pending
        if not total:
            self._standing = None
            return
        started = time.monotonic()

        def progress(done: int, total: int) -> None:
            left = (time.monotonic() - started) / done * (total - done) if done else None
            self._standing = Standing(done, total, left)

        self._standing = Standing(0, total)
        self._library.index(progress, self._stop)
        left = self._library.status().pending
        self._standing = Standing(0, left, problem=_ELSEWHERE) if left and not self._stop.is_set() else None

    def _wait(self, problem: str) -> None:
        """Tells why nothing goes on until the next try."""
        total = self._standing.total if self._standing else 0
        self._standing = Standing(0, total, problem=problem)
