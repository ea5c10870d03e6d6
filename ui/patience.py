"""How failures to sign in slow down and then end further attempts, per user and per address."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from threading import Lock

_FREE = 3  # failures that cost no time
_LONGEST_DELAY = 8.0  # seconds
_MOST = {"user": 10, "address": 50}  # failures that lock out
_LOCKED_FOR = 900.0  # seconds after the last attempt
_KEPT = 20_000  # names and addresses


@dataclass
class _Count:
    failures: int = 0
    last: float = 0.0


class Patience:
    """Counts of failures. Names that no user has are counted alike, so that they tell nothing. Safe in threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock, self._lock = clock, Lock()
        self._counts: dict[tuple[str, str], _Count] = {}

    def attempt(self, user: str, address: str) -> tuple[float, float]:
        """Counts an attempt as a failure; returns how long it must wait, and for how long no attempt will do.

        Both are in seconds, and 0 for a first attempt. One that is locked out is not counted again.
        """
        now = self._clock()
        with self._lock:
            self._forget(now)
            counts = [(kind, self._counts.setdefault((kind, of), _Count())) for kind, of in _both(user, address)]
            locked = [count.last + _LOCKED_FOR - now for kind, count in counts if count.failures >= _MOST[kind]]
            if locked:
                return 0.0, max(locked)
            delay = max(_delay(count.failures) for kind, count in counts if kind == "user")
            for _, count in counts:
                count.failures, count.last = count.failures + 1, now
            return delay, 0.0

    def succeeded(self, user: str, address: str) -> None:
        """Takes the last attempt back, and the user's failures before it."""
        with self._lock:
            self._counts.pop(("user", user), None)
            if count := self._counts.get(("address", address)):
                count.failures -= 1

    def _forget(self, now: float) -> None:
        """Drops what is over; if there is too much all the same, what is oldest, but nothing that is locked."""
        if len(self._counts) < _KEPT:
            old = [key for key, count in self._counts.items() if now - count.last > _LOCKED_FOR]
        else:
            free = [key for key, count in self._counts.items() if count.failures < _MOST[key[0]]]
            old = sorted(free, key=lambda key: self._counts[key].last)[: _KEPT // 2]
        for key in old:
            del self._counts[key]


def _both(user: str, address: str) -> Iterable[tuple[str, str]]:
    return ("user", user[:100]), ("address", address)


def _delay(failures: int) -> float:
    return 0.0 if failures < _FREE else min(2.0 ** (failures - _FREE), _LONGEST_DELAY)
