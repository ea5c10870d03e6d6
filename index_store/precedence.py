"""Who waits for the first word of an answer goes in front of all that can wait, as far as this process knows of it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOOK_SECONDS = 0.01
_in_front: dict[object, float] = {}  # who waits now, and until when it counts


@contextmanager
def in_front(seconds: float) -> Iterator[None]:
    """While somebody waits, which counts for so many seconds at most."""
    me = object()
    _in_front[me] = time.monotonic() + seconds
    try:
        yield
    finally:
        del _in_front[me]


def is_anybody_in_front() -> bool:
    """Whether somebody waits now."""
    now = time.monotonic()
    return any(now < end for end in [*_in_front.values()])


def give_way(seconds: float) -> None:
    """Holds up its thread while somebody is in front, for so many seconds at most."""
    until = time.monotonic() + seconds
    while is_anybody_in_front() and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
