"""One turn: from the plan of a question to the events of its answer."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import replace

from index_store import Library, SearchResult, sentences

from . import judge, notes
from .citations import CitationStream, Piece, TargetStream, escape_markdown
from .claims import ClaimChecker
from .compare import Comparison
from .connection import Connection
from .conversations import Conversation, Outcome
from .draft import Draft
from .errors import LLMError, describe
from .events import Checked, Done, Estimated, Event, Failed, Planned, Reading, Retrieved
from .gather import Finder, gather
from .intent import MOST_SUBJECTS
from .limits import limited
from .llm import Call, LanguageModel
from .planning import is_foreign, read_again
from .preferences import Preferences
from .prompts import Prompts
from .routing import Mode
from .settings import Settings
from .streams import ahead, in_steps, until_stopped
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


class Answering:
    """Answers questions with what all turns of an assistant share."""

    def __init__(
        self,
        library: Library,
        settings: Settings,
        search: Callable[..., SearchResult],
        prompts: Prompts,
        support: SupportChecker,
        *,
        shares_vectors: bool,
    ) -> None:
        """With `shares_vectors` the support check embeds with the model of the index, and need not do it again."""
        self._library, self._settings, self._search = library, settings, search
        self._prompts, self._support, self._shares_vectors = prompts, support, shares_vectors

    async def turn(
        self,
        draft: Draft,
        conversation: Conversation,
        stop: asyncio.Event,
        chosen: Connection | None,
        preferences: Preferences,
    ) -> AsyncGenerator[Event, None]:
        """The events of a turn behind a conversation, of which the last is `Done` or `Failed`."""
        within = draft.plan.limits
        try:
            draft.llm = chosen.model if chosen else None
            model = LanguageModel(chosen) if chosen else None
            if model and (conversation.turns or draft.plan.mode is Mode.COMPARE or is_foreign(draft.plan.question)):
                draft.plan, calls = await read_again(
                    draft.plan, conversation, model, self._prompts, stop, self._settings.max_question_characters
                )
                for call in calls:
                    draft.spent(call)
                draft.lap("plan")
            yield Planned(draft.plan)
            if draft.plan.left_out:
                draft.remark(_TOO_MANY.format(most=MOST_SUBJECTS, names=", ".join(draft.plan.left_out)))
            find = Finder(self._search, self._library.catalogue.resolved(within))
            writer = draft.writer = await ahead(
                gather, draft.plan, self._library, self._settings, find, preferences.papers
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
            turn = draft.end(outcome, self._settings)
            if turn.support:
                yield Checked(turn.support)
            yield Done(turn, conversation.with_turn(turn, draft.references))
        except Exception as error:
            if isinstance(error, LLMError):
                _log.warning("the turn failed: %s", error)
            else:
                _log.exception("the turn failed")
            problem = describe(error)
            turn = draft.broken_off(self._settings, problem.message)
            yield Failed(problem.message, problem.retryable, turn, conversation.with_turn(turn, draft.references))

    async def _read(
        self, draft: Draft, overview: Overview, model: LanguageModel, stop: asyncio.Event
    ) -> AsyncGenerator[Estimated | Reading, None]:
        """Lets the model take notes of the papers, where they are too many to be read by the call that writes."""
        if len(overview.hits) <= notes.FEW:
            return
        most = self._settings.summary_calls
        # In a thread, as each paper is counted in tokens, and forty of them would hold up every other reader.
        batches = await ahead(
            notes.batches, overview.topic, overview.hits, draft.references, self._prompts, model, most
        )
        read_in, written = notes.expected_tokens(batches, model)
        cost = Usage(len(batches) + 1, read_in, written).cost(model.connection.model, self._settings.llm_prices)
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
        asked = await ahead(writer.request, room)
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
        if self._settings.llm_judge and not draft.cut:
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
