"""Every file of both indexes, damaged in every way: it is noticed before it does harm, told in one line, and mended."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from index_store import Embedder, Library, LibraryError, LibraryUnreadable, open_embedder

from .papers import accepted, assert_sound, copied, embedded_texts, made_up

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

COUNT = 1300  # from about 1,000 vectors on, Chroma keeps its graph in files


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def scribbled(path: Path) -> None:
    path.write_bytes(b"\xa5\x00junk" * (path.stat().st_size // 6 + 1))


def scribbled_into(path: Path) -> None:
    content = bytearray(path.read_bytes())
    quarter = len(content) // 4
    content[quarter : 2 * quarter] = b"\xa5" * quarter
    path.write_bytes(content)


HOW = [cut_short, emptied, scribbled, scribbled_into, Path.unlink]
GRAPH = ["data_level0.bin", "header.bin", "index_metadata.pickle", "length.bin", "link_lists.bin"]
WORDS = ["meta.json", "*.fast", "*.fieldnorm", "*.idx", "*.pos", "*.store", "*.term", "checksums.json"]
FILES = [*(f"vectors/*/{name}" for name in GRAPH), "vectors/*.*", *(f"words/{name}" for name in WORDS)]


@pytest.fixture(scope="module")
def small_embedder() -> Embedder:
    return open_embedder("wordllama")


@pytest.fixture(scope="module")
def whole_home(tmp_path_factory: pytest.TempPathFactory, small_embedder: Embedder) -> Path:
    """A closed library with all of its papers indexed."""
    home = tmp_path_factory.mktemp("whole") / "home"
    with Library(home, small_embedder) as library:
        library.add_records(made_up(COUNT))
        library.index()
    return home


@pytest.mark.parametrize("files", FILES)
def test_a_damaged_file_is_noticed_told_and_mended(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder, files: str
) -> None:
    texts = embedded_texts(whole_home)
    for how in HOW:
        home = copied(whole_home, tmp_path / "home")
        damaged = list(home.glob(files))
        assert damaged, "there is such a file"
        for path in damaged:
            how(path)
        with Library(home, small_embedder) as library:
            assert [line.split(" was ")[0] for line in library.mended] == [f"The index of {named(files)}"]
            library.index()
        assert_sound(home, small_embedder, complete=True)
        assert (accepted(home), embedded_texts(home)) == (accepted(whole_home), texts)


def named(files: str) -> str:
    return "meanings" if files.startswith("vectors") else "words"


def test_what_a_torn_write_leaves_of_old_and_new_files_is_noticed(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder
) -> None:
    """Chroma writes its five files one after the other, and over the old ones."""
    later = copied(whole_home, tmp_path / "later")
    with Library(later, small_embedder) as library:
        library.add_records(made_up(COUNT, seed=2))
        library.index()
    for newer in range(1, len(GRAPH)):
        home = copied(whole_home, tmp_path / "home")
        for name in GRAPH[:newer]:
            (source,), (target,) = later.glob(f"vectors/*/{name}"), home.glob(f"vectors/*/{name}")
            shutil.copy(source, target)
        with Library(home, small_embedder) as library:
            assert library.mended
            library.index()
        assert_sound(home, small_embedder, complete=True)


def test_damage_that_shows_in_use_is_told_in_one_line_and_mended_by_the_next_start(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder
) -> None:
    home = copied(whole_home, tmp_path / "home")
    with Library(home, small_embedder) as library:
        for path in home.glob("words/*.store"):
            scribbled_into(path)  # in place, as it is read through memory
        with pytest.raises(LibraryUnreadable, match="research-assistant rebuild") as told:
            library.lexicon.ids()
        assert "\n" not in str(told.value)
    assert_sound(home, small_embedder, complete=True)


def test_a_list_of_files_that_tantivy_cannot_read_is_told_and_a_rebuild_mends_it(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder
) -> None:
    home = copied(whole_home, tmp_path / "home")
    scribbled(home / "words" / ".managed.json")
    with pytest.raises(LibraryUnreadable, match="research-assistant rebuild"):
        Library(home, small_embedder)
    with Library(home, small_embedder, rebuild=True) as library:
        library.index()
    assert_sound(home, small_embedder, complete=True)
    assert embedded_texts(home) == embedded_texts(whole_home)


# -- disks ------------------------------------------------------------------------------------------------------------


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """A small disk in memory at `folder`, and what mounts it again with other options."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]).returncode:
        pytest.skip("a small disk can be made by root only")
    try:
        yield lambda options: remount(folder, options)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


ADD = """
import sys
from pathlib import Path
from index_store import Library, LibraryError, open_embedder
from tests.faults.papers import made_up

papers = made_up(4000)
try:
    with Library(Path(sys.argv[1]), open_embedder("wordllama")) as library:
        for start in range(0, len(papers), 200):
            library.add_records(papers[start : start + 200])
            print("accepted", start + 200, flush=True)
            library.index()
except LibraryError as error:
    print("told", error)
"""


@pytest.mark.parametrize("size", ["100k", "300k", "700k", "3m", "18m", "22m", "28m", "35m"])
def test_a_full_disk_is_told_in_one_line_and_loses_nothing(tmp_path: Path, small_embedder: Embedder, size: str) -> None:
    with disk(tmp_path / "disk", size) as again:
        home = tmp_path / "disk" / "home"
        root = Path(__file__).parents[2]
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ADD, home], cwd=root, capture_output=True, text=True, timeout=300
        )
        assert ran.returncode == 0, ran.stderr
        *accepts, last = ran.stdout.strip().splitlines()
        assert last.startswith("told") and "the disk is full" in last and len(last) < 400
        again("size=200m")
        count = int(accepts[-1].split()[-1]) if accepts else 0
        assert len(accepted(home)) >= count
        with Library(home, small_embedder) as library:
            library.index()
            assert not library.status().pending
        assert_sound(home, small_embedder, complete=True)
        assert len(accepted(home)) >= count


def test_a_disk_that_can_only_be_read_is_told_and_what_is_on_it_stays(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder
) -> None:
    with disk(tmp_path / "disk", "200m") as again:
        home = copied(whole_home, tmp_path / "disk" / "home")
        again("ro")
        with pytest.raises(LibraryUnreadable, match="cannot be written; choose another one with --home"):
            Library(home, small_embedder)
        again("rw")
        assert_sound(home, small_embedder, complete=True)


@pytest.mark.parametrize("folder", ["words", "vectors"])
def test_an_index_that_can_only_be_read_is_told_and_stays(
    tmp_path: Path, whole_home: Path, small_embedder: Embedder, folder: str
) -> None:
    home = copied(whole_home, tmp_path / "home")
    shutil.rmtree(home / folder)
    with disk(home / folder, "200m") as again:
        shutil.copytree(whole_home / folder, home / folder, dirs_exist_ok=True)
        again("ro")
        with pytest.raises(LibraryError, match="cannot be written") as told, Library(home, small_embedder) as library:
            library.add_records(made_up(3, seed=3))
            library.index()
        assert "\n" not in str(told.value)
        again("rw")
        with Library(home, small_embedder) as library:
            assert library.mended == ()
            library.index()
        assert_sound(home, small_embedder, complete=True)
        assert len(accepted(home)) >= COUNT
