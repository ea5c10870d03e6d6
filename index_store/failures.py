"""What SQLite, Chroma and tantivy raise, put into one line that says what to do."""

import errno
import os
import shutil
from pathlib import Path

from .errors import LibraryUnreadable

_ROOM = 16_000_000  # bytes that must be free before an index is changed
_LINE = 200  # characters of what was raised that are passed on
_FULL = ("no space left", "disk is full", "disk full", "file too large")
_SEALED = ("readonly", "read-only", "permission denied")


def told(what: str, error: BaseException, remedy: str = "run `research-assistant rebuild`") -> LibraryUnreadable:
    """The error that a reader sees when `what` failed; `remedy` is for what is neither a full disk nor a locked one."""
    said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")[:_LINE]
    if any(sign in str(error).lower() for sign in _FULL):
        return LibraryUnreadable(
            f"{what} cannot be written: the disk is full. Make room and repeat the command; what was accepted is kept."
        )
    if any(sign in str(error).lower() for sign in _SEALED):
        return LibraryUnreadable(
            f"{what} cannot be written ({said}). Allow writing there, or choose another folder with --home."
        )
    return LibraryUnreadable(f"{what} cannot be used ({said}); {remedy}.")


def require_room(what: str, folder: Path, size: int = 0) -> None:
    """Raises `LibraryUnreadable` unless so many bytes can be written, and some more.

    On a full disk Chroma 1.5.9 may wait for ever, and tantivy may not say what was wrong.
    """
    if shutil.disk_usage(folder).free < _ROOM + size:
        raise told(what, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))


def panicked(error: BaseException) -> bool:
    """Whether an extension in Rust gave up; what it raises then is no `Exception` and has no importable name."""
    return type(error).__name__ == "PanicException"


def emptied(folder: Path) -> None:
    """Removes the folder of an index, or whatever has taken its place."""
    if folder.is_dir() and not folder.is_symlink():
        shutil.rmtree(folder, ignore_errors=True)
    else:
        folder.unlink(missing_ok=True)
