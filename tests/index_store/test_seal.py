"""A folder's files are known to be as they were left, whatever was done to them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from index_store.seal import Seal


@pytest.fixture
def seal(tmp_path: Path) -> Seal:
    """Of a folder with two files that are sealed, and one that is not."""
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "nodes").write_bytes(b"nodes" * 1000)
    (tmp_path / "graph" / "edges").write_bytes(b"edges" * 1000)
    (tmp_path / "database").write_bytes(b"rows")
    made = Seal(tmp_path, "*/*")
    made.renew()
    return made


def one_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[2500] ^= 1
    path.write_bytes(content)


def longer(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize("damage", [one_byte, longer, Path.unlink])
def test_any_change_of_a_sealed_file_shows(tmp_path: Path, seal: Seal, damage: Callable[[Path], None]) -> None:
    assert seal.whole
    damage(tmp_path / "graph" / "edges")
    assert not seal.whole
    seal.renew()
    assert seal.whole


def test_other_files_may_change_and_new_ones_come(tmp_path: Path, seal: Seal) -> None:
    (tmp_path / "database").write_bytes(b"more rows")
    (tmp_path / "graph" / "half written").write_bytes(b"...")
    assert seal.whole


def test_a_folder_is_whole_if_it_is_absent_or_empty_and_not_if_it_was_never_sealed(tmp_path: Path) -> None:
    assert Seal(tmp_path / "absent", "*").whole
    assert Seal(tmp_path, "*").whole
    (tmp_path / "file").write_bytes(b"content")
    assert not Seal(tmp_path, "*").whole


@pytest.mark.parametrize("content", ["", "{", "[]", '{"graph/nodes": 1}', '{"graph/nodes": [1, 2, "3"]}'])
def test_a_damaged_list_of_checksums_makes_no_folder_whole(tmp_path: Path, seal: Seal, content: str) -> None:
    (tmp_path / "checksums.json").write_text(content)
    assert not seal.whole
    seal.renew()
    assert seal.whole


def test_only_what_changed_is_read_again(tmp_path: Path, seal: Seal, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    checksum = Seal._checksum

    def noted(self: Seal, name: str) -> str | None:
        read.append(name)
        return checksum(self, name)

    monkeypatch.setattr(Seal, "_checksum", noted)
    seal.renew()
    assert read == []
    one_byte(tmp_path / "graph" / "nodes")
    seal.renew()
    assert read == ["graph/nodes"]
