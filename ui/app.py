"""The page as a whole: its layout, its wiring, and the server that it runs in."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.staticfiles import StaticFiles

from assistant import Assistant, Conversation

from . import render, words
from .chat import Chat, Parts
from .controls import EXAMPLES, STYLE, controls
from .conversations import Sidebar
from .library import LibraryView, Shelf
from .limits import LimitsPanel
from .model import ModelPanel
from .preferences import PreferencesPanel
from .saving import add_saving
from .session import Desk, Speaker

_STATIC = Path(__file__).with_name("static")
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_WATCH_SECONDS = {True: 3.0, False: 6.0}  # while papers wait to be embedded, and while nothing does
_LARGEST_UPLOAD = "2gb"
_FROM_ADDRESS = '(_, ...others) => [new URLSearchParams(location.search).get("c") ?? "", ...others]'
# Gradio's own scripts are inline and evaluate templates; everything from another host is refused.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# The style sheet comes late, with Gradio's scripts; the fonts are there by then.
_FONTS_FIRST = ", ".join(
    f"<{font}>; rel=preload; as=font; type=font/woff2; crossorigin"
    for font in (
        "/static/fonts/IBMPlexSans/IBMPlexSans-Regular.woff2",
        "/static/fonts/IBMPlexSans/IBMPlexSans-Bold.woff2",
        "/fonts/source-serif-4-latin-wght-normal.woff2",
    )
)


def build(assistant: Assistant) -> gr.Blocks:
    """The page's components and what their events do."""
    clicks = (_STATIC / "clicks.js").read_text(encoding="utf-8")
    with gr.Blocks(title=words.NAME, analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as blocks:
        header = gr.HTML(elem_id="header")
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
        panel.wire(parts.speaker, header)
        limits.wire(blocks)
        preferences.wire(blocks, parts.desk)
        _watch(blocks, assistant, chat, parts, limits, library, sidebar)
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

    def look(speaker: Speaker, desk: Desk, shelf: Shelf) -> dict[Any, Any]:
        listed = {} if desk.renaming else sidebar.noticed(desk)
        if not library.changed(shelf):
            return listed | {timer: gr.skip()}
        if noticed := library.noticed(shelf):
            return listed | changed(speaker, desk) | noticed
        return listed | {parts.header: speaker.head(assistant), timer: _pace(assistant)}

    async def tick(usable: str, speaker: Speaker, desk: Desk, shelf: Shelf) -> AsyncIterator[dict[Any, Any]]:
        yield await asyncio.to_thread(look, speaker, desk, shelf)
        async for updates in chat.caught_up(usable, speaker, desk):
            yield updates
        yield {timer: gr.skip()}  # what was yielded last is sent again at the end

    timer.tick(tick, [parts.controls, *of_chat, library.shelf], shown, **_PRIVATE)
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


def create_app(assistant: Assistant) -> FastAPI:
    """The page behind a web server's interface, with its security headers."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.middleware("http")
    async def _headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _CONTENT_SECURITY_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if request.url.path == "/":
            response.headers["Link"] = _FONTS_FIRST
        return response

    add_saving(app, assistant)
    app.mount("/fonts", StaticFiles(directory=_STATIC / "fonts"))
    assistant.background.wake()
    blocks = build(assistant).queue(default_concurrency_limit=8, max_size=64)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=_theme(),
        css=STYLE,
        css_paths=[_STATIC / "page.css", _STATIC / "desk.css"],
        head=_head(),
        favicon_path=str(_STATIC / "mark.svg"),
        footer_links=[],
        show_error=False,
        allowed_paths=[],
        max_file_size=_LARGEST_UPLOAD,
        ssr_mode=False,
        mcp_server=False,
    )
    return app


def serve(assistant: Assistant) -> None:
    """Serves the page until interrupted."""
    host, port = assistant.settings.host, assistant.settings.port
    logging.basicConfig(level=logging.WARNING)
    assistant.warm_up()
    app = create_app(assistant)
    shown = f"[{host}]" if ":" in host else host
    print(f"{words.NAME} is open at http://{shown}:{port}  (Ctrl+C closes it)", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)


def _head() -> str:
    script = "".join((_STATIC / name).read_text(encoding="utf-8") for name in ("page.js", "peek.js", "copy.js"))
    said = json.dumps(words.OF_SCRIPT).replace("<", "\\u003c")
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<script type="application/json" id="words">{said}</script><script>{script}</script>'
    )


def _theme() -> gr.themes.Base:
    # Only names: page.css says where the fonts are, which Gradio would fetch from elsewhere or let come late.
    sans, mono = ["IBM Plex Sans", "ui-sans-serif", "sans-serif"], ["IBM Plex Mono", "ui-monospace", "monospace"]
    return gr.themes.Base(primary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono)
