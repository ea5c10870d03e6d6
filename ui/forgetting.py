"""Forgets the sessions of pages that are no longer there; else a server would grow with every visit."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from gradio.state_holder import StateHolder

# A page on a machine that slept was silent, and is still there.
_CLOSED, _SILENT = timedelta(hours=2), timedelta(days=7)
_LOOK_SECONDS = 60.0


def forget(holder: StateHolder, now: datetime) -> int:
    """Forgets sessions that were closed and silent for two hours, or silent for a week; returns how many these were.

    Gradio 6.31 drops the values of a closed page after an hour, but keeps the rest of its session, half a megabyte with
    the texts that were painted, until there are 10,000 of them.
    """
    idle = []
    for session, used in list(holder.time_last_used.items()):
        kept = holder.session_data.get(session)
        if now - used > (_SILENT if kept and not kept.is_closed else _CLOSED):
            idle.append(session)
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
            if forget(holder, datetime.now()):
                gc.collect()  # sessions hold themselves in circles, and the server has it look rarely by itself
            await asyncio.sleep(_LOOK_SECONDS)

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
