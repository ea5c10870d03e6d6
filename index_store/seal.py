"""Checksums of an index's files, kept beside them, which tell whether the files still are as they were left."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

_NAME = "checksums.json"


class Seal:
    """The checksums of those files of a folder that match a pattern.

    Neither Chroma nor tantivy notices all damage: vectors whose file was cut short, as a kill in the middle of writing
    may leave it, are searched all the same, or end the process. Here such files are known before they are opened.
    """

    def __init__(self, folder: Path, pattern: str) -> None:
        self._folder, self._pattern, self._writing = folder, pattern, Lock()

    @property
    def whole(self) -> bool:
        """Whether all files are as they were at the last `renew`. A folder without anything in it is whole."""
        if not self._folder.is_dir() or not any(self._folder.iterdir()):
            return True
        kept = self._kept()
        return kept is not None and all(self._checksum(name) == known[-1] for name, known in kept.items())

    def renew(self) -> None:
        """Notes how the files are now; reads only those that changed since."""
        with self._writing:
            kept = self._kept()
            now = {name: [*state, self._known(kept or {}, name, state)] for name, state in self._files()}
            if now != kept:
                fresh = self._folder / f"{_NAME}.new"
                fresh.write_text(json.dumps(now))
                os.replace(fresh, self._folder / _NAME)

    def _kept(self) -> dict[str, list[Any]] | None:
        try:
            found = json.loads((self._folder / _NAME).read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) and all(isinstance(each, list) for each in found.values()) else None

    def _files(self) -> Iterator[tuple[str, list[int]]]:
        """The names of the files with what changes when they do."""
        for path in sorted(self._folder.glob(self._pattern)):
            if path.is_file() and not path.name.startswith((".", _NAME)):
                found = path.stat()
                yield path.relative_to(self._folder).as_posix(), [found.st_size, found.st_mtime_ns]

    def _known(self, kept: dict[str, list[Any]], name: str, state: list[int]) -> str | None:
        known = kept.get(name)
        return known[-1] if known and known[:-1] == state else self._checksum(name)

    def _checksum(self, name: str) -> str | None:
        try:
            with (self._folder / name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
