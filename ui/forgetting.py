"""Forgets the sessions of pages that are no longer there; else a server would grow with every visit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from gradio.state_holder import StateHolder

_AFTER = timedelta(hours=2)  # an open page asks what is new every few seconds, one in the background every minute
_LOOK_SECONDS = 60.0


def forget(holder: StateHolder, now: datetime) -> int:
    """Forgets the sessions that nothing came from for two hours; returns how many these were.

    Gradio 6.31 drops the values of a closed page after an hour, but keeps the rest of its session, half a megabyte with
    the texts that were painted, until there are 10,000 of them.
    """
    idle = [session for session, used in list(holder.time_last_used.items()) if now - used > _AFTER]
    with holder.lock:
        for session in idle:
            holder.session_data.pop(session, None)
            holder.time_last_used.pop(session, None)
    return len(idle)


@asynccontextmanager
async def forgetting(holder: StateHolder) -> AsyncIterator[None]:
    """Does so every minute, as long as the server runs."""

    async def look() -> None:
        while True:
            forget(holder, datetime.now())
            await asyncio.sleep(_LOOK_SECONDS)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
