"""The one way from a question to an answer."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from index_store import Library, SearchResult, open_embedder, search

from . import quoting
from .citations import Citation, CitationStream, Piece
from .conversations import Conversation, Outcome, Turn
from .errors import describe
from .events import Cited, Delta, Done, Event, Failed, Planned, Retrieved
from .routing import Mode, Plan, plan
from .settings import Settings, load_settings

_log = logging.getLogger(__name__)


@dataclass
class _Draft:
    """A turn while it is being written."""

    plan: Plan
    started: float = field(default_factory=time.perf_counter)
    pieces: list[Piece] = field(default_factory=list)
    result: SearchResult | None = None
    timings: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str) -> None:
        """Notes the seconds since the turn began."""
        self.timings[name] = round(time.perf_counter() - self.started, 4)

    def turn(self, outcome: Outcome, problem: str = "", dropped: int = 0) -> Turn:
        self.lap("total")
        hits = self.result.hits if self.result else ()
        return Turn(
            self.plan.question,
            self.plan.standalone,
            self.plan.mode,
            tuple(self.pieces),
            () if outcome is Outcome.REFUSED else tuple(hit.paper for hit in hits),
            outcome,
            searched=self.result.searched if self.result else 0,
            problem=problem,
            dropped_markers=dropped,
            timings=self.timings,
        )


class Assistant:
    """An open library and the settings it is asked with. Close it, or use it as a context manager."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings

    @classmethod
    def open(cls, home: Path | None = None, settings: Settings | None = None, *, rebuild: bool = False) -> "Assistant":
        """Opens the library of a home folder, or of the settings; finishes nothing that is pending.

        Raises `LibraryError` and its kinds, or `InvalidSettings`.
        """
        chosen = settings or load_settings(home=home)
        embedder = open_embedder(chosen.embedding_model, api_base=chosen.openai_base_url, api_key=chosen.openai_api_key)
        return cls(Library(home or chosen.home, embedder, rebuild=rebuild), chosen)

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives back the library."""
        self.library.close()

    def search(self, question: str, limit: int) -> SearchResult:
        """The `limit` best papers for a question."""
        return search(self.library, question, limit)

    async def answer(self, message: str, conversation: Conversation | None = None, mode: Mode = Mode.AUTO) -> Turn:
        """The whole turn at once; the same as the last event of `ask`."""
        async for event in self.ask(message, conversation, mode):
            if isinstance(event, Done | Failed):
                return event.turn
        raise AssertionError("a turn always ends with Done or Failed")

    async def ask(
        self,
        message: str,
        conversation: Conversation | None = None,
        mode: Mode = Mode.AUTO,
        stop: asyncio.Event | None = None,
    ) -> AsyncIterator[Event]:
        """One turn as events. When `stop` is set the turn ends soon, keeping what was written.

        Raises `InvalidQuestion` or `ModeNotBuilt` before the first event; any later failure is a `Failed` event.
        """
        conversation = conversation or Conversation()
        previous = conversation.turns[-1] if conversation.turns else None
        subjects = [citation.paper for citation in previous.citations] or list(previous.papers) if previous else []
        draft = _Draft(plan(message, mode, subjects, longest=self.settings.max_question_characters))
        yield Planned(draft.plan)
        stream = CitationStream(conversation.references, frozenset())
        try:
            result = await asyncio.to_thread(self.search, draft.plan.standalone, self.settings.search_papers)
            draft.result = result
            draft.lap("search")
            relevant = result.relevance >= self.settings.relevance_threshold
            if relevant:
                stream.references = stream.references.offer(hit.paper for hit in result.hits)
                stream.allowed = frozenset(hit.paper.id for hit in result.hits)
            yield Retrieved(result.hits if relevant else (), result.searched)
            text = quoting.answer(result, stream.references) if relevant else quoting.refusal(result)
            for chunk in text:
                for event in _emit(stream.feed(chunk), draft):
                    yield event
                await asyncio.sleep(0)
                if stop and stop.is_set():
                    break
            for event in _emit(stream.close(), draft):
                yield event
            outcome = Outcome.STOPPED if stop and stop.is_set() else Outcome.ANSWERED if relevant else Outcome.REFUSED
            turn = draft.turn(outcome, dropped=stream.dropped)
            yield Done(turn, conversation.with_turn(turn, stream.references))
        except Exception as error:
            _log.exception("the turn failed")
            problem = describe(error)
            turn = draft.turn(Outcome.FAILED, problem.message, stream.dropped)
            yield Failed(problem.message, problem.retryable, turn, conversation.with_turn(turn, stream.references))


def _emit(pieces: list[Piece], draft: _Draft) -> Iterator[Delta | Cited]:
    for piece in pieces:
        if isinstance(piece, Citation):
            draft.pieces.append(piece)
            yield Cited(piece)
        else:
            if draft.pieces and isinstance(draft.pieces[-1], str):
                draft.pieces[-1] += piece
            else:
                draft.pieces.append(piece)
            yield Delta(piece)
