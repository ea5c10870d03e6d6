"""How the stream of an answer is read: until somebody stops it, a few pieces at a time beside others, and behind those
who wait for their first word."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractContextManager, aclosing
from typing import ParamSpec, TypeVar

from index_store import in_front, is_anybody_in_front

P = ParamSpec("P")
T = TypeVar("T")

_AT_HAND_SECONDS = 0.01  # what takes longer was waited for
# For each other answer, as a page is painted no oftener beside so many (`ui/chat.py`), and at most, as more is a jolt.
_REST_SECONDS, _LONGEST_REST_SECONDS = 0.04, 0.16
# With that, so long at most for readers who see nothing yet: who has waited for their papers for a second, or for a
# model's first word for 0.15 s (it may think for long, and then needs nothing of us), is given way no longer.
_LONGEST_WAY_SECONDS, _COUNTS_SECONDS, _MODEL_COUNTS_SECONDS, _LOOK_SECONDS = 0.3, 1.0, 0.15, 0.05
_in_steps: set[object] = set()  # answers that are read in steps now


async def until_stopped(pieces: AsyncGenerator[str, None], stop: asyncio.Event) -> AsyncGenerator[str, None]:
    """The pieces until `stop` is set; a piece that is being waited for is given up at once."""
    waiting: asyncio.Timeout | None = None

    def give_up(_: object) -> None:
        if waiting:
            waiting.reschedule(0)

    stopped = asyncio.ensure_future(stop.wait())
    stopped.add_done_callback(give_up)
    try:
        while not stop.is_set():  # pieces that are at hand never let `stopped` come to its turn
            try:
                async with asyncio.timeout(None) as waiting:
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if waiting and waiting.expired():
                    return
                raise
            finally:
                waiting = None
            yield piece
    finally:
        stopped.cancel()
        await asyncio.gather(stopped, return_exceptions=True)
        await pieces.aclose()


async def in_steps(pieces: AsyncGenerator[str, None]) -> AsyncGenerator[str, None]:
    """The same pieces, a few at a time beside what is done for other readers.

    To wait for the next word and be woken costs several times what reading it does. Who rests first reads all that has
    come meanwhile in one; a stop, or the end, is seen after the rest. It also rests, or longer, while another reader's
    question is `ahead`. The first word is not waited for, and an answer beside which nothing is done never rests.
    """
    me = object()
    try:
        async with aclosing(pieces):
            asked = time.monotonic()
            async for piece in pieces:
                _in_steps.add(me)
                at_hand = time.monotonic() - asked < _AT_HAND_SECONDS
                yield piece
                if not at_hand:
                    until = time.monotonic() + _LONGEST_WAY_SECONDS
                    if others := len(_in_steps) - 1:
                        await asyncio.sleep(min(_REST_SECONDS * others, _LONGEST_REST_SECONDS))
                    await _give_way(until)
                asked = time.monotonic()
    finally:
        _in_steps.discard(me)


async def ahead(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work in a thread which the first word of an answer waits for; all that can wait gives way meanwhile."""
    with in_front(_COUNTS_SECONDS):
        return await asyncio.to_thread(work, *args, **kwargs)


def model_ahead() -> AbstractContextManager[None]:
    """While a model's first word is waited for, all that can wait gives way too, for a moment."""
    return in_front(_MODEL_COUNTS_SECONDS)


async def _give_way(until: float) -> None:
    while (now := time.monotonic()) < until and is_anybody_in_front():
        await asyncio.sleep(min(_LOOK_SECONDS, until - now))
