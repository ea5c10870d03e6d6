"""The page as a whole: its layout, its wiring, and the server that it runs in."""

import json
import logging
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.middleware.base import RequestResponseEndpoint
from starlette.staticfiles import StaticFiles

from assistant import Assistant, Conversation

from . import render, words
from .chat import Chat, Parts, Speaker
from .library import LibraryView, Shelf
from .limits import LimitsPanel
from .model import ModelPanel

_STATIC = Path(__file__).with_name("static")
_EXAMPLES = 4
_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_WATCH_SECONDS = {True: 3.0, False: 6.0}  # while papers wait to be embedded, and while nothing does
_LARGEST_UPLOAD = "2gb"
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
    with gr.Blocks(title=words.NAME, analytics_enabled=False, fill_width=True, delete_cache=(3600, 3600)) as blocks:
        header = gr.HTML(elem_id="header")
        gr.HTML(render.views(), elem_id="views")
        with gr.Row(elem_id="desk"):
            with gr.Column(elem_id="chat-view", scale=3):
                turns = gr.HTML(elem_id="turns")
                draft = gr.HTML(elem_id="draft")
                with gr.Row(elem_id="examples"):
                    suggested = [gr.Button(visible=False, elem_classes="example") for _ in range(_EXAMPLES)]
                with gr.Column(elem_id="composer"):
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
                        stop = gr.Button(words.STOP, visible=False, elem_id="stop", min_width=80, scale=1)
                    mode = gr.Radio(
                        [(text, kind) for kind, text in words.MODES.items()],
                        value="auto",
                        label=words.MODE_LABEL,
                        show_label=False,
                        container=False,
                        elem_id="mode",
                    )
                    with gr.Row(elem_id="actions"):
                        retry = gr.Button(words.RETRY, visible=False, size="sm", elem_id="retry")
                        clear = gr.Button(words.CLEAR, visible=False, size="sm", elem_id="clear")
                        undo = gr.Button(words.UNDO, visible=False, size="sm", elem_id="undo")
                        quote = gr.Button(words.QUOTE_INSTEAD, visible=False, size="sm", elem_id="quote")
                        kinds = [
                            gr.Button(text, visible=False, size="sm", elem_id=f"instead-{kind}")
                            for kind, text in words.INSTEAD.items()
                        ]
                        shorter = gr.Button(words.SHORTER, visible=False, size="sm", elem_id="shorter")
                        longer = gr.Button(words.LONGER, visible=False, size="sm", elem_id="longer")
                announcement = gr.HTML(elem_id="announcement")
            with gr.Column(elem_id="aside", scale=2):
                sources = gr.HTML(elem_id="sources")
                limits = LimitsPanel(assistant, narrowed)
                panel = ModelPanel(assistant)
        library = LibraryView(assistant)
        state, cleared, speaker = gr.State(Conversation()), gr.State(Conversation()), gr.State(Speaker())
        parts = Parts(
            header, turns, draft, sources, announcement, question, send, stop, retry, clear, undo, quote,
            mode, kinds, shorter, longer, suggested, state, cleared, speaker,
        )  # fmt: skip
        chat = Chat(assistant, parts)
        _wire(blocks, chat, parts, limits)
        panel.wire(speaker, header)
        limits.wire(blocks)
        _watch(blocks, assistant, chat, parts, limits, library)
    made: gr.Blocks = blocks
    return made


def _watch(
    blocks: gr.Blocks, assistant: Assistant, chat: Chat, parts: Parts, limits: LimitsPanel, library: LibraryView
) -> None:
    """Keeps what the page says of the library true: after a change made here, and after one made elsewhere."""
    timer = gr.Timer(_WATCH_SECONDS[True])
    of_chat, of_library = [parts.conversation, parts.speaker], [*library.parts, *limits.choices]
    shown = [*_components(parts), *of_library, timer]

    def changed(conversation: Conversation, speaker: Speaker, request: gr.Request) -> dict[Any, Any]:
        known = dict(zip(limits.choices, limits.known(), strict=True))
        return chat.refreshed(conversation, speaker, request) | known | {timer: _pace(assistant)}

    def look(conversation: Conversation, speaker: Speaker, shelf: Shelf, request: gr.Request) -> dict[Any, Any]:
        if not library.changed(shelf):
            return {timer: gr.skip()}
        if noticed := library.noticed(shelf):
            return changed(conversation, speaker, request) | noticed
        return {parts.header: speaker.head(assistant), timer: _pace(assistant)}

    timer.tick(look, [*of_chat, library.shelf], shown, **_PRIVATE)
    for event in library.wire(blocks, limits):
        event.then(changed, of_chat, shown, **_PRIVATE)


def _pace(assistant: Assistant) -> gr.Timer:
    return gr.Timer(_WATCH_SECONDS[bool(assistant.library.status().pending)])


def _components(parts: Parts) -> list[Any]:
    """Every component of the chat."""
    each = [part for part in vars(parts).values() if isinstance(part, gr.components.Component)]
    return [*each, *parts.examples, *parts.kinds]


def _wire(blocks: gr.Blocks, chat: Chat, parts: Parts, limits: LimitsPanel) -> None:
    """Connects what a reader does in the chat with what happens."""
    every = _components(parts)
    blocks.load(chat.show, [parts.conversation, parts.speaker], every, **_PRIVATE)
    gr.on(
        [parts.question.submit, parts.send.click],
        chat.ask,
        [parts.question, parts.mode, parts.conversation, parts.speaker, *limits.fields],
        every,
        trigger_mode="once",
        **_PRIVATE,
    )
    automatic = gr.State("auto")
    for example in parts.examples:
        shown = [example, automatic, parts.conversation, parts.speaker, *limits.fields]
        example.click(chat.ask, shown, every, trigger_mode="once", **_PRIVATE)
    for button in (*parts.kinds, parts.shorter, parts.longer):
        of_button = [button, parts.conversation, parts.speaker]
        button.click(chat.instead, of_button, every, trigger_mode="once", **_PRIVATE)
    parts.stop.click(chat.stop, None, None, queue=False, **_PRIVATE)
    parts.retry.click(chat.retry, [parts.conversation, parts.speaker], every, trigger_mode="once", **_PRIVATE)
    parts.quote.click(chat.quote, [parts.conversation, parts.speaker], every, trigger_mode="once", **_PRIVATE)
    parts.clear.click(chat.clear, [parts.conversation, parts.speaker], every, **_PRIVATE)
    parts.undo.click(chat.undo, [parts.cleared, parts.speaker], every, **_PRIVATE)


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

    app.mount("/fonts", StaticFiles(directory=_STATIC / "fonts"))
    assistant.background.wake()
    blocks = build(assistant).queue(default_concurrency_limit=8, max_size=64)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=_theme(),
        css_paths=_STATIC / "page.css",
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
    shown = f"[{host}]" if ":" in host else host
    print(f"{words.NAME} is open at http://{shown}:{port}  (Ctrl+C closes it)", flush=True)
    uvicorn.run(create_app(assistant), host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)


def _head() -> str:
    script = (_STATIC / "page.js").read_text(encoding="utf-8")
    said = json.dumps(words.OF_SCRIPT).replace("<", "\\u003c")
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<script type="application/json" id="words">{said}</script><script>{script}</script>'
    )


def _theme() -> gr.themes.Base:
    # Only names: page.css says where the fonts are, which Gradio would fetch from elsewhere or let come late.
    sans, mono = ["IBM Plex Sans", "ui-sans-serif", "sans-serif"], ["IBM Plex Mono", "ui-monospace", "monospace"]
    return gr.themes.Base(primary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono)
