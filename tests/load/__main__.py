"""Fifty readers on one process: alone, with the model's server gone in the middle, and while papers are added; a soak.

`make load` runs all but the soak: READERS (50) readers ask QUESTIONS (10) questions of each of the three kinds, and
read for READING (15) seconds, half of it more or less, before they ask on. `make soak` runs the soak of MINUTES (15)
without such pauses.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import httpx

from assistant.testing import ScriptedServer
from index_store import Library, open_embedder
from tests.ui.browser import process_of

from .model import MARKER, reply
from .reader import Answer, Page, Reader, at_once

READERS, QUESTIONS = int(os.environ.get("READERS", "50")), int(os.environ.get("QUESTIONS", "10"))
READING = float(os.environ.get("READING", "15"))
MINUTES = float(os.environ.get("MINUTES", "15"))
_ADDED = 5000  # papers
_ALONE = 60  # questions of each kind by one reader; of 20 the slowest two would decide
# The marker of a reader must not change how many papers a summary is of: of more than six the model takes notes first.
_KINDS = {
    "ask": "How does MiniCache compress the KV cache, asks {}?",
    "compare": "How does MiniCache differ from ZipCache on memory, asks {}?",
    "summarise": "Summarise KV cache compression ({})",
}
_AT_MOST = 3.0  # times what one reader waits for the first words
_GONE = 5.0  # seconds that the model's server stays away


@dataclass
class Served:
    """The page of one process, and what it is measured by."""

    address: str
    process: int
    home: Path
    model: ScriptedServer
    log: Path

    def searches(self) -> int:
        """How many turns it has told of in its log so far."""
        return len(self._told())

    def search_seconds(self, after: int = 0) -> dict[str, list[float]]:
        """What the searches of the turns took that came after so many others, by the kind of their question.

        With what waits for a thread, and with the first keeping of the turn.
        """
        took: dict[str, list[float]] = {}
        for turn in self._told()[after:]:
            seconds = turn["seconds"]
            took.setdefault(turn["kind"], []).append(seconds["search"] - seconds.get("plan", 0.0))
        return took

    def _told(self) -> list[dict[str, Any]]:
        lines = self.log.read_text(encoding="utf-8").splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]  # no half one
        return [turn for turn in told if "search" in turn.get("seconds", {})]

    def memory(self) -> float:
        """Megabytes that the process holds now."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def threads(self) -> int:
        """How many threads it has."""
        return len(list(Path(f"/proc/{self.process}/task").iterdir()))

    def open_files(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self.process}/fd").iterdir()))

    def kept(self) -> float:
        """Megabytes of the databases of the home folder."""
        return sum(file.stat().st_size for file in self.home.glob("*.sqlite3*")) / 1e6


@contextmanager
def page() -> Iterator[Served]:
    """The page over the sample collection, with a scripted model."""
    with tempfile.TemporaryDirectory() as folder, ScriptedServer() as model:
        home = Path(folder)
        with Library(home, open_embedder("minilm")) as library:
            library.add_sample()
            library.index()
        model.answer = reply
        settings = {"OPENAI_BASE_URL": model.base_url, "RESEARCH_ASSISTANT_LLM_MODEL": "scripted"}
        settings |= {"RESEARCH_ASSISTANT_LOG_LEVEL": "info", "RESEARCH_ASSISTANT_LOG_FORMAT": "json"}
        log = home / "said.log"
        with log.open("wb") as said, process_of(home, log=said, **settings) as (address, process):
            yield Served(address, process.pid, home, model, log)


@contextmanager
def adding(served: Served) -> Iterator[None]:
    """Adds papers with the command line meanwhile; they must be in at the end."""
    file = served.home.parent / f"{served.home.name}.jsonl"
    papers = (
        {"title": f"Paper {n} on cell g{n:05}", "abstract": f"Cell g{n:05} grows. It is {n} long."}
        for n in range(_ADDED)
    )
    file.write_text("\n".join(map(json.dumps, papers)), encoding="utf-8")
    program = Path(sys.executable).with_name("research-assistant")
    command = subprocess.Popen([program, "add", file, "--home", served.home], stdout=subprocess.DEVNULL)
    try:
        yield
        assert command.wait(600) == 0, "the papers could not be added"
    finally:
        command.kill()
        file.unlink()


async def asking(
    served: Served, readers: int, questions: int, first: int = 0, reading: float = 0.0, sessions: str = ""
) -> list[Answer]:
    """The answers that so many readers get, each asking its questions one after the other, `reading` seconds apart.

    Each has opened the page anew, or has one of the `sessions` before.
    """
    limits, timeout = httpx.Limits(max_connections=None), httpx.Timeout(120)
    async with httpx.AsyncClient(base_url=served.address, limits=limits, timeout=timeout) as client:
        shown = Page.of((await client.get("/config")).json())

        async def work(reader: Reader) -> list[Answer]:
            answers: list[Answer] = []
            await asyncio.sleep(random.uniform(0, reading))
            for number in range(questions):
                for kind, question in _KINDS.items():
                    await reader.new()
                    marker = f"{reader.name}n{number}{kind[0]}"
                    answers.append(await reader.ask(question.format(marker), kind, marker))
                    await asyncio.sleep(random.uniform(0.5, 1.5) * reading)
            return answers

        known = [f"{sessions}{n}" if sessions else "" for n in range(readers)]
        pages = [Reader(client, shown, f"reader{first + n}", known[n]) for n in range(readers)]
        await asyncio.gather(*(page.new() for page in pages))  # they have opened the page before
        return await at_once(pages, work)


def report(
    title: str, answers: Sequence[Answer], alone: Sequence[Answer] = (), *, model_gone: bool = False
) -> list[str]:
    """Prints what came of the questions of one run, beside those of one reader; returns what must not be.

    Where the model was gone a turn may have failed, but it must stand there as such.
    """
    mixed = [one for one in answers if set(MARKER.findall(one.shown)) - {one.asked}]
    dropped = [one for one in answers if one.asked not in one.shown]
    unanswered = [one for one in answers if not one.whole]
    print(f"\n{title}: {len(answers)} questions, {len(unanswered)} without an answer")
    for one in unanswered[:3]:
        print(f"    {one.asked}: {one.problem or 'the turn ended without one'}"[:300])
    wrong = [f"{title}: {len(mixed)} mixed, {len(dropped)} dropped, {len(unanswered)} unanswered"]
    wrong = wrong if mixed or dropped or (unanswered and not model_gone) else []
    for name, said in _NAMES.items():
        for kind in _KINDS:
            now, before = p95(_times(answers, kind, name)), p95(_times(alone, kind, name))
            times = f", alone {before:.2f} s, {now / before:.1f} times" if alone else ""
            print(f"  {kind}: {said} {now:.2f} s (p95){times}")
            if name == "first" and alone and now > _AT_MOST * before:
                wrong.append(f"{title}: first words of {kind} after {now / before:.1f} times what one reader waits")
    return wrong


_NAMES = {"sources": "papers shown after", "first": "first words after", "whole": "whole after"}


def p95(times: Sequence[float]) -> float:
    """The time that 95 of 100 stayed under, in seconds."""
    return quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else float(*times or (float("nan"),))


def _times(answers: Sequence[Answer], kind: str, name: str) -> list[float]:
    return [seen for one in answers if one.kind == kind and (seen := getattr(one, name)) is not None]


def told_of_searches(served: Served, after: int, before: dict[str, list[float]]) -> dict[str, list[float]]:
    """Prints what the searches took since so many turns ago, beside those of one reader; returns that."""
    found = served.search_seconds(after)
    for kind, times in found.items():
        alone = f", alone {p95(before[kind]):.2f} s" if before else ""
        print(f"  {kind}: searched in {p95(times):.2f} s (p95){alone}")
    return found


def load() -> list[str]:
    """Prints one part for each situation; returns what must not be."""
    with page() as served:
        asyncio.run(asking(served, 1, 1))  # what is loaded with the first question
        begun = served.searches()
        alone = asyncio.run(asking(served, 1, max(_ALONE, QUESTIONS)))
        wrong = report("one reader", alone)
        searches = told_of_searches(served, begun, {})
        begun = served.searches()
        many = asyncio.run(asking(served, READERS, QUESTIONS, 100, READING))
        wrong += report(f"{READERS} readers", many, alone)
        told_of_searches(served, begun, searches)
        begun = served.searches()
        gone = asyncio.run(_without_model(served))
        wrong += report(f"{READERS} readers, the model gone for {_GONE:.0f} s", gone, alone, model_gone=True)
        told_of_searches(served, begun, searches)
        begun = served.searches()
        with adding(served):  # last, as every later question would be of more papers than the one reader's
            beside = asyncio.run(asking(served, READERS, QUESTIONS, 200, READING))
        wrong += report(f"{READERS} readers while {_ADDED:,} papers are added", beside, alone)
        told_of_searches(served, begun, searches)
        print(f"\nmemory {served.memory():.0f} MB, {served.threads()} threads, {served.open_files()} open files")
    return wrong


async def _without_model(served: Served) -> list[Answer]:
    async def interrupt() -> None:
        await asyncio.sleep(10)
        await asyncio.to_thread(served.model.leave)
        await asyncio.sleep(_GONE)
        served.model.come_back()

    answers, _ = await asyncio.gather(asking(served, READERS, QUESTIONS, 300, READING), interrupt())
    return answers


def soak() -> list[str]:
    """Asks for so many minutes, ten readers at once, and prints what the process holds; returns what must not be."""
    with page() as served:
        asyncio.run(asking(served, 10, 1, sessions="soak"))
        began, runs, answers = time.monotonic(), 0, list[Answer]()
        print("minutes, questions, dropped, memory MB, threads, open files, databases MB")
        while True:
            minutes = (time.monotonic() - began) / 60
            dropped = sum(not one.whole for one in answers)
            held = f"{served.memory():.0f}, {served.threads()}, {served.open_files()}, {served.kept():.1f}"
            print(f"{minutes:.1f}, {len(answers)}, {dropped}, {held}", flush=True)
            if minutes >= MINUTES:
                return [f"{dropped} questions without an answer"] if dropped else []
            runs += 1
            answers += asyncio.run(asking(served, 10, 5, 1000 * runs, sessions="soak"))


if __name__ == "__main__":
    sys.exit("\n".join({"load": load, "soak": soak}[sys.argv[1]]()) or 0)
