"""The one way from a question to an answer."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

from index_store import (
    AddReport,
    AsOfChange,
    Background,
    ChromaServer,
    Embedder,
    EndpointReranker,
    Filter,
    Identifier,
    Library,
    Paper,
    Ranking,
    SearchResult,
    add_fetched,
    everything,
    fetch,
    like,
    open_embedder,
    search,
    sentences,
)

from . import judge, notes
from .archive import Archive
from .archive_file import place_of
from .citations import CitationStream, Piece, TargetStream, escape_markdown
from .claims import ClaimChecker
from .compare import Comparison
from .connection import Connection
from .conversations import Conversation, Outcome, Turn, new_id
from .draft import Draft
from .errors import LLMError, describe
from .events import Checked, Done, Estimated, Event, Failed, Planned, Reading, Retrieved
from .examples import examples
from .gather import Finder, gather
from .intent import MOST_SUBJECTS, Length
from .keeping import Keeper, kept
from .limits import limited
from .llamaindex import PaperChatEngine, PaperRetriever
from .llm import Call, LanguageModel, warm_up
from .logs import log_turn
from .planning import is_foreign, read_again
from .preferences import Preferences, usual
from .prompts import Prompts
from .references import reference
from .routing import Mode, plan
from .settings import Settings, load_settings
from .streams import in_steps, until_stopped
from .summarise import Overview
from .support import SupportChecker
from .usage import Usage
from .writer import AnswerCheck, Room, Writer

_log = logging.getLogger(__name__)
_JUDGE_TOKENS = 500
_CUT = "The answer was cut at its limit of {limit:,} tokens (RESEARCH_ASSISTANT_LLM_MAX_TOKENS)."
_NOT_JUDGED = "The answer could not be judged again; its labels are those of the support check."
_NO_SOURCE = "No sentence of the papers was found for this answer. Try again, or ask for quotations instead."
_TOO_MANY = "A comparison has at most {most} subjects; left out: {names}."
_NONE_PASSES = "**Nothing here is within your limits** ({limits}). Widen or clear them, then ask again.\n"
_UNREAD = "{count} papers on this topic were not read, to keep to {calls} calls (RESEARCH_ASSISTANT_SUMMARY_CALLS)."


class Assistant:
    """An open library and the settings it is asked with. Close it, or use it as a context manager."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings
        self.background = Background(library)
        self.reranker = (
            EndpointReranker(url=settings.rerank_url, model=settings.rerank_model, api_key=settings.rerank_api_key)
            if settings.rerank_url
            else None
        )
        self._prompts = Prompts(settings.prompts_folder)
        # The check was calibrated with MiniLM, whatever model the index uses.
        self._shares_vectors = settings.embedding_model == "minilm"
        self._support = SupportChecker(lambda texts: self._minilm.embed(texts))
        self._archive: Archive | None = None
        self._examples = AsOfChange(library.catalogue, lambda: examples(library))
        self._opening = threading.Lock()

    @property
    def conversations(self) -> Archive:
        """The conversations that are kept in the home folder or the database, opened when they are first asked for.

        Raises `ArchiveUnreadable`.
        """
        with self._opening:
            self._archive = self._archive or Archive(place_of(self.library.home, self.settings.database))
            return self._archive

    @cached_property
    def _minilm(self) -> Embedder:
        """Loaded when a claim is first checked, as a search from the shell needs none."""
        return self.library.embedder if self._shares_vectors else open_embedder("minilm")

    @classmethod
    def open(cls, home: Path | None = None, settings: Settings | None = None, *, rebuild: bool = False) -> "Assistant":
        """Opens the library of a home folder, or of the settings; finishes nothing that is pending.

        Raises `LibraryError` and its kinds, or `InvalidSettings`.
        """
        chosen = settings or load_settings(home=home)
        embedder = open_embedder(chosen.embedding_model, api_base=chosen.openai_base_url, api_key=chosen.openai_api_key)
        server = (
            ChromaServer(chosen.chroma_url, chosen.chroma_token, chosen.chroma_tenant, chosen.chroma_database)
            if chosen.chroma_url
            else None
        )
        library = Library(home or chosen.home, embedder, rebuild=rebuild, server=server, database=chosen.database)
        return cls(library, chosen)

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what runs behind, and gives back the library and the conversations."""
        self.background.stop()
        if self._archive:
            self._archive.close()
        self.library.close()

    def warm_up(self) -> None:
        """Loads what the first question would otherwise wait for."""
        search(self.library, "warm up", 1)
        self._support.check("warm up", ["warm up"])
        sentences("It warms up. It is warm.")
        reference(Paper("Warm up", ""), "bibtex")
        if self.connection:
            warm_up()

    def examples(self) -> list[str]:
        """Up to four questions that the library can answer now. Raises `LibraryError`."""
        return self._examples()

    def search(
        self, question: str, limit: int, ranking: Ranking = Ranking.FUSED, within: Filter = everything
    ) -> SearchResult:
        """The `limit` best papers for a question, of those that pass a filter."""
        reranker = self.reranker if ranking is Ranking.FUSED else None  # the parts are for measuring
        reranked = self.settings.rerank_papers if reranker else 0
        return search(
            self.library, question, limit, ranking=ranking, within=within, reranker=reranker, reranked=reranked
        )

    def like(self, paper_id: str, limit: int = 6) -> tuple[Paper, ...]:
        """The papers nearest in meaning to one of the library, nearest first; none if it is not there any more.

        Raises `EmbeddingError` if it is not embedded yet and cannot be.
        """
        paper = self.library.catalogue.papers([paper_id]).get(paper_id)
        return like(self.library, paper, limit) if paper else ()

    def add_identifiers(
        self,
        identifiers: Sequence[Identifier],
        progress: Callable[[AddReport], None] | None = None,
        stop: threading.Event | None = None,
        *,
        collection: str = "",
    ) -> AddReport:
        """Adds papers by their arXiv ids and DOIs, asked of the services of the settings; found by words at once.

        Raises `OnlineError` where a service cannot be reached; what came before is in.
        """
        records = fetch(identifiers, self.settings.services, stop)
        try:
            return add_fetched(self.library.catalogue, records, progress, stop, collection=collection)
        finally:
            self.library.take_in()

    def as_retriever(self, k: int = 10, ranking: Ranking = Ranking.FUSED) -> PaperRetriever:
        """A LlamaIndex retriever over the library; scores are cosines with `Ranking.MEANING`."""
        return PaperRetriever(lambda question, limit, by: self.search(question, limit, by).hits, k, ranking)

    def as_chat_engine(self) -> PaperChatEngine:
        """A LlamaIndex chat engine with a conversation of its own."""
        return PaperChatEngine(
            lambda message, past, stop: self.ask(message, past, stop=stop), self.library.catalogue.papers
        )

    @property
    def connection(self) -> Connection | None:
        """The language model that the settings name, or None for quoting mode."""
        return Connection.of(self.settings)

    async def answer(
        self,
        message: str,
        conversation: Conversation | None = None,
        mode: Mode = Mode.AUTO,
        *,
        connection: Connection | None = None,
        quoting_only: bool = False,
        length: Length | None = None,
        within: Filter = everything,
        preferences: Preferences = usual,
    ) -> Turn:
        """The whole turn at once; the same as the last event of `ask`."""
        events = self.ask(
            message,
            conversation,
            mode,
            connection=connection,
            quoting_only=quoting_only,
            length=length,
            within=within,
            preferences=preferences,
        )
        async for event in events:
            if isinstance(event, Done | Failed):
                return event.turn
        raise AssertionError("a turn always ends with Done or Failed")

    async def ask(
        self,
        message: str,
        conversation: Conversation | None = None,
        mode: Mode = Mode.AUTO,
        stop: asyncio.Event | None = None,
        *,
        connection: Connection | None = None,
        quoting_only: bool = False,
        length: Length | None = None,
        within: Filter = everything,
        owner: str = "",
        preferences: Preferences = usual,
    ) -> AsyncGenerator[Event, None]:
        """One turn as events. When `stop` is set the turn ends soon, keeping what was written.

        `connection` stands in for the model of the settings; with `quoting_only` none is asked. `length` is that of a
        summary or a plain answer, whatever the message and the `preferences` say. Only papers that pass `within` are
        searched. A conversation that has an id is kept as its `owner`'s, from the beginning of the turn on. Raises
        `InvalidQuestion`, or `UnknownConversation` for one that is somebody else's, before the first event; any later
        failure is a `Failed` event.
        """
        conversation = conversation or Conversation()
        longest = self.settings.max_question_characters
        planned = replace(plan(message, mode, conversation.before, longest=longest, wanted=length), limits=within)
        if planned.length is Length.NORMAL and length is None:
            planned = replace(planned, length=preferences.length)
        draft = Draft(planned, conversation.references, new_id() if conversation.id else "")
        stop = stop or asyncio.Event()
        chosen = None if quoting_only else connection or self.connection

        def turn(before: Conversation) -> AsyncGenerator[Event, None]:
            return self._turn(draft, before, stop, chosen, preferences)

        keeper = Keeper(self.settings, lambda: self.conversations, owner)
        events = kept(turn, conversation, draft, keeper) if conversation.id else turn(conversation)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done | Failed):
                    log_turn(event.turn, owner, with_question=self.settings.log_questions)
                yield event

    async def _turn(
        self,
        draft: Draft,
        conversation: Conversation,
        stop: asyncio.Event,
        chosen: Connection | None,
        preferences: Preferences,
    ) -> AsyncGenerator[Event, None]:
        """The events of a turn behind a conversation."""
        within = draft.plan.limits
        try:
            draft.llm = chosen.model if chosen else None
            model = LanguageModel(chosen) if chosen else None
            if model and (conversation.turns or draft.plan.mode is Mode.COMPARE or is_foreign(draft.plan.question)):
                draft.plan, calls = await read_again(
                    draft.plan, conversation, model, self._prompts, stop, self.settings.max_question_characters
                )
                for call in calls:
                    draft.spent(call)
                draft.lap("plan")
            yield Planned(draft.plan)
            if draft.plan.left_out:
                draft.remark(_TOO_MANY.format(most=MOST_SUBJECTS, names=", ".join(draft.plan.left_out)))
            find = Finder(self.search, self.library.catalogue.resolved(within))
            writer = draft.writer = await asyncio.to_thread(
                gather, draft.plan, self.library, self.settings, find, preferences.papers
            )
            if find.problem:
                draft.remark(find.problem)
            draft.lap("search")
            draft.references = draft.references.offer(hit.paper for hit in writer.hits)
            overview = writer if isinstance(writer, Overview) else None
            missing = writer.missing if isinstance(writer, Comparison) else ()
            topic_map = overview.topic_map if overview else None
            yield Retrieved(tuple(writer.hits), writer.searched, missing, topic_map)
            if not writer.hits or topic_map:
                draft.llm = model = None
            if model and overview:
                async with aclosing(self._read(draft, overview, model, stop)) as steps:
                    async for step in steps:
                        yield step
            language = preferences.language
            pieces = self._write(draft, conversation, model, stop, language) if model else _quote(draft, stop)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield draft.add(piece)
            if overview and writer.hits:
                yield draft.add(overview.coverage(draft.cited))
            outcome = Outcome.STOPPED if draft.cut else Outcome.ANSWERED if writer.hits else Outcome.REFUSED
            turn = draft.end(outcome, self.settings)
            if turn.support:
                yield Checked(turn.support)
            yield Done(turn, conversation.with_turn(turn, draft.references))
        except Exception as error:
            if isinstance(error, LLMError):
                _log.warning("the turn failed: %s", error)
            else:
                _log.exception("the turn failed")
            problem = describe(error)
            turn = draft.broken_off(self.settings, problem.message)
            yield Failed(problem.message, problem.retryable, turn, conversation.with_turn(turn, draft.references))

    async def _read(
        self, draft: Draft, overview: Overview, model: LanguageModel, stop: asyncio.Event
    ) -> AsyncGenerator[Estimated | Reading, None]:
        """Lets the model take notes of the papers, where they are too many to be read by the call that writes."""
        if len(overview.hits) <= notes.FEW:
            return
        batches = notes.batches(
            overview.topic, overview.hits, draft.references, self._prompts, model, self.settings.summary_calls
        )
        read_in, written = notes.expected_tokens(batches, model)
        cost = Usage(len(batches) + 1, read_in, written).cost(model.connection.model, self.settings.llm_prices)
        total = sum(len(batch.papers) for batch in batches)
        yield Estimated(total, len(batches) + 1, read_in + written, cost)
        taken: dict[str, notes.Note] = {}
        async with aclosing(notes.take(batches, draft.references, model, stop)) as answers:
            async for found, call in answers:
                draft.spent(call)
                taken |= found
                yield Reading(len(taken), total)
        draft.writer = replace(overview, notes=taken)
        draft.lap("notes")
        if unread := len(overview.hits) - total:
            draft.remark(_UNREAD.format(count=unread, calls=len(batches)))

    async def _judge(self, draft: Draft, model: LanguageModel, stop: asyncio.Event) -> None:
        """Puts the judge's labels in the place of the support check's."""
        messages = judge.question(draft.pieces, self._prompts)
        if not messages:
            return
        call = Call()
        try:
            async with aclosing(until_stopped(model.stream(messages, call, max_tokens=_JUDGE_TOKENS), stop)) as pieces:
                answer = "".join([piece async for piece in pieces])
        except LLMError as error:
            draft.remark(f"{_NOT_JUDGED} {error}")
            return
        finally:
            draft.spent(call)
            draft.lap("judge")
        draft.pieces = judge.relabel(draft.pieces, judge.read(answer))

    async def _write(
        self, draft: Draft, conversation: Conversation, model: LanguageModel, stop: asyncio.Event, language: str
    ) -> AsyncGenerator[Piece, None]:
        """The written answer; each claim is checked against what it cites before its citations are let out."""
        connection, call, writer = model.connection, Call(), draft.writer
        assert writer is not None, "nothing is written before the papers are found"
        budget = connection.context_window - connection.max_tokens
        room = Room(conversation, draft.references, self._prompts, model.count_tokens, budget, language)
        # In a thread, as what is written of a dozen papers is counted in tokens, and would hold up every other reader.
        asked = await asyncio.to_thread(writer.request, room)
        offered = {paper.id for paper in asked.papers} | set(draft.references.cited)
        targets = TargetStream(draft.references, frozenset(offered), fences=writer.may_hold_code)
        known = {
            draft.references.key(paper.id): (paper, sentences(paper.abstract))
            for paper in draft.references.offered
            if paper.id in offered
        }
        if self._shares_vectors:
            self._support.know({match.sentence.text: match.vector for hit in writer.hits for match in hit.sentences})
        checker = writer.checked(ClaimChecker(draft.references, known, self._support))
        problem: LLMError | None = None
        try:
            async with aclosing(in_steps(until_stopped(model.stream(asked.messages, call), stop))) as chunks:
                async for chunk in chunks:
                    if "first_token" not in draft.timings:
                        draft.lap("first_token")
                    for target in targets.feed(chunk):
                        # In a thread, as a check that embeds would hold up every other reader. Only then: for a word
                        # the way there and back takes longer than the word, and threads wait for each other.
                        checks = checker.may_check(target)
                        pieces = await asyncio.to_thread(checker.feed, target) if checks else checker.feed(target)
                        draft.references = checker.references  # before a reader who leaves has seen their numbers
                        for piece in pieces:
                            yield piece
        except LLMError as error:
            problem = error
        draft.cut = stop.is_set()  # asked here once: from now on a stop comes too late
        cut, half = bool(problem) or draft.cut, call.finish == "length"
        rest = await asyncio.to_thread(_rest, targets, checker, cut=cut, half=half)
        draft.references, draft.dropped = checker.references, targets.dropped + checker.dropped
        for piece in rest:
            yield piece
        draft.spent(call)
        if problem:
            raise problem
        if self.settings.llm_judge and not draft.cut:
            await self._judge(draft, model, stop)
        if call.finish == "length":
            draft.remark(_CUT.format(limit=connection.max_tokens))
        elif not draft.cut and not draft.cited:
            draft.remark(_NO_SOURCE)


def _rest(targets: TargetStream, checker: AnswerCheck, *, cut: bool, half: bool) -> list[Piece]:
    """What is let out once a written answer has ended: its last claim is checked, and the rows of a table filled."""
    fed = [piece for target in targets.close() for piece in checker.feed(target)]
    return fed + checker.close(cut=cut, half=half)


def _said(writer: Writer, draft: Draft) -> Iterable[str]:
    """The quotations, or why there are none."""
    if writer.hits:
        return writer.quote(draft.references)
    if draft.plan.limits and not writer.searched:
        return (_NONE_PASSES.format(limits=escape_markdown(limited(draft.plan.limits))),)
    return writer.refuse()


async def _quote(draft: Draft, stop: asyncio.Event) -> AsyncGenerator[Piece, None]:
    """The answer in quotations, or that the collection holds none."""
    writer = draft.writer
    assert writer is not None, "nothing is quoted before the papers are found"
    stream = CitationStream(draft.references, frozenset(hit.paper.id for hit in writer.hits))
    for chunk in _said(writer, draft):
        pieces = stream.feed(chunk)
        draft.references = stream.references
        for piece in pieces:
            yield piece
        await asyncio.sleep(0)
        draft.cut = stop.is_set()
        if draft.cut:
            break
    pieces = stream.close()
    draft.references, draft.dropped = stream.references, stream.dropped
    for piece in pieces:
        yield piece
