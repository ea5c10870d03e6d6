"""What happens when a reader asks, stops, tries again, begins anew or takes that back."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from assistant import (
    Assistant,
    Citation,
    Cited,
    Connection,
    Conversation,
    Delta,
    Done,
    Estimated,
    Event,
    Failed,
    Filter,
    InvalidQuestion,
    Length,
    Mode,
    Outcome,
    Paper,
    Piece,
    Plan,
    Planned,
    Reading,
    Retrieved,
    TopicMap,
    Turn,
    Unsourced,
    describe,
    everything,
    examples,
)

from . import render, words
from .limits import chosen

_PAINT_SECONDS = 0.08  # the page parses the whole draft at every paint

Updates = dict[gr.components.Component, Any]


@dataclass(frozen=True)
class Parts:
    """The components of the chat, so that handlers name what they change."""

    header: gr.HTML
    turns: gr.HTML
    draft: gr.HTML
    sources: gr.HTML
    announcement: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    clear: gr.Button
    undo: gr.Button
    quote: gr.Button
    mode: gr.Radio
    kinds: Sequence[gr.Button]
    shorter: gr.Button
    longer: gr.Button
    examples: Sequence[gr.Button]
    conversation: gr.State
    cleared: gr.State
    speaker: gr.State


@dataclass(frozen=True)
class Speaker:
    """Who answers in this session: the model of `connection`, else that of the settings, else quotations."""

    connection: Connection | None = None
    quoting_only: bool = False

    def model(self, assistant: Assistant) -> str | None:
        """The name of the model that writes, or None."""
        chosen = None if self.quoting_only else self.connection or assistant.connection
        return chosen.model if chosen else None

    def head(self, assistant: Assistant) -> str:
        """The page's head as it now is."""
        return render.header(assistant.library.status(), self.model(assistant), assistant.background.standing)


@dataclass(frozen=True)
class _Wish:
    """A question, and how its reader wants it answered."""

    question: str
    mode: Mode
    length: Length | None = None
    limits: Filter = everything


@dataclass
class _Draft:
    plan: Plan
    pieces: list[Piece] = field(default_factory=list)
    found: tuple[Paper, ...] = ()
    topic_map: TopicMap | None = None
    step: str = words.SEARCHING
    estimate: str = ""

    def html(self) -> str:
        return render.draft(self.plan, self.pieces, self.step, self.topic_map)


class Chat:
    """The handlers of one page. Conversations live in the sessions; only the stop signals are kept here."""

    def __init__(self, assistant: Assistant, parts: Parts) -> None:
        self._assistant, self._parts = assistant, parts
        self._stops: dict[str, set[asyncio.Event]] = {}  # a session may run several turns

    async def ask(
        self,
        question: str,
        mode: str,
        conversation: Conversation,
        speaker: Speaker,
        from_year: str,
        to_year: str,
        author: str,
        source: str,
        collection: str,
        only_cited: bool,
        papers: tuple[str, ...],
        request: gr.Request,
    ) -> AsyncIterator[Updates]:
        """Asks one question within the limits of the panel, painting the answer as it comes."""
        try:
            within = chosen((from_year, to_year, author, source, collection, only_cited, papers), conversation)
        except InvalidQuestion as error:
            yield self._refused(error, question, conversation, speaker)
            return
        wish = _Wish(question, Mode(mode), limits=within)
        async for updates in self._turn(wish, conversation, conversation, speaker, request):
            yield updates

    def _refused(self, error: Exception, question: str, kept: Conversation, speaker: Speaker) -> Updates:
        """A question that cannot be asked goes back to its writer, with the reason."""
        said = describe(error).message
        return self.show(kept, speaker) | {
            self._parts.question: question,
            self._parts.draft: render.notice(said),
            self._parts.announcement: said,
        }

    async def _turn(
        self, wish: "_Wish", conversation: Conversation, kept: Conversation, speaker: Speaker, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """One turn behind a conversation; if it cannot even begin, the page shows `kept` again."""
        parts, session, question = self._parts, request.session_hash or "", wish.question
        if not question.strip():
            yield {parts.draft: ""}  # a handler that yields nothing would empty every component
            return
        stop = asyncio.Event()
        self._stops.setdefault(session, set()).add(stop)
        asked = " ".join(question.split())
        draft, shown, said = _Draft(Plan(Mode.ASK, asked, asked)), "", words.SEARCHING
        yield {
            parts.question: "",
            parts.draft: draft.html(),
            parts.announcement: words.SEARCHING,
            **self._running(True),
            **{button: gr.update(visible=False) for button in parts.examples},
            **({} if conversation.turns else {parts.turns: ""}),
        }
        events = self._assistant.ask(
            question,
            conversation,
            wish.mode,
            stop=stop,
            connection=speaker.connection,
            quoting_only=speaker.quoting_only,
            length=wish.length,
            within=wish.limits,
        )
        try:
            async for batch in paced(events, _PAINT_SECONDS):
                if isinstance(last := batch[-1], Done | Failed):
                    yield self.show(last.conversation, speaker)
                    continue
                for event in batch:
                    self._note(event, draft)
                panel = render.sources(conversation, draft.found, draft.pieces)
                # Sent only when it has changed: with a map's papers it is large.
                yield {
                    parts.draft: draft.html(),
                    **({parts.sources: panel} if panel != shown else {}),
                    **({parts.announcement: draft.step} if draft.step != said else {}),
                }
                shown, said = panel, draft.step
        except Exception as error:  # refused before the turn began
            yield self._refused(error, question, kept, speaker)
        finally:
            running = self._stops[session]
            running.remove(stop)
            if not running:
                del self._stops[session]

    def stop(self, request: gr.Request) -> None:
        """Ends this session's running turns soon; what is written stays."""
        for running in self._stops.get(request.session_hash or "", ()):
            running.set()

    async def retry(self, conversation: Conversation, speaker: Speaker, request: gr.Request) -> AsyncIterator[Updates]:
        """Asks the last question again, in the place of its first answer."""
        async for updates in self._again(conversation, speaker, request):
            yield updates

    async def instead(
        self, label: str, conversation: Conversation, speaker: Speaker, request: gr.Request
    ) -> AsyncIterator[Updates]:
        """Answers the last question in another way: the kind or the length that a button names."""
        mode = next((Mode(mode) for mode, text in words.INSTEAD.items() if text == label), None)
        length = {words.SHORTER: Length.SHORT, words.LONGER: Length.LONG}.get(label)
        async for updates in self._again(conversation, speaker, request, mode, length):
            yield updates

    async def _again(
        self,
        conversation: Conversation,
        speaker: Speaker,
        request: gr.Request,
        mode: Mode | None = None,
        length: Length | None = None,
    ) -> AsyncIterator[Updates]:
        """Asks the last question again, in the place of its answer, which stays if that cannot be done."""
        if not conversation.turns:
            yield {self._parts.draft: ""}
            return
        before, plan = conversation.without_last(), conversation.turns[-1].plan
        same = Mode.AUTO if plan.automatic else plan.mode
        wish = _Wish(plan.question, mode or same, length or (None if mode else plan.length), plan.limits)
        yield {self._parts.turns: render.conversation(before.turns), self._parts.conversation: before}
        async for updates in self._turn(wish, before, conversation, speaker, request):
            yield updates

    async def quote(self, conversation: Conversation, speaker: Speaker, request: gr.Request) -> AsyncIterator[Updates]:
        """Asks the last question again without a model, this once."""
        async for updates in self.retry(conversation, replace(speaker, quoting_only=True), request):
            yield updates
        yield {self._parts.header: speaker.head(self._assistant)}

    def clear(self, conversation: Conversation, speaker: Speaker) -> Updates:
        """Begins a new conversation; the old one can be taken back until the next one has begun."""
        return self.show(Conversation(), speaker) | {
            self._parts.cleared: conversation,
            self._parts.undo: gr.update(visible=bool(conversation.turns)),
        }

    def undo(self, cleared: Conversation, speaker: Speaker) -> Updates:
        """Takes the cleared conversation back."""
        return self.show(cleared, speaker)

    def refreshed(self, conversation: Conversation, speaker: Speaker, request: gr.Request) -> Updates:
        """What the chat says of the library, after that has changed."""
        head: Updates = {self._parts.header: speaker.head(self._assistant)}
        if conversation.turns or self._stops.get(request.session_hash or ""):  # begun, or being written
            return head
        turns = render.welcome(self._assistant.library.status())
        return head | self._suggested() | {self._parts.turns: turns}

    def show(self, conversation: Conversation, speaker: Speaker) -> Updates:
        """The whole chat for a conversation at rest."""
        parts, status = self._parts, self._assistant.library.status()
        begun = bool(conversation.turns)
        return {
            parts.conversation: conversation,
            parts.header: speaker.head(self._assistant),
            parts.turns: render.conversation(conversation.turns) if begun else render.welcome(status),
            parts.draft: "",
            parts.sources: render.sources(conversation),
            parts.announcement: _announcement(conversation.turns[-1]) if begun else "",
            parts.retry: gr.update(visible=begun),
            parts.clear: gr.update(visible=begun),
            parts.undo: gr.update(visible=False),
            parts.quote: gr.update(visible=begun and _wants_quotations(conversation.turns[-1])),
            **self._instead(conversation.turns[-1] if begun else None),
            **self._running(False),
            **({button: gr.update(visible=False) for button in parts.examples} if begun else self._suggested()),
        }

    def _suggested(self) -> Updates:
        """The example questions, as many as the library offers."""
        asked = examples(self._assistant.library)
        asked += [""] * (len(self._parts.examples) - len(asked))
        return {
            button: gr.update(value=text, visible=bool(text))
            for button, text in zip(self._parts.examples, asked, strict=True)
        }

    def _instead(self, turn: Turn | None) -> Updates:
        """The buttons that change the kind of the last answer, and the length of a summary of a topic."""
        kinds = dict(zip(words.INSTEAD, self._parts.kinds, strict=True))
        sizes = zip((Length.SHORT, Length.LONG), (self._parts.shorter, self._parts.longer), strict=True)
        is_map = turn is not None and turn.topic_map is not None
        of_topic = turn is not None and turn.mode is Mode.SUMMARISE and turn.topic_map is None and bool(turn.papers)
        return {
            **{
                button: gr.update(visible=turn is not None and turn.mode != kind and not (is_map and kind == "compare"))
                for kind, button in kinds.items()
            },
            **{
                button: gr.update(visible=of_topic and turn is not None and turn.plan.length is not size)
                for size, button in sizes
            },
        }

    def _running(self, running: bool) -> Updates:
        return {self._parts.send: gr.update(visible=not running), self._parts.stop: gr.update(visible=running)} | (
            {
                part: gr.update(visible=False)
                for part in (
                    *(self._parts.retry, self._parts.clear, self._parts.undo, self._parts.quote),
                    *(*self._parts.kinds, self._parts.shorter, self._parts.longer),
                )
            }
            if running
            else {}
        )

    @staticmethod
    def _note(event: Event, draft: _Draft) -> None:
        """Takes an event into the draft."""
        match event:
            case Planned(plan):
                draft.plan = plan
            case Retrieved():
                on_map = [dot.paper for dot in event.topic_map.dots] if event.topic_map else []
                found = [*(hit.paper for hit in event.hits), *on_map]
                draft.found = tuple({paper.id: paper for paper in found}.values())
                draft.topic_map, draft.step = event.topic_map, words.WRITING
            case Estimated():
                draft.estimate = words.estimated(event.papers, event.calls, event.tokens, event.cost)
                draft.step = f"{draft.estimate}. {words.READING}"
            case Reading(done, total):
                draft.step = words.WRITING if done == total else f"{draft.estimate}. {words.reading(done, total)}"
            case Delta(text):
                draft.pieces.append(text)
            case Cited(citation):
                draft.pieces.append(citation)
            case Unsourced(mark):
                draft.pieces.append(mark)


async def paced(events: AsyncGenerator[Event, None], seconds: float) -> AsyncIterator[list[Event]]:
    """The events in batches, one every so many seconds at most; none waits longer than that for the next one."""
    waiting: asyncio.Future[Event] | None = None
    batch: list[Event] = []
    given = 0.0
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(events))
            left = max(0.0, given + seconds - time.monotonic()) if batch else None
            await asyncio.wait({waiting}, timeout=left)
            if waiting.done():
                try:
                    batch.append(waiting.result())
                except StopAsyncIteration:
                    break
                finally:
                    waiting = None
            if batch and time.monotonic() - given >= seconds:
                yield batch
                batch, given = [], time.monotonic()
        if batch:
            yield batch
    finally:
        if waiting:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await events.aclose()


def _wants_quotations(turn: Turn) -> bool:
    """Whether a written answer went wrong in a way that quotations would not."""
    return turn.llm is not None and (turn.outcome is Outcome.FAILED or bool(turn.note))


def _announcement(turn: Turn) -> str:
    if turn.outcome is Outcome.FAILED:
        return turn.problem
    if turn.outcome is Outcome.REFUSED:
        return words.REFUSED_STATUS
    cited = [piece for piece in turn.pieces if isinstance(piece, Citation)]
    return words.cited(len(turn.citations), len({citation.number for citation in cited}))
