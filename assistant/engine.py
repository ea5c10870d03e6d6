"""The one way from a question to an answer."""

import asyncio
import json
import logging
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from index_store import Library, Ranking, SearchResult, open_embedder, search, sentences

from . import judge, quoting
from .answer import history, request
from .citations import Citation, CitationStream, Piece, References, TargetStream, Uncited
from .claims import ClaimChecker
from .conversations import Conversation, Outcome, Turn
from .errors import LLMError, describe
from .events import Checked, Cited, Delta, Done, Event, Failed, Planned, Retrieved, Unsourced
from .llamaindex import PaperChatEngine, PaperRetriever
from .llm import Call, Connection, LanguageModel, until_stopped, warm_up
from .prompts import Prompts
from .routing import Mode, Plan, plan
from .settings import Settings, load_settings
from .support import SupportChecker
from .usage import Usage

_log = logging.getLogger(__name__)
_PLAN_TOKENS = 200
_PLAN_HISTORY_TOKENS = 1500
_JUDGE_TOKENS = 500
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_CUT = "The answer was cut at its limit of {limit:,} tokens (RESEARCH_ASSISTANT_LLM_MAX_TOKENS)."
_NOT_JUDGED = "The answer could not be judged again; its labels are those of the support check."
_NO_SOURCE = "No sentence of the papers was found for this answer. Try again, or ask for quotations instead."


@dataclass
class _Draft:
    """A turn while it is being written."""

    plan: Plan
    references: References
    llm: str | None = None
    started: float = field(default_factory=time.perf_counter)
    pieces: list[Piece] = field(default_factory=list)
    result: SearchResult | None = None
    dropped: int = 0
    usage: Usage | None = None
    note: str = ""
    timings: dict[str, float] = field(default_factory=dict)

    def lap(self, name: str) -> None:
        """Notes the seconds since the turn began."""
        self.timings[name] = round(time.perf_counter() - self.started, 4)

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

    def turn(self, outcome: Outcome, settings: Settings, problem: str = "") -> Turn:
        """The turn as it is kept."""
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
            llm=self.llm,
            problem=problem,
            note=self.note,
            dropped_markers=self.dropped,
            usage=self.usage,
            cost=self.usage.cost(self.llm, settings.llm_prices) if self.usage and self.llm else None,
            timings=self.timings,
        )


class Assistant:
    """An open library and the settings it is asked with. Close it, or use it as a context manager."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings
        self._prompts = Prompts(settings.prompts_folder)
        # The check was calibrated with MiniLM, whatever model the index uses.
        self._shares_vectors = settings.embedding_model == "minilm"
        minilm = library.embedder if self._shares_vectors else open_embedder("minilm")
        self._support = SupportChecker(minilm.embed)

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

    def warm_up(self) -> None:
        """Loads what the first question would otherwise wait for."""
        self.search("warm up", 1)
        self._support.check("warm up", ["warm up"])
        if self.connection:
            warm_up()

    def search(self, question: str, limit: int, ranking: Ranking = Ranking.FUSED) -> SearchResult:
        """The `limit` best papers for a question."""
        return search(self.library, question, limit, ranking=ranking)

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
    ) -> Turn:
        """The whole turn at once; the same as the last event of `ask`."""
        async for event in self.ask(message, conversation, mode, connection=connection, quoting_only=quoting_only):
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
    ) -> AsyncGenerator[Event, None]:
        """One turn as events. When `stop` is set the turn ends soon, keeping what was written.

        `connection` stands in for the model of the settings; with `quoting_only` none is asked. Raises
        `InvalidQuestion` or `ModeNotBuilt` before the first event; any later failure is a `Failed` event.
        """
        conversation = conversation or Conversation()
        draft = _Draft(self._plan(message, conversation, mode), conversation.references)
        stop = stop or asyncio.Event()
        chosen = None if quoting_only else connection or self.connection
        try:
            draft.llm = chosen.model if chosen else None
            model = LanguageModel(chosen) if chosen else None
            if model and conversation.turns:
                await self._rewrite(draft, conversation, model, stop)
            yield Planned(draft.plan)
            result = draft.result = await asyncio.to_thread(
                self.search, draft.plan.standalone, self.settings.search_papers
            )
            draft.lap("search")
            relevant = result.relevance >= self.settings.relevance_threshold
            if relevant:
                draft.references = draft.references.offer(hit.paper for hit in result.hits)
            yield Retrieved(result.hits if relevant else (), result.searched)
            if relevant and model:
                pieces = self._write(draft, result, conversation, model, stop)
            else:
                draft.llm = draft.llm if relevant else None
                pieces = _quote(draft, result, relevant, stop)
            async with aclosing(pieces):
                async for piece in pieces:
                    yield draft.add(piece)
            outcome = Outcome.STOPPED if stop.is_set() else Outcome.ANSWERED if relevant else Outcome.REFUSED
            turn = draft.turn(outcome, self.settings)
            if turn.support:
                yield Checked(turn.support)
            yield Done(turn, conversation.with_turn(turn, draft.references))
        except Exception as error:
            if isinstance(error, LLMError):
                _log.warning("the turn failed: %s", error)
            else:
                _log.exception("the turn failed")
            problem = describe(error)
            turn = draft.turn(Outcome.FAILED, self.settings, problem.message)
            yield Failed(problem.message, problem.retryable, turn, conversation.with_turn(turn, draft.references))

    def _plan(self, message: str, conversation: Conversation, mode: Mode) -> Plan:
        """The plan by rules alone."""
        previous = conversation.turns[-1] if conversation.turns else None
        subjects = [citation.paper for citation in previous.citations] or list(previous.papers) if previous else []
        longest, before = self.settings.max_question_characters, previous.standalone if previous else ""
        return plan(message, mode, subjects, longest=longest, asked_before=before)

    async def _rewrite(
        self, draft: _Draft, conversation: Conversation, model: LanguageModel, stop: asyncio.Event
    ) -> None:
        """Lets the model make the message stand by itself; what it writes badly leaves the rules' plan in place."""
        past = history(conversation, model.count_tokens, _PLAN_HISTORY_TOKENS)
        lines = [f"{message.role.value}: {message.content}" for message in past]
        prompt = self._prompts.render("plan", history="\n".join(lines), message=draft.plan.question)
        call = Call()
        stream = model.stream([ChatMessage(role=MessageRole.USER, content=prompt)], call, max_tokens=_PLAN_TOKENS)
        try:
            text = "".join([piece async for piece in until_stopped(stream, stop)])
        except LLMError as error:
            # The rules have read the message too; a server that is really gone will fail the answer itself.
            _log.warning("the question could not be rewritten: %s", error)
            return
        finally:
            draft.spent(call)
            draft.lap("plan")
        standalone = _standalone(text)
        if standalone and len(standalone) <= self.settings.max_question_characters:
            draft.plan = replace(draft.plan, standalone=standalone)

    async def _judge(self, draft: _Draft, model: LanguageModel, stop: asyncio.Event) -> None:
        """Puts the judge's labels in the place of the support check's."""
        messages = judge.question(draft.pieces, self._prompts)
        if not messages:
            return
        call = Call()
        try:
            async with aclosing(until_stopped(model.stream(messages, call, max_tokens=_JUDGE_TOKENS), stop)) as pieces:
                answer = "".join([piece async for piece in pieces])
        except LLMError as error:
            draft.note = f"{_NOT_JUDGED} {error}"
            return
        finally:
            draft.spent(call)
            draft.lap("judge")
        draft.pieces = judge.relabel(draft.pieces, judge.read(answer))

    async def _write(
        self,
        draft: _Draft,
        result: SearchResult,
        conversation: Conversation,
        model: LanguageModel,
        stop: asyncio.Event,
    ) -> AsyncGenerator[Piece, None]:
        """The written answer; each claim is checked against what it cites before its citations are let out."""
        connection, call = model.connection, Call()
        budget = connection.context_window - connection.max_tokens
        asked = request(
            draft.plan.standalone,
            result.hits,
            conversation,
            draft.references,
            self._prompts,
            model.count_tokens,
            budget,
        )
        offered = {paper.id for paper in asked.papers} | set(draft.references.cited)
        targets = TargetStream(draft.references, frozenset(offered))
        known = {
            draft.references.key(paper.id): (paper, sentences(paper.abstract))
            for paper in draft.references.offered
            if paper.id in offered
        }
        if self._shares_vectors:
            self._support.know({match.sentence.text: match.vector for hit in result.hits for match in hit.sentences})
        checker = ClaimChecker(draft.references, known, self._support)
        problem: LLMError | None = None
        try:
            async with aclosing(until_stopped(model.stream(asked.messages, call), stop)) as chunks:
                async for chunk in chunks:
                    if "first_token" not in draft.timings:
                        draft.lap("first_token")
                    for target in targets.feed(chunk):
                        # In a thread, as a check that embeds would hold up every other reader.
                        for piece in await asyncio.to_thread(checker.feed, target):
                            yield piece
                    draft.references = checker.references
        except LLMError as error:
            problem = error
        for piece in [part for target in targets.close() for part in checker.feed(target)] + checker.close(
            cut=bool(problem) or stop.is_set()
        ):
            yield piece
        draft.references, draft.dropped = checker.references, targets.dropped
        draft.spent(call)
        if problem:
            raise problem
        if self.settings.llm_judge and not stop.is_set():
            await self._judge(draft, model, stop)
        if call.finish == "length":
            draft.note = _CUT.format(limit=connection.max_tokens)
        elif not stop.is_set() and not any(isinstance(piece, Citation) for piece in draft.pieces):
            draft.note = _NO_SOURCE


async def _quote(
    draft: _Draft, result: SearchResult, relevant: bool, stop: asyncio.Event
) -> AsyncGenerator[Piece, None]:
    """The answer in quotations, or that the collection holds none."""
    allowed = frozenset(hit.paper.id for hit in result.hits) if relevant else frozenset()
    stream = CitationStream(draft.references, allowed)
    text = quoting.answer(result, draft.references) if relevant else quoting.refusal(result)
    for chunk in text:
        for piece in stream.feed(chunk):
            yield piece
        draft.references = stream.references
        await asyncio.sleep(0)
        if stop.is_set():
            break
    for piece in stream.close():
        yield piece
    draft.references, draft.dropped = stream.references, stream.dropped


def _standalone(text: str) -> str:
    """The question in the model's JSON, or an empty text."""
    found = _JSON.search(text)
    try:
        question = json.loads(found[0]).get("question") if found else None
    except (ValueError, AttributeError):
        return ""
    return " ".join(question.split()) if isinstance(question, str) else ""
