"""A turn while it is being written."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from index_store import Paper

from .citations import Citation, Piece, References, Uncited
from .compare import Comparison
from .conversations import Outcome, Turn
from .events import Cited, Delta, Unsourced
from .llm import Call
from .routing import Plan
from .settings import Settings
from .summarise import Overview
from .usage import Usage
from .writer import Writer


@dataclass
class Draft:
    """What is known of a turn so far."""

    plan: Plan
    references: References
    id: str = ""
    llm: str | None = None
    started: float = field(default_factory=time.perf_counter)
    pieces: list[Piece] = field(default_factory=list)
    writer: Writer | None = None
    dropped: int = 0
    usage: Usage | None = None
    note: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    cut: bool = False  # stopped before all was written
    ended: Turn | None = None

    def lap(self, name: str) -> None:
        """Notes the seconds since the turn began."""
        self.timings[name] = round(time.perf_counter() - self.started, 4)

    def remark(self, text: str) -> None:
        """Adds to what the reader should know of the answer."""
        self.note = f"{self.note} {text}".strip()

    def spent(self, call: Call) -> None:
        """Adds what a call used."""
        self.usage = (self.usage or Usage()) + call.usage

    def add(self, piece: Piece) -> Delta | Cited | Unsourced:
        """Takes a piece in; returns the event that tells of it."""
        if isinstance(piece, str) and self.pieces and isinstance(self.pieces[-1], str):
            self.pieces[-1] += piece
        else:
            self.pieces.append(piece)
        match piece:
            case str():
                return Delta(piece)
            case Citation():
                return Cited(piece)
            case Uncited():
                return Unsourced(piece)

    @property
    def cited(self) -> list[str]:
        """The ids of the papers cited so far."""
        return [piece.paper.id for piece in self.pieces if isinstance(piece, Citation)]

    @property
    def papers(self) -> Sequence[Paper]:
        """What was found, and what else a map shows."""
        found = [hit.paper for hit in self.writer.hits] if self.writer else []
        shown = self.writer.topic_map if isinstance(self.writer, Overview) else None
        on_map = [dot.paper for dot in shown.dots] if shown else []
        return list({paper.id: paper for paper in [*found, *on_map]}.values())

    def turn(self, outcome: Outcome, settings: Settings, problem: str = "") -> Turn:
        """The turn as it is kept."""
        self.lap("total")
        writer = self.writer
        overview = writer if isinstance(writer, Overview) and outcome is not Outcome.REFUSED else None
        return Turn(
            self.plan,
            tuple(self.pieces),
            () if outcome is Outcome.REFUSED else tuple(self.papers),
            outcome,
            searched=writer.searched if writer else 0,
            llm=self.llm,
            problem=problem,
            note=self.note,
            dropped_markers=self.dropped,
            usage=self.usage,
            cost=self.usage.cost(self.llm, settings.llm_prices) if self.usage and self.llm else None,
            timings=self.timings,
            missing=writer.missing if isinstance(writer, Comparison) else (),
            themes=overview.themes if overview else (),
            topic_map=overview.topic_map if overview else None,
            id=self.id,
        )

    def end(self, outcome: Outcome, settings: Settings, problem: str = "") -> Turn:
        """The turn as it ended; what comes after, such as a page that is closed, does not change it."""
        self.ended = self.turn(outcome, settings, problem)
        return self.ended

    def broken_off(self, settings: Settings, problem: str = "") -> Turn:
        """The turn that ends here, in the middle: failed if there is a problem, else stopped."""
        if isinstance(self.writer, Overview) and self.pieces:
            covered, last = self.writer.coverage(self.cited), self.pieces[-1]
            if not (isinstance(last, str) and last.endswith(covered)):  # a reader may leave right behind it
                self.add(covered)
        return self.end(Outcome.FAILED if problem else Outcome.STOPPED, settings, problem)
