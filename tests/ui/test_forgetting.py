"""A server forgets the pages that are no longer there, and no others."""

import asyncio
import gc
import weakref
from collections.abc import Iterator
from datetime import datetime, timedelta

import gradio as gr
import pytest
from gradio.state_holder import StateHolder

from ui import forgetting
from ui.blocks import Blocks


async def holder_of(*sessions: str) -> StateHolder:
    with Blocks() as blocks:
        gr.HTML("text")
    holder = StateHolder()
    holder.set_blocks(blocks)
    for session in sessions:
        holder[session]
    return holder


async def test_a_session_is_forgotten_two_hours_after_its_page_was_closed_or_after_a_week_of_silence() -> None:
    holder = await holder_of("left", "back", "asleep", "lost")
    now = datetime.now() + timedelta(hours=3)
    for session in ("left", "back"):
        holder.session_data[session].is_closed = True
    holder.time_last_used["back"] = now
    holder.time_last_used["lost"] -= timedelta(days=8)
    assert forgetting.forget(holder, now) == 2
    assert [*holder.session_data] == [*holder.time_last_used] == ["back", "asleep"]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is collected unless somebody asks for it, which the server comes near to."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collector")
async def test_that_is_done_while_the_server_runs_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_LOOK_SECONDS", 0.01)
    holder = await holder_of("left", "open")
    left = holder.session_data["left"]
    left.itself = left  # type: ignore[attr-defined]
    memory = weakref.ref(left)
    del left
    async with forgetting.forgetting(holder):
        holder.time_last_used["left"] -= timedelta(days=8)
        await asyncio.sleep(0.1)
        assert [*holder.session_data] == ["open"]
        assert memory() is None
    holder.time_last_used["open"] -= timedelta(days=8)
    await asyncio.sleep(0.1)
    assert [*holder.session_data] == ["open"]
