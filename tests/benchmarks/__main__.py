"""Prints one table per subject. SciFact and Cranfield are measured when ../shared/data is beside the project."""

import multiprocessing
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import conversations, formats, measure, scale

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"


def main() -> None:
    """Runs every part, each in a process of its own so that peak memory is its own."""
    _print("start", {"import assistant (s, median of 5)": _import_seconds(), **_page_seconds()})
    _print("sample collection, 97 abstracts", _apart(measure.sample))
    _print("written answers, scripted endpoint", _apart(measure.written))
    _print("conversations, sample collection", _apart(conversations.long))
    for title, folder in (("SciFact, test claims", DATA / "scifact"), ("Cranfield", DATA / "cranfield")):
        if folder.is_dir():
            _print(title, _apart(measure.beir, folder))
        else:
            print(f"\n{title}: skipped, ../shared/data is not there")
    _print(f"formats, {formats.RECORDS:,} records of each", formats.every_format())
    _print("arXiv metadata dump", formats.dump())
    if DATA.is_dir():
        _print("ingest beside chromadb alone, SciFact", _apart(scale.against_upsert, DATA / "scifact"))
        _print("ingest beside LlamaIndex's pipeline, SciFact", _apart(scale.against_pipeline, DATA / "scifact"))
        _print("ACL Anthology, wordllama", _apart(scale.collection, DATA / "acl_anthology.jsonl.gz"))


def _apart(function: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def _import_seconds() -> float:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import assistant"], check=True, cwd=ROOT)
        return time.perf_counter() - started

    return median(once() for _ in range(5))


def _page_seconds() -> dict[str, float]:
    """Seconds from the command to the page's first answer: on an empty home, and once more."""
    with tempfile.TemporaryDirectory() as home:
        return {
            "page ready, first start with indexing (s)": _until_page(home),
            "page ready, second start (s)": _until_page(home),
        }


def _until_page(home: str) -> float:
    command = [Path(sys.executable).with_name("research-assistant"), "serve", "--home", home, "--port", "7899"]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    with urllib.request.urlopen("http://127.0.0.1:7899/", timeout=5):
                        return time.perf_counter() - started
                except OSError:
                    time.sleep(0.05)
            raise RuntimeError("the page did not start; is port 7899 taken?")
        finally:
            process.terminate()
            process.wait(20)


def _print(title: str, rows: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<52} {value:,.4f}" if isinstance(value, float) else f"  {name:<52} {value}", flush=True)


if __name__ == "__main__":
    main()
