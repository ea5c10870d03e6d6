"""A server forgets the pages that are no longer there, and no others."""

import asyncio
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


async def test_a_session_is_forgotten_when_nothing_came_from_it_for_two_hours() -> None:
    holder = await holder_of("left", "open")
    later = datetime.now() + timedelta(hours=2, minutes=1)
    holder.time_last_used["open"] = later - timedelta(minutes=1)
    assert forgetting.forget(holder, later) == 1
    assert "left" not in holder and "open" in holder
    assert [*holder.time_last_used] == ["open"]


async def test_that_is_done_while_the_server_runs_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "_LOOK_SECONDS", 0.01)
    holder = await holder_of("left", "open")
    async with forgetting.forgetting(holder):
        holder.time_last_used["left"] -= timedelta(hours=3)
        await asyncio.sleep(0.1)
        assert [*holder.session_data] == ["open"]
    holder.time_last_used["open"] -= timedelta(hours=3)
    await asyncio.sleep(0.1)
    assert [*holder.session_data] == ["open"]
