"""A comparison: a table with a column for each subject, and what differs, agrees and cannot be compared."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index_store import Paper, PaperHit

from . import quoting, remarks
from .answer import as_data, compose, paper_lines
from .cells import ROWS, Match, Row, Source, rows
from .citations import References, escape_markdown
from .claims import ClaimChecker
from .grid import TableChecker
from .sides import Side
from .tables import NOT_STATED
from .writer import CountTokens, Request, Room


@dataclass(frozen=True, slots=True)
class Comparison:
    """The sides of one comparison; `match` finds sentences of given papers, `frequencies` counts papers by term."""

    question: str
    sides: tuple[Side, ...]
    aspects: tuple[str, ...]
    searched: int
    match: Match
    frequencies: remarks.Frequencies

    @property
    def may_hold_code(self) -> bool:
        """No: models like to set the table as a block of code, in which no marker would count."""
        return False

    @property
    def hits(self) -> Sequence[PaperHit]:
        """The papers of all sides, each once, the best of every side first."""
        longest = max((len(side.hits) for side in self.sides), default=0)
        turns = [side.hits[place] for place in range(longest) for side in self.sides if place < len(side.hits)]
        return tuple({hit.paper.id: hit for hit in reversed(turns)}.values())[::-1]

    @property
    def missing(self) -> tuple[str, ...]:
        """The subjects on which the collection holds nothing."""
        return tuple(side.name for side in self.sides if not side.hits)

    def quote(self, references: References) -> Iterator[str]:
        """The table with sentences word for word, then what can be read off the abstracts without judging them."""
        yield from self._absent()
        found = rows(self.sides, self.aspects, self.match)
        yield head(self.sides)
        for row in found:
            yield line(row.title, [_quoted(cell, references) for cell in row.cells])
        yield "\n"
        yield from remarks.written(self.sides, found, self.frequencies, references)
        papers = {source.paper.id for row in found for cell in row.cells for source in cell}
        yield quoting.footer(len(papers), self.searched)

    def refuse(self) -> Iterator[str]:
        """That nothing speaks of any of the subjects, and what comes nearest."""
        nearest = self.sides[0].nearest
        said = f"Nothing in this collection speaks of {either([side.name for side in self.sides])}."
        return quoting.refusal(said, nearest, self.searched)

    def request(self, room: Room) -> Request:
        """Rules, trimmed history, the papers side by side with an equal share for each, and the question."""

        def papers(left: int) -> tuple[tuple[Paper, ...], str]:
            found, blocks = share(self.sides, room.references, room.count, left)
            return found, "\n\n".join(blocks)

        return compose(
            room,
            "compare",
            papers,
            question=self.question,
            columns=" | ".join(plain(side.name) for side in self.sides),
            rows=", ".join([*map(plain, self.aspects), *ROWS]),
            missing=", ".join(map(plain, self.missing)) or "none",
        )

    def checked(self, checker: ClaimChecker) -> TableChecker:
        """The table's cells are checked one by one, the text around it as usual."""
        columns = [frozenset(hit.paper.id for hit in side.hits) for side in self.sides]
        return TableChecker(checker, head(self.sides), columns, self._own_words, list(self._absent()))

    def _own_words(self) -> list[Row]:
        """The table in quotations, for what a model leaves out."""
        return list(rows(self.sides, self.aspects, self.match))

    def _absent(self) -> Iterator[str]:
        """Names the sides without evidence."""
        for side in self.sides:
            if not side.hits:
                nearest = "; ".join(escape_markdown(paper.display_title) for paper in side.nearest)
                more = f" The nearest here: {nearest}." if nearest else ""
                yield f"**Nothing in this collection speaks of {escape_markdown(side.name)}.**{more}\n\n"


def head(sides: Sequence[Side]) -> str:
    """The first two lines of the table."""
    names = [f"{escape_markdown(side.name)}{_counted(side)}" for side in sides]
    return line("Aspect", names) + "|" + " --- |" * (len(sides) + 1) + "\n"


def line(title: str, cells: Sequence[str]) -> str:
    """A row of the table; an empty cell says so."""
    filled = [cell or NOT_STATED for cell in cells]
    return f"| **{escape_markdown(title[:1].upper() + title[1:])}** | {' | '.join(filled)} |\n"


def share(
    sides: Sequence[Side], references: References, count: CountTokens, budget: int
) -> tuple[tuple[Paper, ...], list[str]]:
    """The papers under the names of their sides: the first of every side, cut at a sentence if its share is too small,
    then the seconds and so on, whole, while they fit."""
    offered: dict[str, list[str]] = {}
    owner: dict[str, str] = {}
    present = [side for side in sides if side.hits]
    part = budget // max(1, len(present))
    for rank in range(max((len(side.hits) for side in present), default=0)):
        for side in present:
            if rank >= len(side.hits) or side.hits[rank].paper.id in offered:
                continue
            paper = side.hits[rank].paper
            lines = paper_lines(paper, references.key(paper.id))
            while rank == 0 and count("\n".join(lines)) > part and len(lines) > 2:
                lines.pop()
            size = count("\n".join(lines))
            if size <= budget or rank == 0:
                budget -= size
                offered[paper.id], owner[paper.id] = lines, side.name
    papers = {hit.paper.id: hit.paper for side in present for hit in side.hits}
    blocks = []
    for side in present:
        keys = [references.key(hit.paper.id) for hit in side.hits if hit.paper.id in offered]
        own = ["\n".join(offered[hit.paper.id]) for hit in side.hits if owner.get(hit.paper.id) == side.name]
        blocks.append(f"Papers on {plain(side.name)}: {', '.join(keys)}\n" + "\n".join(own))
    return tuple(papers[paper_id] for paper_id in offered), blocks


def plain(name: str) -> str:
    """A subject or aspect as a model sees it: one line that cannot be taken for markers or a table."""
    return as_data(name).replace("|", "/")


def either(names: Sequence[str]) -> str:
    """Names as a list with `or`, in Markdown."""
    shown = [escape_markdown(name) for name in names]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _counted(side: Side) -> str:
    return " (nothing found)" if not side.hits else f" ({len(side.hits)} papers)" if len(side.hits) > 1 else ""


def _quoted(cell: Sequence[Source], references: References) -> str:
    return " ".join(
        f"{escape_markdown(source.sentence.text)} [{references.key(source.paper.id)}.{source.sentence.number}]"
        for source in cell
    )
