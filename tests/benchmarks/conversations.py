"""A long conversation: what opening, painting and going on with it cost, and whether many turns leave memory behind."""

import asyncio
import gc
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from assistant import Assistant, Conversation, Done
from assistant.conversations import new_id
from ui import render
from ui.session import RECENT

_LONG, _MANY = 500, 2000  # turns
_QUESTIONS = (
    "What is MiniCache?",
    "How does ZipCache choose tokens?",
    "What is TabPFN?",
    "Which methods use low rank?",
)


def long() -> dict[str, Any]:
    """500 turns beside one, and the memory of 2,000 turns asked one after the other, over the sample collection."""
    with tempfile.TemporaryDirectory() as folder, Assistant.open(Path(folder)) as assistant:
        assistant.library.add_sample()
        assistant.library.index()
        return asyncio.run(_long(assistant)) | asyncio.run(_memory(assistant))


async def _long(assistant: Assistant) -> dict[str, Any]:
    first = await _asked(assistant, _QUESTIONS[0], Conversation.begun())
    turn, archive, chain = first.turns[0], assistant.conversations, Conversation.begun()
    for _ in range(_LONG):
        chain = archive.save(chain.with_turn(replace(turn, id=new_id()), first.references))
    found: dict[str, Any] = {}
    for name, one in (("1 turn", first), (f"{_LONG} turns", chain)):
        shown = replace(one, turns=one.turns[-RECENT:])
        found |= {
            f"{name}: open (ms)": _milliseconds(lambda one=one: archive.open(one.id)),
            f"{name}: paint the turns (ms)": _milliseconds(
                lambda one=one: render.conversation(one, archive.versions(one.id), RECENT)
            ),
            f"{name}: paint the sources (ms)": _milliseconds(lambda shown=shown: render.sources(shown)),
            f"{name}: ask one more (ms)": await _asking(assistant, one),
        }
    return found


async def _asking(assistant: Assistant, conversation: Conversation) -> float:
    times = []
    for question in _QUESTIONS * 2:
        began = time.perf_counter()
        await _asked(assistant, question, conversation)
        times.append(time.perf_counter() - began)
    return 1000 * median(times)


async def _memory(assistant: Assistant) -> dict[str, Any]:
    """Every twenty turns a new conversation, as a day's work is."""
    seen, conversation = list[float](), Conversation.begun()
    for number in range(_MANY):
        conversation = await _asked(assistant, _QUESTIONS[number % len(_QUESTIONS)], conversation)
        if number % 20 == 19:
            conversation = Conversation.begun()
        if number % 500 == 499:
            gc.collect()
            seen.append(_memory_mb())
    return {f"after {500 * place:,} turns: memory (MB)": value for place, value in enumerate(seen, start=1)}


async def _asked(assistant: Assistant, question: str, conversation: Conversation) -> Conversation:
    async for event in assistant.ask(question, conversation):
        if isinstance(event, Done):
            return event.conversation
    raise RuntimeError("the turn did not end")


def _memory_mb() -> float:
    """What the process holds now (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def _milliseconds(act: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return 1000 * median(times)
