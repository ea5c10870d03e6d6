"""An index of words that follows a catalogue on a server, to which other processes write as well.

Every process has an index of words in its own home, so that no `worded` of the catalogue can say what it holds. The
catalogue numbers its changes instead, and each home remembers up to which of them its index has come.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .catalogue import Catalogue
from .lexicon import Lexicon
from .locks import Turns

_BATCH = 2000  # papers in one commit of the index
_LITTLE = 200  # papers that a question takes in itself, in about a tenth of a second; it has no time for more
_LITTLE_SECONDS = 0.2  # it waits so long for another thread that changes the index, and as long for a process


@dataclass(frozen=True, slots=True)
class Reached:
    """How far an index has come: all papers up to this change, and of its papers those up to this position.

    `since` is the change at which it was begun with nothing in it.
    """

    change: int
    position: int
    since: int


class Bookmark:
    """Keeps in a file how far the index beside it has come; one that was made `of` something else counts as none.

    It is written after the index and forgotten before it, so that a kill in between only repeats work.
    """

    def __init__(self, file: Path, of: str) -> None:
        self._file, self._of = file, of

    def read(self) -> Reached | None:
        """What was written last, or None."""
        try:
            known = json.loads(self._file.read_bytes())
            return Reached(**known["reached"]) if known["of"] == self._of else None
        except (OSError, ValueError, KeyError, TypeError):  # not there, or not whole after a power failure
            return None

    def write(self, reached: Reached) -> None:
        """Remembers how far it has come."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(json.dumps({"of": self._of, "reached": asdict(reached)}))
        os.replace(fresh, self._file)

    def forget(self) -> None:
        """The index is to be made anew."""
        self._file.unlink(missing_ok=True)


def follow(catalogue: Catalogue, lexicon: Lexicon, bookmark: Bookmark, writing: Turns) -> None:
    """Has an index of words hold what the catalogue holds now. `writing` is held while the index is changed."""
    while (reached := _reached(catalogue, bookmark)) is None or _leaves_any(catalogue, reached):
        with writing():
            _take_in(catalogue, lexicon, bookmark, _BATCH)


def follow_a_little(catalogue: Catalogue, lexicon: Lexicon, bookmark: Bookmark, writing: Turns) -> bool:
    """Takes in so few of the next changes that a question can wait for it; whether there were any.

    An index that has to be made anew is left to `follow`. Raises `LibraryInUse` where others change the index for long.
    """
    before = _reached(catalogue, bookmark)
    if before is None or not _leaves_any(catalogue, before):
        return False
    with writing.soon(_LITTLE_SECONDS):
        if bookmark.read() == before:  # else another question, or who follows, has taken them in meanwhile
            _take_in(catalogue, lexicon, bookmark, _LITTLE)
    return True


def _take_in(catalogue: Catalogue, lexicon: Lexicon, bookmark: Bookmark, most: int) -> None:
    reached = _reached(catalogue, bookmark)
    if reached is None:
        bookmark.forget()
        reached = Reached(0, 0, since=catalogue.last_change())
        lexicon.put([], removed=lexicon.ids())
    changed = catalogue.changed_after(reached.change, reached.position, most)
    if changed:
        here = [each.paper for each in changed if each.is_here]
        lexicon.put(here, removed=[each.paper.id for each in changed if not each.is_here])
        reached = Reached(changed[-1].change, changed[-1].position, reached.since)
    bookmark.write(reached)


def _reached(catalogue: Catalogue, bookmark: Bookmark) -> Reached | None:
    """How far the index has come, or None where it has to be made anew."""
    reached = bookmark.read()
    return reached if reached and catalogue.leads_on(reached.change, reached.since) else None


def _leaves_any(catalogue: Catalogue, reached: Reached) -> bool:
    return bool(catalogue.changed_after(reached.change, reached.position, 1))
