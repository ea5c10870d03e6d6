"""Who waits for the first word of an answer in this process goes in front of all that can wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

_LOOK_SECONDS = 0.01
_in_front: dict[object, float] = {}  # who waits now, and until when it counts


@contextmanager
def in_front(seconds: float) -> Iterator[None]:
    """Within it somebody waits for a first word; after so many seconds that counts no longer."""
    me = object()
    _in_front[me] = monotonic() + seconds
    try:
        yield
    finally:
        del _in_front[me]


def is_anybody_in_front() -> bool:
    """Whether somebody waits now."""
    now = monotonic()
    return any(now < end for end in [*_in_front.values()])


def give_way(seconds: float) -> None:
    """Holds up its thread while somebody is in front, for so many seconds at most."""
    until = monotonic() + seconds
    while is_anybody_in_front() and monotonic() < until:
        sleep(_LOOK_SECONDS)
