"""What happens when a reader asks, stops, tries again, edits a question, or turns to another conversation."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from assistant import (
    ArchiveUnreadable,
    Assistant,
    AssistantError,
    Citation,
    Conversation,
    Filter,
    InvalidQuestion,
    Length,
    LibraryError,
    Mode,
    Outcome,
    Paper,
    Turn,
    UnknownConversation,
    describe,
)

from . import render, words
from .controls import controls, is_writing
from .limits import chosen
from .session import RECENT, Desk, Speaker, standing
from .writing import Running, Wish, Writing

_PAINT_SECONDS = 0.06  # between two paints of words, as the page parses the whole draft at each
# At least between two paints of any pages, as often as answers are read (`assistant/streams.py`): fifty answers at once
# must not fill a processor.
_SHARE_SECONDS = 0.04
_LOST_SECONDS = 2.0  # who paints a turn looks after it every _PAINT_SECONDS; nobody does any more after this long

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
    controls: gr.HTML
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


class Chat:
    """The handlers of the page."""

    def __init__(self, assistant: Assistant, parts: Parts) -> None:
        self._assistant, self._parts = assistant, parts
        self._writing = Writing(assistant)
        self._painting = 0  # pages on which an answer is being painted
        # Gradio makes all outputs of a handler anew whenever it yields, so those that are painted often have few.
        self.of_turn: Sequence[gr.components.Component] = (
            *(parts.turns, parts.draft, parts.sources, parts.saving, parts.announcement, parts.question),
            *(parts.controls, parts.conversation),
        )
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
            yield self._narrowed(await self._refused(error, question, conversation, speaker, desk))
            return
        wish = self._wish(question, Mode(mode), speaker, desk, limits=within)
        before = conversation.upto(desk.editing) if desk.editing else await self._latest(conversation, desk)
        async for updates in self._turn(wish, before, conversation, speaker, desk, typed=True):
            yield self._narrowed(updates)

    def _narrowed(self, updates: Updates) -> Updates:
        """What changes of the parts that a turn changes."""
        return {part: update for part, update in updates.items() if part in self.of_turn}

    @staticmethod
    def _wish(
        question: str, mode: Mode, speaker: Speaker, desk: Desk, *, length: Length | None = None, limits: Filter
    ) -> Wish:
        return Wish(question, mode, length, limits, speaker.connection, speaker.quoting_only, desk.preferences)

    async def _latest(self, conversation: Conversation, desk: Desk) -> Conversation:
        """The conversation with what was asked behind it on another page meanwhile."""
        if not conversation.id or self._writing.of(conversation.id, desk.owner):
            return conversation
        known = tuple(turn.id for turn in conversation.turns)
        try:
            kept = desk.kept(self._assistant)
            path = await asyncio.to_thread(kept.path, conversation.id)
            if len(path) > len(known) and path[: len(known)] == known:
                return (await asyncio.to_thread(kept.open, conversation.id)).conversation
        except AssistantError:  # what cannot be read cannot have been gone on with
            return conversation
        return conversation

    async def _refused(
        self, error: Exception, question: str, kept: Conversation, speaker: Speaker, desk: Desk
    ) -> Updates:
        """A question that cannot be asked goes back to its writer, with the reason."""
        said = describe(error).message
        return await self._shown(kept, speaker, desk) | {
            self._parts.question: question,
            self._parts.draft: render.notice(said),
            self._parts.announcement: said,
        }

    async def _turn(
        self,
        wish: Wish,
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
        if desk.watched and not desk.watched.over:  # it was sent twice
            yield self._nothing
            return
        if self._writing.of(before.id, desk.owner):
            yield {self._parts.draft: render.notice(words.BUSY), self._parts.announcement: words.BUSY}
            return
        running = self._writing.start(
            wish, before if before.id else Conversation.begun(), kept, desk.editing, desk.owner
        )
        desk.watched = running
        await running.settled(_PAINT_SECONDS)
        if running.refused:  # at once: then nothing is hidden that would be shown again right after
            desk.watched = None
            yield await self._refused(running.refused, wish.question, kept, speaker, desk)
            return
        cleared: Updates = {self._parts.question: ""} if typed else {}
        async for updates in self._watch(running, speaker, desk, cleared):
            yield updates

    async def _watch(self, running: Running, speaker: Speaker, desk: Desk, first: Updates) -> AsyncIterator[Updates]:
        """Paints a turn as it is written, until it is over or its reader looks at something else.

        `first` is painted with the beginning, in one.
        """
        parts, before = self._parts, running.before
        recent = self._recent(before, desk)
        desk.conversation, desk.watched, desk.editing, desk.visit = before, running, "", desk.visit + 1
        visit, desk.painted_at = desk.visit, time.monotonic()
        turns = await asyncio.to_thread(self._turns, before, desk)
        yield first | {
            parts.conversation: before,
            parts.turns: turns,
            parts.controls: self._controls(before, desk),
        }
        self._painting += 1
        try:
            async for updates in self._paints(running, recent, desk, visit):
                yield updates
        finally:
            self._painting -= 1
        if desk.visit != visit or not desk.watched:
            yield self._nothing
            return
        desk.watched, desk.painted_at = None, time.monotonic()
        if running.last:
            shown = await self._shown(running.last.conversation, speaker, desk)
            yield shown if desk.visit == visit else self._nothing
        elif running.refused:
            desk.editing = running.edited
            yield await self._refused(running.refused, running.wish.question, running.kept, speaker, desk)
        yield self._nothing

    async def _paints(self, running: Running, recent: Conversation, desk: Desk, visit: int) -> AsyncIterator[Updates]:
        """The paints of a turn that is being written: at once when there is something new to see, else in turns with
        the other pages."""
        parts, draft = self._parts, running.draft
        seen, stage, painted_at, said = -1, (False, False, False), 0.0, ""
        beside: tuple[Sequence[Paper], int] | None = None
        while desk.visit == visit and desk.watched and not running.over:
            now, reached = time.monotonic(), running.stage
            due = now - painted_at >= _SHARE_SECONDS * self._painting
            if running.events != seen and (due or reached != stage):
                seen, stage, painted_at = running.events, reached, now
                updates: Updates = {parts.draft: draft.html()}
                if (cited := (draft.found, draft.cited)) != beside:  # the sources are many, and rarely change
                    updates[parts.sources], beside = render.sources(recent, draft.found, draft.pieces), cited
                if draft.step != said:
                    updates[parts.announcement] = said = draft.step
                yield updates
            desk.painted_at = time.monotonic()
            if running.stage == reached:  # it may have come further while Gradio sent the paint
                await running.step(_PAINT_SECONDS)

    async def caught_up(self, usable: str, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
        """Paints what the page has missed; `usable` is the line of buttons as the page has it.

        Gradio keeps one stream of events per page, and closes it when none is awaited. A question that is asked at that
        moment is dropped by the server, or its last paint goes into the closed stream: the page would wait forever.
        """
        if time.monotonic() - desk.painted_at < _LOST_SECONDS:  # it may be on its way
            return
        if desk.watched:
            async for updates in self._watch(desk.watched, speaker, desk, {}):
                yield updates
        elif is_writing(usable):
            yield await self._shown(desk.conversation, speaker, desk)

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
        asked = last.plan.length if last.plan.length is not Length.NORMAL and not mode else None
        wish = self._wish(
            last.plan.question, mode or same, speaker, desk, length=length or asked, limits=last.plan.limits
        )
        async for updates in self._turn(wish, conversation.upto(last.id), conversation, speaker, desk):
            yield self._narrowed(updates)

    async def quote(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
        """Asks the last question again without a model, this once."""
        async for updates in self.retry(conversation, replace(speaker, quoting_only=True), desk):
            yield updates

    # -- which conversation ---------------------------------------------------------------------------------------

    async def load(
        self, wanted: str, conversation: Conversation, speaker: Speaker, desk: Desk
    ) -> AsyncIterator[Updates]:
        """The page as its address says: with a conversation, or none yet."""
        if desk.watched or conversation.turns:  # somebody was quick to ask
            yield {self._parts.header: await asyncio.to_thread(speaker.head, self._assistant)}
        elif wanted:
            async for updates in self.open(wanted, speaker, desk):
                yield updates
        else:
            yield await self._shown(conversation, speaker, desk)
        yield self._nothing

    async def open(self, conversation_id: str, speaker: Speaker, desk: Desk, at: str = "") -> AsyncIterator[Updates]:
        """Shows a conversation that is kept, in the version that turn `at` is in, and what is being written in it."""
        running = self._writing.of(conversation_id, desk.owner)
        desk.leave()
        try:
            kept = running.before if running else await asyncio.to_thread(self._kept, conversation_id, desk, at)
        except (UnknownConversation, ArchiveUnreadable) as error:
            said = describe(error).message
            empty = await self._shown(Conversation(), speaker, desk)
            yield empty | {self._parts.draft: render.notice(said), self._parts.announcement: said}
            yield self._nothing
            return
        shown = await self._shown(kept, speaker, desk)
        if not running:
            yield shown
            yield self._nothing
            return
        async for updates in self._watch(running, speaker, desk, shown):
            yield updates

    def _kept(self, conversation_id: str, desk: Desk, at: str) -> Conversation:
        archive = desk.kept(self._assistant)
        is_hidden = at and at not in archive.path(conversation_id)
        opened = archive.choose(conversation_id, at) if is_hidden else archive.open(conversation_id)
        turns = opened.conversation.turns
        behind = [len(turns) - place for place, turn in enumerate(turns) if turn.id == at]
        desk.shown = max([RECENT, *behind])
        return opened.conversation

    def begin(self, speaker: Speaker, desk: Desk) -> Updates:
        """An empty conversation; the one before stays among those that are kept."""
        desk.leave()
        return self.show(Conversation(), speaker, desk)

    def use(self, conversation: Conversation, speaker: Speaker, desk: Desk, event: gr.EventData) -> Updates:
        """What was clicked in the turns: a question to edit, another version of one, or those before."""
        deed, of = str(getattr(event, "deed", "")), str(getattr(event, "of", ""))
        asked = {turn.id: turn.question for turn in conversation.turns}
        match deed:
            case "edit" if of in asked and not desk.watched:
                desk.editing = of
                return {self._parts.question: asked[of], self._parts.controls: self._controls(conversation, desk)}
            case "version" if not desk.watched:
                desk.editing = ""
                try:
                    return self.show(desk.kept(self._assistant).choose(conversation.id, of).conversation, speaker, desk)
                except (UnknownConversation, ArchiveUnreadable) as error:
                    return {self._parts.draft: render.notice(describe(error).message)}
            case "earlier":
                desk.shown += RECENT
                shown: Updates = {self._parts.turns: self._turns(conversation, desk)}
                if not desk.watched:
                    shown[self._parts.sources] = render.sources(self._recent(conversation, desk))
                return shown
        return self._nothing

    def similar(self, desk: Desk, event: gr.EventData) -> Updates:
        """What was clicked in the sources: show the papers that are like one of them, or no longer."""
        group, of = "", str(getattr(event, "of", ""))
        if getattr(event, "deed", "") == "like":
            paper = self._assistant.library.catalogue.papers([of]).get(of)
            if not paper:
                return {self._parts.announcement: words.PAPER_GONE, self._parts.draft: render.notice(words.PAPER_GONE)}
            try:
                group = render.alike(paper.display_title, self._assistant.like(of))
            except LibraryError as error:
                return {self._parts.draft: render.notice(describe(error).message)}
        running, recent = desk.watched, self._recent(desk.conversation, desk)
        found, pieces = (running.draft.found, running.draft.pieces) if running else ((), None)
        return {self._parts.sources: render.sources(recent, found, pieces, group)}

    def cancel_edit(self, conversation: Conversation, desk: Desk) -> Updates:
        """Leaves an earlier question as it was."""
        desk.editing = ""
        return {self._parts.question: "", self._parts.controls: self._controls(conversation, desk)}

    @staticmethod
    def _recent(conversation: Conversation, desk: Desk) -> Conversation:
        """The turns that are on the page."""
        return replace(conversation, turns=conversation.turns[-desk.shown :])

    def _turns(self, conversation: Conversation, desk: Desk) -> str:
        try:
            versions = desk.kept(self._assistant).versions(conversation.id) if conversation.id else {}
        except ArchiveUnreadable:  # the turn that could not be kept says so
            versions = {}
        return render.conversation(conversation, versions, desk.shown)

    def refreshed(self, speaker: Speaker, desk: Desk) -> Updates:
        """What the chat says of the library, after that has changed."""
        head: Updates = {self._parts.header: speaker.head(self._assistant)}
        if desk.conversation.id or desk.watched:  # begun, or being written
            return head
        turns = self._welcome()
        can = {self._parts.controls: self._controls(desk.conversation, desk)}
        return head | self._suggested() | {self._parts.turns: turns} | can

    async def _shown(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        """The same as `show`, for what runs on the loop: there a database that waits would hold up every reader."""
        desk.conversation = conversation
        return await asyncio.to_thread(self._whole, conversation, speaker, desk)

    def show(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        """The whole chat for a conversation at rest."""
        desk.conversation = conversation
        return self._whole(conversation, speaker, desk)

    def _whole(self, conversation: Conversation, speaker: Speaker, desk: Desk) -> Updates:
        parts, begun = self._parts, bool(conversation.turns)
        return {
            parts.conversation: conversation,
            parts.header: speaker.head(self._assistant),
            parts.turns: self._turns(conversation, desk) if begun else self._welcome(),
            parts.draft: "",
            parts.sources: render.sources(self._recent(conversation, desk)),
            parts.announcement: _announcement(conversation.turns[-1]) if begun else "",
            parts.saving: render.saving(conversation.id) if begun and conversation.id else "",
            parts.controls: self._controls(conversation, desk),
            **({} if begun else self._suggested()),
        }

    def _welcome(self) -> str:
        """What stands in place of a conversation; nothing while the library cannot be read, which the head says."""
        status, _ = standing(self._assistant)
        return render.welcome(status) if status else ""

    def _suggested(self) -> Updates:
        """The example questions, as many as the library offers."""
        return dict(zip(self._parts.examples, self._examples(), strict=False))

    def _examples(self) -> list[str]:
        status, _ = standing(self._assistant)
        return self._assistant.examples() if status else []

    def _controls(self, conversation: Conversation, desk: Desk) -> str:
        """Which buttons can be used, as the conversation and what is before its reader stand."""
        writing, editing = desk.watched is not None, bool(desk.editing)
        if conversation.turns or writing:
            return controls(next(reversed(conversation.turns), None), writing=writing, editing=editing)
        return controls(examples=len(self._examples()))


def _announcement(turn: Turn) -> str:
    if turn.outcome is Outcome.FAILED:
        return turn.problem
    if turn.outcome is Outcome.REFUSED:
        return words.REFUSED_STATUS
    cited = [piece for piece in turn.pieces if isinstance(piece, Citation)]
    return words.cited(len(turn.citations), len({citation.number for citation in cited}))
