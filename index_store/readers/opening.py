"""Files and archives -> sources: unpacked while they are read, within bounds, and with the encoding of their text."""

import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from ..errors import ReaderError
from .base import Malformed, Source
from .encodings import decoded, encoding

DAMAGE = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
"""What reading a damaged file or archive raises, at its start or anywhere later."""

_GZIP, _ZIP = b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_HEAD_CHARACTERS = 20_000
_SAMPLE = 256_000  # bytes that the encoding is told from
_ASCII_BEFORE = 64_000_000  # bytes of plain ASCII after which the rest is taken for UTF-8
_CHUNK = 64_000
_FREE = 100_000_000  # bytes that may come out of any archive
_FREE_MEMBER = 10_000_000
_HIGHEST_RATIO = 100  # of unpacked to packed bytes beyond those; text packs to a third, at most to a thirtieth
_MOST_MEMBERS = 10_000
_UNPACK = "unpack it and add what is in it"
_KINDS = (  # what a file that is not text begins with, what that is called, and what helps
    (b"%PDF", "a PDF", "add its title and abstract as text, or an export of your reference manager"),
    (b"\xd0\xcf\x11\xe0", "an Office document", "save it as CSV or as plain text"),
    (b"{\\rtf", "an RTF document", "save it as plain text"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\xfd7zXZ\0", "packed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "packed with Zstandard", _UNPACK),
    (b"BZh", "packed with bzip2", _UNPACK),
    (b"SQLite format 3\0", "a database", "export its papers as text, for example as BibTeX"),
)
_TAR_AT = 257
_OFFICE = ("[Content_Types].xml", "mimetype")  # members by which Office and OpenDocument files are known


class TooLarge(ReaderError):
    """An archive gives far more than text of its size can; raised while it is read."""


def open_sources(path: Path) -> Iterator[Source | Malformed]:
    """The file itself, or each member of a ZIP archive in turn; a source is closed when the next is asked for.

    Raises `ReaderError` if the file is no text or one of `DAMAGE` if it cannot be opened.
    """
    if path.is_dir():
        raise ReaderError(f"{path} is a folder; add the files in it.")
    if path.exists() and not path.is_file():
        raise ReaderError(f"{path} is a device or a pipe; save what it gives as a file and add that.")
    with path.open("rb") as file:
        start = file.read(4)
    if start in _ZIP:
        yield from _members(path)
        return
    size = path.stat().st_size
    yield from _opened(lambda: path.open("rb"), str(path), path, path.name, lambda: _Allowance(size, _FREE))


def _members(path: Path) -> Iterator[Source | Malformed]:
    """The members of an archive, which are read and never written anywhere: their names are only told."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
        raise ReaderError(f"{path} is a damaged ZIP archive: {str(error).rstrip('.')}.") from error
    with archive:
        everything = archive.infolist()
        if any(member.filename in _OFFICE for member in everything):
            raise ReaderError(f"{path} is an Office document; save it as CSV or as plain text and add that.")
        members = [member for member in everything if not _is_clutter(member)]
        if len(members) > _MOST_MEMBERS:
            raise ReaderError(f"{path} holds more than {_MOST_MEMBERS:,} files; unpack it and add them in parts.")
        if not members:
            raise ReaderError(f"{path} holds no files.")
        total = _Allowance(path.stat().st_size, _FREE)
        for member in members:
            yield from _member(archive, member, path, total)
            if total.used_up:
                raise TooLarge(f"{path} unpacks to far more than text can; it is not read any further.")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, total: "_Allowance") -> Iterator[Any]:
    label = f"{path}/{_shown(member.filename)}"
    # The sizes hold: what reads a member stops at them, whatever follows.
    if member.file_size > max(_FREE_MEMBER, member.compress_size * _HIGHEST_RATIO):
        yield Malformed(label, 0, "would unpack to far more than text can; it is not read.")
    elif member.flag_bits & 1:
        yield Malformed(label, 0, "is encrypted; unpack it and add it again.")
    else:
        try:
            yield from _opened(
                lambda: archive.open(member),
                label,
                path,
                PurePosixPath(member.filename).name,
                lambda: _Allowance(member.compress_size, _FREE_MEMBER, total),
            )
        except ReaderError as error:
            yield Malformed(label, 0, str(error).removeprefix(f"{label} "))
        except (*DAMAGE, ValueError) as error:  # the latter: a name that is no UTF-8 where it must be
            yield Malformed(label, 0, f"cannot be unpacked: {str(error).rstrip('.')}.")


def _is_clutter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what systems leave beside the files."""
    parts = PurePosixPath(member.filename).parts
    hidden = any(part.startswith(".") for part in parts if part != "..")
    return hidden or member.filename.endswith("/") or "__MACOSX" in parts


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in name)[:200]


def _opened(
    opens: Callable[[], Any], label: str, path: Path, own_name: str, allows: Callable[[], "_Allowance"]
) -> Iterator[Source]:
    """A source of what `opens` opens: once to tell what it is, and again to be read."""
    with opens() as file:
        packed = file.read(len(_GZIP)) == _GZIP
    if packed:
        own_name = own_name.removesuffix(".gz")
    with opens() as file:
        start, sample = _parts(_unpacked(file, packed, allows()))
    if packed and not start:
        with opens() as file:
            _unpacked(file, packed, allows()).read(1)  # raises the reason
    _refuse_other_kinds(start, label)
    name = encoding(start, sample)
    if not name:
        raise ReaderError(f"{label} is not a text file.")
    head = decoded(start, name)[:_HEAD_CHARACTERS]
    with opens() as file:
        stream = _unpacked(file, packed, allows())
        yield Source(path.name, label, PurePosixPath(own_name).suffix.lower(), stream, name, head)


def _unpacked(file: Any, packed: bool, allowance: "_Allowance") -> BinaryIO:
    """A stream of what is in a gzip file, or of the file as it is, bounded by what may come out of it."""
    return BufferedReader(_Bounded(gzip.GzipFile(fileobj=file) if packed else file, allowance), _CHUNK)


def _parts(stream: BinaryIO) -> tuple[bytes, bytes]:
    """The beginning of a stream, and a part of it from the first byte on that is not ASCII.

    Where it breaks off, what came before is taken: reading it will tell the reason, after the records until there.
    """
    start, sample, passed = b"", b"", 0
    with suppress(*DAMAGE, TooLarge):
        while passed < _ASCII_BEFORE and (chunk := stream.read(_CHUNK)):
            passed += len(chunk)
            start += chunk if len(start) < _SAMPLE else b""
            if sample or not chunk.isascii():
                sample += chunk
                if len(sample) >= _SAMPLE:
                    break
    return start, sample


def _refuse_other_kinds(start: bytes, label: str) -> None:
    """Raises `ReaderError` for what is known not to be text."""
    for mark, kind, instead in _KINDS:
        if start.startswith(mark):
            raise ReaderError(f"{label} is {kind}; {instead}.")
    if start.startswith((*_ZIP, _GZIP)):
        raise ReaderError(f"{label} is an archive within an archive; {_UNPACK}.")
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        raise ReaderError(f"{label} is a tar archive; {_UNPACK}.")


class _Allowance:
    """How many bytes may still be unpacked from `size` bytes, and from what they are a part of."""

    def __init__(self, size: int, free: int, whole: "_Allowance | None" = None) -> None:
        self._left, self._whole = max(free, size * _HIGHEST_RATIO), whole

    @property
    def used_up(self) -> bool:
        """Whether more was asked for than there was."""
        return self._left < 0

    def take(self, count: int) -> None:
        """Raises `TooLarge` if that is too much."""
        self._left -= count
        if self._whole:
            self._whole.take(count)
        if self.used_up:
            raise TooLarge("unpacks to far more than text can; it is not read any further.")


class _Bounded(RawIOBase):
    """A stream that counts what is read from it against an allowance."""

    def __init__(self, stream: Any, allowance: _Allowance) -> None:
        self._stream, self._allowance = stream, allowance

    def readable(self) -> bool:
        """What a buffer asks for."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer as far as the stream gives."""
        found: bytes = self._stream.read(len(buffer))
        self._allowance.take(len(found))
        buffer[: len(found)] = found
        return len(found)
