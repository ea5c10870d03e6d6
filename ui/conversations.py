"""The conversations beside the chat: found again, opened, renamed, deleted and brought back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr

from assistant import (
    ArchiveUnreadable,
    Assistant,
    AssistantError,
    Conversation,
    InvalidHistory,
    UnknownConversation,
    describe,
    titled_from_json,
)

from . import render, sidebar, words
from .chat import Chat, Updates
from .session import Desk, Speaker

_SCRIPT = Path(__file__).with_name("static") / "conversations.js"
_LISTED = 50  # at first, and more of at a time
_LARGEST_FILE = 100_000_000  # bytes


class Sidebar:
    """The parts of the list, and the handlers of its events."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        with gr.Column(elem_id="sidebar", scale=0, min_width=220):
            gr.HTML(sidebar.toggle())
            self.new = gr.Button(words.NEW, elem_id="new", size="sm")
            self.find = gr.Textbox(
                label=words.FIND, show_label=False, container=False, placeholder=words.FIND_HINT, max_lines=1,
                elem_id="find",
            )  # fmt: skip
            with gr.Row(elem_id="deleted"):
                self._said = gr.HTML(elem_id="deleted-said")
                self._undo = gr.Button(words.UNDO_DELETION, visible=False, size="sm", elem_id="undo-delete")
            self._read = gr.UploadButton(words.READ_IN, file_types=[".json"], size="sm", elem_id="read-in")
            self._list = gr.HTML(elem_id="conversations", js_on_load=_SCRIPT.read_text(encoding="utf-8"))
        self.parts: list[gr.components.Component] = [self._said, self._undo, self._list]

    def wire(self, chat: Chat, desk: gr.State, speaker: gr.State, every: list[Any]) -> None:
        """Connects the list; `every` is all of the chat, which opening a conversation changes."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        outputs = [*every, *self.parts]

        # What waits for a database waits in a thread: on the loop it would hold up every reader.
        async def used(speaker: Speaker, desk: Desk, event: gr.EventData) -> AsyncIterator[Updates]:
            deed, of, value = (str(getattr(event, name, "")) for name in ("deed", "of", "value"))
            try:
                if deed == "open":
                    desk.conversation = Conversation(id=of)
                    yield await asyncio.to_thread(self.painted, desk)
                    async for updates in chat.open(of, speaker, desk, at=value):
                        yield updates
                else:
                    yield await asyncio.to_thread(self._used, chat, deed, of, value, speaker, desk)
            except ArchiveUnreadable as error:
                yield {self._said: render.notice(describe(error).message)}

        async def read(path: str | None, speaker: Speaker, desk: Desk) -> AsyncIterator[Updates]:
            try:
                of = await asyncio.to_thread(self._taken_in, Path(path or ""), desk)
            except AssistantError as error:
                yield {self._said: render.notice(describe(error).message)}
                return
            desk.conversation = Conversation(id=of)
            yield await asyncio.to_thread(self.painted, desk) | self._offer(desk)
            async for updates in chat.open(of, speaker, desk):
                yield updates

        self._read.upload(read, [self._read, speaker, desk], outputs, **private)
        self._list.click(used, [speaker, desk], outputs, trigger_mode="multiple", **private)
        self._undo.click(self._restore, desk, self.parts, **private)
        self.find.change(self._search, [self.find, desk], self.parts, trigger_mode="always_last", **private)

    def _used(self, chat: Chat, deed: str, of: str, value: str, speaker: Speaker, desk: Desk) -> Updates:
        """What comes of a click in the list that opens nothing."""
        if deed == "new" or (deed == "delete" and self._delete(of, desk) and of == desk.conversation.id):
            return chat.begin(speaker, desk) | self.painted(desk) | self._offer(desk)
        self._use(deed, of, value, desk)
        return self.painted(desk) | self._offer(desk)

    def painted(self, desk: Desk) -> Updates:
        """The list as it now is."""
        wanted = desk.listed + _LISTED
        listed = desk.kept(self._assistant).list(desk.searched, wanted + 1)
        shown = sidebar.conversations(
            listed[:wanted],
            datetime.now().astimezone(),
            current=desk.conversation.id,
            renaming=desk.renaming,
            search=desk.searched,
            more=len(listed) > wanted,
        )
        desk.painted = shown
        return {self._list: shown}

    def noticed(self, desk: Desk, typed: str) -> Updates:
        """The list, if it has changed here or elsewhere since it was painted for this session.

        Gradio may drop an event while a page's stream is closing (see `Chat.caught_up`): what has stood `typed` for two
        looks, and is not what was searched, is searched now.
        """
        before, seen = desk.painted, desk.typed
        desk.typed = typed or ""
        if seen == desk.typed != desk.searched:
            desk.searched, desk.listed = desk.typed, 0
        try:
            updates = self.painted(desk)
        except ArchiveUnreadable:  # said where something is done with it
            return {}
        return updates if desk.painted != before else {}

    def _taken_in(self, path: Path, desk: Desk) -> str:
        """Keeps the conversation of a file; returns its id. Raises `InvalidHistory`."""
        if path.stat().st_size > _LARGEST_FILE:
            raise InvalidHistory(words.too_large(_LARGEST_FILE))
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        return desk.kept(self._assistant).put(*titled_from_json(text))

    def _search(self, typed: str, desk: Desk) -> Updates:
        desk.searched = desk.typed = typed or ""
        desk.listed = 0
        return self.painted(desk)

    def _use(self, deed: str, of: str, value: str, desk: Desk) -> None:
        desk.renaming = of if deed == "rename" else ""
        if deed == "name":
            try:
                desk.kept(self._assistant).rename(of, value)
            except UnknownConversation:  # deleted elsewhere; the list no longer shows it
                return
        elif deed == "more":
            desk.listed += _LISTED

    def _delete(self, of: str, desk: Desk) -> bool:
        desk.renaming = ""
        try:
            desk.deleted.append((of, desk.kept(self._assistant).delete(of)))
        except UnknownConversation:
            return False
        return True

    def _restore(self, desk: Desk) -> Updates:
        """Brings back what was deleted last; what was deleted before that can be brought back next."""
        if desk.deleted:
            desk.kept(self._assistant).restore(desk.deleted.pop()[0])
        return self.painted(desk) | self._offer(desk)

    def _offer(self, desk: Desk) -> Updates:
        said = render.notice(words.deleted(desk.deleted[-1][1])) if desk.deleted else ""
        return {self._said: said, self._undo: gr.update(visible=bool(desk.deleted))}
