"""The page as a whole: its layout and its wiring."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr

from assistant import Assistant, Conversation, LibraryError

from . import render, words
from .blocks import Blocks
from .chat import Chat, Parts
from .controls import EXAMPLES, controls
from .conversations import Sidebar
from .library import LibraryView, Shelf
from .limits import LimitsPanel
from .model import ModelPanel
from .preferences import PreferencesPanel
from .readers import Reader
from .rights import guard
from .session import Desk, Speaker
from .signin import who

_STATIC = Path(__file__).with_name("static")
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_WATCH_SECONDS = {True: 3.0, False: 6.0}  # while papers wait to be embedded, and while nothing does
_FROM_ADDRESS = '(_, ...others) => [new URLSearchParams(location.search).get("c") ?? "", ...others]'


def build(assistant: Assistant, reader: Reader | None) -> gr.Blocks:
    """The page's components and what their events do, for a reader who is known before the page is opened, or not."""
    clicks = (_STATIC / "clicks.js").read_text(encoding="utf-8")
    with Blocks(title=words.NAME, analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as blocks:
        header = gr.HTML(elem_id="header")
        is_who = gr.HTML(who(reader) if reader else "", elem_id="reader")
        gr.HTML(render.views(), elem_id="views")
        with gr.Row(elem_id="desk"):
            sidebar = Sidebar(assistant)
            with gr.Column(elem_id="chat-view", scale=3):
                turns = gr.HTML(elem_id="turns", js_on_load=clicks)
                draft = gr.HTML(elem_id="draft")
                with gr.Row(elem_id="examples"):
                    suggested = [
                        gr.Button("", elem_id=f"example-{number}", elem_classes="example") for number in range(EXAMPLES)
                    ]
                with gr.Column(elem_id="composer"):
                    editing = gr.Button(words.editing(), size="sm", elem_id="editing")
                    narrowed = gr.Button(visible=False, size="sm", elem_id="narrowed")
                    with gr.Row(elem_id="ask"):
                        question = gr.Textbox(
                            label=words.QUESTION_LABEL,
                            show_label=False,
                            container=False,
                            placeholder=words.QUESTION_HINT,
                            lines=1,
                            max_lines=6,
                            autofocus=True,
                            scale=8,
                            elem_id="question",
                        )
                        send = gr.Button(words.SEND, variant="primary", elem_id="send", min_width=80, scale=1)
                        stop = gr.Button(words.STOP, elem_id="stop", min_width=80, scale=1)
                    mode = gr.Radio(
                        [(text, kind) for kind, text in words.MODES.items()],
                        value="auto",
                        label=words.MODE_LABEL,
                        show_label=False,
                        container=False,
                        elem_id="mode",
                    )
                    with gr.Row(elem_id="actions"):
                        retry = gr.Button(words.RETRY, size="sm", elem_id="retry")
                        quote = gr.Button(words.QUOTE_INSTEAD, size="sm", elem_id="quote")
                        kinds = [
                            gr.Button(text, size="sm", elem_id=f"instead-{kind}")
                            for kind, text in words.INSTEAD.items()
                        ]
                        shorter = gr.Button(words.SHORTER, size="sm", elem_id="shorter")
                        longer = gr.Button(words.LONGER, size="sm", elem_id="longer")
                        saving = gr.HTML(elem_id="saving")
                announcement = gr.HTML(elem_id="announcement")
                usable = gr.HTML(controls(), elem_id="controls")
            with gr.Column(elem_id="aside", scale=2):
                sources = gr.HTML(elem_id="sources", js_on_load=clicks)
                limits = LimitsPanel(assistant, narrowed)
                panel = ModelPanel(assistant)
                preferences = PreferencesPanel(assistant)
        library = LibraryView(assistant)
        parts = Parts(
            header, turns, draft, sources, saving, announcement, question, usable, send, stop, retry, quote, mode,
            kinds, shorter, longer, editing, suggested, gr.State(Conversation()), gr.State(Desk()), gr.State(Speaker()),
        )  # fmt: skip
        chat = Chat(assistant, parts)
        _wire(blocks, chat, parts, limits, sidebar)
        panel.wire(parts.speaker, header, blocks, parts.desk)
        limits.wire(blocks)
        preferences.wire(blocks, parts.desk)
        _watch(blocks, assistant, chat, parts, limits, library, sidebar)
        blocks.load(lambda desk: who(desk.reader), parts.desk, is_who, **_PRIVATE)
        guard(blocks)
    made: gr.Blocks = blocks
    return made


def _watch(
    blocks: gr.Blocks,
    assistant: Assistant,
    chat: Chat,
    parts: Parts,
    limits: LimitsPanel,
    library: LibraryView,
    sidebar: Sidebar,
) -> None:
    """Keeps what the page says of the library true: after a change made here, and after one made elsewhere."""
    timer = gr.Timer(_WATCH_SECONDS[True])
    of_chat, of_library = [parts.speaker, parts.desk], [*library.parts, *limits.choices]
    shown = [*_components(parts), *of_library, *sidebar.parts, timer]

    def changed(speaker: Speaker, desk: Desk) -> dict[Any, Any]:
        known = dict(zip(limits.choices, limits.known(), strict=True))
        return chat.refreshed(speaker, desk) | known | {timer: _pace(assistant)}

    def look(typed: str, speaker: Speaker, desk: Desk, shelf: Shelf) -> dict[Any, Any]:
        listed = {} if desk.renaming else sidebar.noticed(desk, typed)
        if not library.changed(shelf):
            return listed | {timer: gr.skip()}
        if noticed := library.noticed(shelf):
            return listed | changed(speaker, desk) | noticed
        return listed | {parts.header: speaker.head(assistant), timer: _pace(assistant)}

    async def tick(
        usable: str, typed: str, speaker: Speaker, desk: Desk, shelf: Shelf
    ) -> AsyncIterator[dict[Any, Any]]:
        try:
            yield await asyncio.to_thread(look, typed, speaker, desk, shelf)
        except LibraryError:  # the head says what is wrong
            yield {parts.header: await asyncio.to_thread(speaker.head, assistant)}
        async for updates in chat.caught_up(usable, speaker, desk):
            yield updates
        yield {timer: gr.skip()}  # what was yielded last is sent again at the end

    timer.tick(tick, [parts.controls, sidebar.find, *of_chat, library.shelf], shown, **_PRIVATE)
    for event in library.wire(blocks, limits):
        event.then(changed, of_chat, shown, **_PRIVATE)


def _pace(assistant: Assistant) -> gr.Timer:
    return gr.Timer(_WATCH_SECONDS[bool(assistant.library.status().pending)])


def _components(parts: Parts) -> list[Any]:
    """Every component of the chat that changes. Gradio makes each of a handler's outputs anew whenever it yields, those
    too that stay as they are; so the buttons, which `controls` shows and hides, are none of them."""
    each = [part for part in vars(parts).values() if isinstance(part, gr.State | gr.HTML | gr.Textbox)]
    return [*each, *parts.examples]


def _wire(blocks: gr.Blocks, chat: Chat, parts: Parts, limits: LimitsPanel, sidebar: Sidebar) -> None:
    """Connects what a reader does in the chat with what happens."""
    every, turn = _components(parts), [*chat.of_turn]
    of_page, of_turn = [parts.speaker, parts.desk], [parts.conversation, parts.speaker, parts.desk]
    asked = [parts.mode, *of_turn, *limits.fields]
    # A turn ends long after it was asked for; meanwhile its reader may ask in another conversation.
    many: dict[str, Any] = {"trigger_mode": "multiple", **_PRIVATE}
    automatic, wanted = gr.State("auto"), gr.Textbox(visible=False)
    events = [
        blocks.load(chat.load, [wanted, *of_turn], every, js=_FROM_ADDRESS, **_PRIVATE),
        gr.on([parts.question.submit, parts.send.click], chat.ask, [parts.question, *asked], turn, **many),
        parts.retry.click(chat.retry, of_turn, turn, **many),
        parts.quote.click(chat.quote, of_turn, turn, **many),
        parts.turns.click(chat.use, of_turn, every, **_PRIVATE),
        sidebar.new.click(chat.begin, of_page, every, **_PRIVATE),
    ]
    for example in parts.examples:
        events.append(example.click(chat.ask, [example, automatic, *asked[1:]], turn, **many))
    for button in (*parts.kinds, parts.shorter, parts.longer):
        events.append(button.click(chat.instead, [button, *of_turn], turn, **many))
    parts.stop.click(chat.stop, parts.desk, None, queue=False, **_PRIVATE)
    parts.sources.click(chat.similar, parts.desk, every, **_PRIVATE)
    parts.editing.click(chat.cancel_edit, [parts.conversation, parts.desk], every, **_PRIVATE)
    for event in events:
        event.then(sidebar.painted, parts.desk, sidebar.parts, **_PRIVATE)
    sidebar.wire(chat, parts.desk, parts.speaker, every)
