"""Locks: among the threads of a process, and among processes by a file or by a PostgreSQL server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Protocol

from filelock import FileLock, Timeout

from .errors import LibraryInUse

_WAIT = 60.0  # seconds for another process to finish a change, where several share a library


class Lock(Protocol):
    """What one process at a time has, and takes as often as it gives back: `FolderLock` or `ServerLock`."""

    def take(self, wait: float) -> bool:
        """Tries for so many seconds; whether it is held now."""

    def give(self) -> None:
        """Gives it back."""


class FolderLock:
    """A lock among processes that use the same folder; the system frees it if one is killed."""

    def __init__(self, file: Path) -> None:
        self._lock = FileLock(file, thread_local=False)

    def take(self, wait: float) -> bool:
        """Tries for so many seconds; whether it is held now."""
        try:
            self._lock.acquire(timeout=wait)
        except Timeout:
            return False
        return True

    def give(self) -> None:
        """Gives it back."""
        self._lock.release()

    def end(self) -> None:
        """Gives it back however often it was taken."""
        self._lock.release(force=True)


class Turns:
    """What is changed by one thread of one process at a time. Re-entrant."""

    def __init__(self, lock: Lock, what: str) -> None:
        self._lock, self._what, self._threads = lock, what, RLock()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Held while it is changed. Raises `LibraryInUse` where another process does not come to an end."""
        with self._threads, self._taken(_WAIT):
            yield

    @contextmanager
    def soon(self, wait: float) -> Iterator[None]:
        """The same for who has not much time: waits so many seconds for other threads, and as many for a process."""
        if not self._threads.acquire(timeout=wait):
            raise LibraryInUse(f"{self._what[:1].upper()}{self._what[1:]} is being changed; try again later.")
        try:
            with self._taken(wait):
                yield
        finally:
            self._threads.release()

    @contextmanager
    def _taken(self, wait: float) -> Iterator[None]:
        if not self._lock.take(wait):
            raise LibraryInUse(f"Another process has been changing {self._what} for {wait:g} s; try again later.")
        try:
            yield
        finally:
            self._lock.give()
