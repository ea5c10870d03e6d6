"""Damaged files of every format: read within bounds, and nothing is raised but a `ReaderError`.

`FUZZ_EXAMPLES` says how many per format, and that they differ from run to run; without it they are few and the same.
"""

import gzip
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_store.errors import ReaderError
from index_store.papers import Paper, normalise
from index_store.readers import Malformed, Remark, read_file

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
FIXTURES = Path(__file__).parents[1] / "index_store" / "fixtures"
SEEDS = sorted(path for path in FIXTURES.rglob("*") if path.is_file())
LONGEST_TIME = 5.0  # seconds of this process's own time for one small file

# What formats give a meaning to; more likely to break something than a byte at random.
TOKENS = [
    *(
        b"{",
        b"}",
        b"\\",
        b'"',
        b"$",
        b"%",
        b"@",
        b"@article{",
        b"@string{a = a # a}",
        b"#",
        b"=",
        b",",
        b"\n",
        b"\r",
        b"\r\n",
    ),
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
        b"\x1b[2J",
        b"\x1f\x8b",
        b"PK\x03\x04",
        b"\xed\xa0\x80",
    ),
    *(
        b"<",
        b">",
        b"</",
        b"<a>",
        b"&",
        b"&lt;",
        b"&#0;",
        b"&#x110000;",
        b"]]>",
        b"<![CDATA[",
        b"<!DOCTYPE x [",
        b"<!--",
    ),
    *(
        b"TY  - ",
        b"ER  - ",
        b"PMID- 1",
        b"PT J\n",
        b"ER\n",
        b"[",
        b"]",
        b"null",
        b"NaN",
        b"1e999",
        b"-",
        b'{"title":',
        b'""',
    ),
    *(b"{" * 3000, b"[" * 3000, b"<a>" * 3000, b"\\emph{" * 500, b"x" * 5000, b" " * 5000, b"\n" * 3000, b"9" * 5000),
]


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """The content of a file after a few accidents."""
    content = seed
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 400)))
        accident = draw(st.sampled_from(["flip", "cut", "double", "insert", "replace", "end", "many"]))
        if accident == "flip" and start < len(content):
            flipped = content[start] ^ (1 << draw(st.integers(0, 7)))
            content = content[:start] + bytes([flipped]) + content[start + 1 :]
        elif accident == "cut":
            content = content[:start] + content[end:]
        elif accident == "double":
            content = content[:end] + content[start:]
        elif accident == "insert":
            content = content[:start] + draw(st.sampled_from(TOKENS) | st.binary(max_size=8)) + content[start:]
        elif accident == "replace":
            content = content[:start] + draw(st.sampled_from(TOKENS)) + content[end:]
        elif accident == "end":
            content = content[:start]
        elif accident == "many":
            content = content[:start] + content[start:end] * draw(st.integers(2, 30)) + content[end:]
    return draw(st.sampled_from([content, content, content, gzip.compress(content, 1)]))


class TooSlow(Exception):
    """A file of a few thousand bytes kept a reader busy for seconds, as a pattern that tries every way does."""


@contextmanager
def limited_time() -> Iterator[None]:
    """Stops what takes too long, in the middle of matching a pattern, too."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_TIME)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def check(path: Path) -> None:
    """Reads the file to its end, and looks at each thing that comes out."""
    try:
        for record in read_file(path):
            assert isinstance(record, Paper | Malformed | Remark)
            if isinstance(record, Paper):
                assert record.title.strip()
                normalise(record)
            else:
                told = str(record).removeprefix(str(path))
                assert told.isprintable(), f"{told!r} would write control characters to a terminal"
    except ReaderError as error:
        assert str(error).removeprefix(str(path)).isprintable()


@pytest.mark.timeout(600 + EXAMPLES)
@pytest.mark.parametrize("seed", SEEDS, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_a_damaged_file_is_read_or_refused(seed: Path, tmp_path: Path) -> None:
    whole = seed.read_bytes()
    path = tmp_path / seed.name

    @settings(max_examples=EXAMPLES or 12, derandomize=not EXAMPLES, database=None)
    @given(content=damaged(whole))
    def attempt(content: bytes) -> None:
        path.write_bytes(content)
        with limited_time():
            check(path)

    attempt()


def test_what_takes_too_long_is_noticed() -> None:
    with pytest.raises(TooSlow), limited_time():
        re.fullmatch(r"(a|a)*b", "a" * 64)


def test_there_are_seeds_of_many_formats() -> None:
    assert len({path.suffix for path in SEEDS}) >= 5
