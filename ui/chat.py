"""What happens when a reader asks, stops, tries again, edits a question, or turns to another conversation."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import gradio as gr

from assistant import (
    ArchiveUnreadable,
    Assistant,
    AssistantError,
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
    UnknownConversation,
    Unsourced,
    describe,
    everything,
    examples,
)

from . import render, words
from .limits import chosen

RECENT = 20  # turns of a long conversation that are shown at first, and more of at a time
_PAINT_SECONDS = 0.06  # at least between two paints, as the page parses the whole draft at each

Updates = dict[gr.components.Component, Any]


@dataclass(frozen=True)
class Parts:
    """The components of the chat, so that handlers name what they change."""

    header: gr.HTML
    turns: gr.HTML
    draft: gr.HTML
    sources: gr.HTML
    saving: gr.HTML
    announcement: gr.HTML
    question: gr.Textbox
    send: gr.Button
    stop: gr.Button
    retry: gr.Button
    quote: gr.Button
    mode: gr.Radio
    kinds: Sequence[gr.Button]
    shorter: gr.Button
    longer: gr.Button
    editing: gr.Button
    examples: Sequence[gr.Button]
    conversation: gr.State
    desk: gr.State
    speaker: gr.State


@dataclass
class Desk:
    """What one session has before it beside the conversation itself. Changed in place.

    `watched` is the turn that is being painted, at the `visit`th time that one is; `editing` the one whose question
    is edited, `shown` how many of the last turns are on the page. Of the list of conversations: what is `searched`, how
    many more than usual are `listed`, which is being renamed, those deleted here, and how it was last painted.
    """

    watched: "Running | None" = None
    visit: int = 0
    editing: str = ""
    shown: int = RECENT
    searched: str = ""
    listed: int = 0
    renaming: str = ""
    deleted: list[tuple[str, str]] = field(default_factory=list)
    painted: str = ""


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
    searched: int = 0

    def html(self) -> str:
        count = len(self.found)
        return render.draft(self.plan, self.pieces, self.step, self.topic_map, searched=self.searched, papers=count)


@dataclass(eq=False)
class Running:
    """A turn that is being written. It goes on while its reader looks at something else, or has closed the page.

    `before` is the conversation that it is the next turn of. If it cannot begin, `kept` is shown again, and the turn
    `edited` for it is so again. In the end it has its `last` event, or why it was `refused`. `events` counts what came.
    """

    wish: _Wish
    before: Conversation
    kept: Conversation
    edited: str
    draft: _Draft
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    last: Done | Failed | None = None
    refused: Exception | None = None
    over: bool = False
    events: int = 0
    task: asyncio.Task[None] | None = None


class Chat:
    """The handlers of the page, and the turns that are being written, by conversation."""

    def __init__(self, assistant: Assistant, parts: Parts) -> None:
        self._assistant, self._parts, self._kept = assistant, parts, assistant.conversations
        self._running: dict[str, Running] = {}
        # Gradio sends what a handler yielded last again when it ends: by then the page may show something else.
        self._nothing: Updates = {parts.announcement: gr.skip()}

    async def ask(
        self,
        question: str,
        mode: str,
        conversation: Conversation,
        speaker: Speaker,
        desk: Desk,
        from_year: str,
        to_year: str,
        author: str,
        source: str,
        collection: str,
        only_cited: bool,
        papers: tuple[str, ...],
    ) -> AsyncIterator[Updates]:
        """Asks one question within the limits of the panel, painting the answer as it comes."""
        try:
            within = chosen((from_year, to_year, author, source, collection, only_cited, papers), conversation)
        except InvalidQuestion as error:
            yield self._refused(error, question, conversation, speaker, desk)
            return
        wish = _Wish(question, Mode(mode), limits=within)
        before = conversation.upto(desk.editing) if desk.editing else await self._latest(conversation)
        async for updates in self._turn(wish, before, conversation, speaker, desk, typed=True):
            yield updates

    async def _latest(self, conversation: Conversation) -> Conversation:
        """The conversation with what was asked behind it on another page meanwhile."""
        if not conversation.id or conversation.id in self._running:
            return conversation
        known = tuple(turn.id for turn in conversation.turns)
        try:
            path = await asyncio.to_thread(self._kept.path, conversation.id)
            if len(path) > len(known) and path[: len(known)] == known:
                return (await asyncio.to_thread(self._kept.open, conversation.id)).conversation
        except AssistantError:  # what cannot be read cannot have been gone on with
            return conversation
        return conversation

    def _refused(self, error: Exception, question: str, kept: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        """A question that cannot be asked goes back to its writer, with the reason."""
        said = describe(error).message
        return self.show(kept, speaker, desk) | {
            self._parts.question: question,
            self._parts.draft: render.notice(said),
            self._parts.announcement: said,
        }

    async def _turn(
        self,
        wish: _Wish,
        before: Conversation,
        kept: Conversation,
        speaker: Speaker,
        desk: Desk,
        *,
        typed: bool = False,
    ) -> AsyncIterator[Updates]:
        """One turn behind a conversation; if it cannot even begin, the page shows `kept` again."""
        if not wish.question.strip():
            yield {self._parts.draft: ""}  # a handler that yields nothing would empty every component
            return
        if desk.watched:  # it was sent twice
            yield {self._parts.announcement: gr.skip()}
            return
        if before.id in self._running:
            yield {self._parts.draft: render.notice(words.BUSY), self._parts.announcement: words.BUSY}
            return
        running = self._start(wish, before if before.id else Conversation.begun(), kept, desk.editing, speaker)
        cleared: Updates = {self._parts.question: ""} if typed else {}
        async for updates in self._watch(running, speaker, desk, cleared):
            yield updates

    def _start(self, wish: _Wish, before: Conversation, kept: Conversation, edited: str, speaker: Speaker) -> Running:
        """Has a turn written in a task of its own, which goes on when nobody looks any longer."""
        asked = " ".join(wish.question.split())
        running = Running(wish, before, kept, edited, _Draft(Plan(Mode.ASK, asked, asked)))
        self._running[before.id] = running
        running.task = asyncio.create_task(self._write(running, speaker))
        return running

    async def _write(self, running: Running, speaker: Speaker) -> None:
        wish = running.wish
        try:
            async for event in self._assistant.ask(
                wish.question,
                running.before,
                wish.mode,
                stop=running.stop,
                connection=speaker.connection,
                quoting_only=speaker.quoting_only,
                length=wish.length,
                within=wish.limits,
            ):
                if isinstance(event, Done | Failed):
                    running.last = event
                else:
                    self._note(event, running.draft)
                running.events += 1
        except Exception as error:  # refused before the turn began
            running.refused = error
        finally:
            del self._running[running.before.id]
            running.over = True

    async def _watch(self, running: Running, speaker: Speaker, desk: Desk, first: Updates) -> AsyncIterator[Updates]:
        """Paints a turn as it is written, until it is over or its reader looks at something else.

        `first` is painted with the beginning, in one.
        """
        parts, draft, before = self._parts, running.draft, running.before
        recent = self._recent(before, desk)
        desk.watched, desk.editing, desk.visit = running, "", desk.visit + 1
        visit = desk.visit
        begun: Updates = {
            parts.editing: gr.update(visible=False),
            parts.conversation: before,
            parts.turns: self._turns(before, desk),
            **self._busy(True),
            **{button: gr.update(visible=False) for button in parts.examples},
        }
        yield first | begun
        seen, panel, said = -1, "", ""
        while desk.visit == visit and desk.watched and not running.over:
            if running.events != seen:
                seen, now = running.events, render.sources(recent, draft.found, draft.pieces)
                # Sent only when it has changed: with a map's papers it is large.
                yield {
                    parts.draft: draft.html(),
                    **({parts.sources: now} if now != panel else {}),
                    **({parts.announcement: draft.step} if draft.step != said else {}),
                }
                panel, said = now, draft.step
            await asyncio.sleep(_PAINT_SECONDS)
        if desk.visit != visit or not desk.watched:
            yield self._nothing
            return
        desk.watched = None
        if running.last:
            yield self.show(running.last.conversation, speaker, desk)
        elif running.refused:
            desk.editing = running.edited
            yield self._refused(running.refused, running.wish.question, running.kept, speaker, desk)
        yield self._nothing

    def stop(self, desk: Desk) -> None:
        """Ends the turn that is being watched soon; what is written stays."""
        if desk.watched:
            desk.watched.stop.set()

    async def retry(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
        """Asks the last question again; both answers are kept."""
        async for updates in self._again(conversation, speaker, desk):
            yield updates

    async def instead(
        self, label: str, conversation: Conversation, speaker: Speaker, desk: Desk
    ) -> AsyncIterator[Updates]:
        """Answers the last question in another way: the kind or the length that a button names."""
        mode = next((Mode(mode) for mode, text in words.INSTEAD.items() if text == label), None)
        length = {words.SHORTER: Length.SHORT, words.LONGER: Length.LONG}.get(label)
        async for updates in self._again(conversation, speaker, desk, mode, length):
            yield updates

    async def _again(
        self,
        conversation: Conversation,
        speaker: Speaker,
        desk: Desk,
        mode: Mode | None = None,
        length: Length | None = None,
    ) -> AsyncIterator[Updates]:
        """Asks the last question again; its answer is shown again if that cannot be done."""
        if not conversation.turns:
            yield {self._parts.draft: ""}
            return
        last = conversation.turns[-1]
        same = Mode.AUTO if last.plan.automatic else last.plan.mode
        again = length or (None if mode else last.plan.length)
        wish = _Wish(last.plan.question, mode or same, again, last.plan.limits)
        async for updates in self._turn(wish, conversation.upto(last.id), conversation, speaker, desk):
            yield updates

    async def quote(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
        """Asks the last question again without a model, this once."""
        async for updates in self.retry(conversation, replace(speaker, quoting_only=True), desk):
            yield updates
        yield {self._parts.header: speaker.head(self._assistant)}

    # -- which conversation ---------------------------------------------------------------------------------------

    async def load(
        self, wanted: str, conversation: Conversation, speaker: Speaker, desk: Desk
    ) -> AsyncIterator[Updates]:
        """The page as its address says: with a conversation, or none yet."""
        if desk.watched or conversation.turns:  # somebody was quick to ask
            yield {self._parts.header: speaker.head(self._assistant)}
        elif wanted:
            async for updates in self.open(wanted, speaker, desk):
                yield updates
        else:
            yield self.show(conversation, speaker, desk)
        yield self._nothing

    async def open(self, conversation_id: str, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
        """Shows a conversation that is kept, and what is being written in it."""
        running = self._running.get(conversation_id)
        desk.watched, desk.editing, desk.shown = None, "", RECENT
        try:
            kept = running.before if running else self._kept.open(conversation_id).conversation
        except (UnknownConversation, ArchiveUnreadable) as error:
            said = describe(error).message
            yield self.begin(speaker, desk) | {self._parts.draft: render.notice(said), self._parts.announcement: said}
            yield self._nothing
            return
        shown = self.show(kept, speaker, desk)
        if not running:
            yield shown
            yield self._nothing
            return
        async for updates in self._watch(running, speaker, desk, shown):
            yield updates

    def begin(self, speaker: Speaker, desk: Desk) -> Updates:
        """An empty conversation; the one before stays among those that are kept."""
        desk.watched, desk.editing, desk.shown = None, "", RECENT
        return self.show(Conversation(), speaker, desk)

    def use(self, conversation: Conversation, speaker: Speaker, desk: Desk, event: gr.EventData) -> Updates:
        """What was clicked in the turns: a question to edit, another version of one, or those before."""
        deed, of = str(getattr(event, "deed", "")), str(getattr(event, "of", ""))
        asked = {turn.id: turn.question for turn in conversation.turns}
        nothing: Updates = {self._parts.announcement: gr.skip()}
        match deed:
            case "edit" if of in asked and not desk.watched:
                desk.editing = of
                return {self._parts.question: asked[of], self._parts.editing: gr.update(visible=True)}
            case "version" if not desk.watched:
                desk.editing = ""
                try:
                    return self.show(self._kept.choose(conversation.id, of).conversation, speaker, desk)
                except (UnknownConversation, ArchiveUnreadable) as error:
                    return {self._parts.draft: render.notice(describe(error).message)}
            case "earlier":
                desk.shown += RECENT
                shown: Updates = {self._parts.turns: self._turns(conversation, desk)}
                if not desk.watched:
                    shown[self._parts.sources] = render.sources(self._recent(conversation, desk))
                return shown
        return nothing

    def cancel_edit(self, desk: Desk) -> Updates:
        """Leaves an earlier question as it was."""
        desk.editing = ""
        return {self._parts.question: "", self._parts.editing: gr.update(visible=False)}

    @staticmethod
    def _recent(conversation: Conversation, desk: Desk) -> Conversation:
        """The turns that are on the page."""
        return replace(conversation, turns=conversation.turns[-desk.shown :])

    def _turns(self, conversation: Conversation, desk: Desk) -> str:
        try:
            versions = self._kept.versions(conversation.id) if conversation.id else {}
        except ArchiveUnreadable:  # the turn that could not be kept says so
            versions = {}
        return render.conversation(conversation, versions, desk.shown)

    def refreshed(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        """What the chat says of the library, after that has changed."""
        head: Updates = {self._parts.header: speaker.head(self._assistant)}
        if conversation.turns or desk.watched:  # begun, or being written
            return head
        turns = render.welcome(self._assistant.library.status())
        return head | self._suggested() | {self._parts.turns: turns}

    def show(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        """The whole chat for a conversation at rest."""
        parts, status = self._parts, self._assistant.library.status()
        begun = bool(conversation.turns)
        return {
            parts.conversation: conversation,
            parts.header: speaker.head(self._assistant),
            parts.turns: self._turns(conversation, desk) if begun else render.welcome(status),
            parts.draft: "",
            parts.sources: render.sources(self._recent(conversation, desk)),
            parts.announcement: _announcement(conversation.turns[-1]) if begun else "",
            parts.saving: render.saving(conversation.id) if begun and conversation.id else "",
            parts.editing: gr.update(visible=bool(desk.editing)),
            parts.retry: gr.update(visible=begun),
            parts.quote: gr.update(visible=begun and _wants_quotations(conversation.turns[-1])),
            **self._instead(conversation.turns[-1] if begun else None),
            **self._busy(False),
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

    def _busy(self, running: bool) -> Updates:
        return {self._parts.send: gr.update(visible=not running), self._parts.stop: gr.update(visible=running)} | (
            {
                part: gr.update(visible=False)
                for part in (
                    *(self._parts.retry, self._parts.quote),
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
                draft.topic_map, draft.step, draft.searched = event.topic_map, words.WRITING, event.searched
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
