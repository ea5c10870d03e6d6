"""The server that the page runs in: what stands before it, where it is found, and how it starts."""

import gc
import importlib.util
import json
import logging
import sys
from pathlib import Path

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from assistant import Assistant, Users, matrices_on_one_thread, set_up_logging

from . import words
from .app import build
from .controls import STYLE
from .forgetting import forgetting
from .gate import Gate
from .health import add_health
from .readers import Reader
from .rights import STYLE as FOR_ADMINS
from .saving import add_saving
from .sessions import Cookies, Pages
from .signin import add_sign_in

_STATIC = Path(__file__).with_name("static")


def create_app(assistant: Assistant) -> FastAPI:
    """The page behind a web server's interface, with the gate before it."""
    settings = assistant.settings
    users = Users(settings.users_path)
    signs_in = bool(settings.trusted_user_header or users.all())
    blocks = build(assistant, None if signs_in else Reader())
    blocks.queue(default_concurrency_limit=None, max_size=None)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lambda _: forgetting(blocks.state_holder))
    cookies = Cookies(users, settings.users_path, settings.session_hours)
    add_sign_in(app, settings, users, cookies)
    add_saving(app, assistant)
    add_health(app, assistant)
    app.mount("/fonts", StaticFiles(directory=_STATIC / "fonts"))
    assistant.background.wake()
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=_theme(),
        css=f"{STYLE}{FOR_ADMINS}",
        css_paths=[_STATIC / "page.css", _STATIC / "desk.css"],
        head=_head(),
        favicon_path=str(_STATIC / "mark.svg"),
        footer_links=[],
        run_history=False,
        show_error=False,
        allowed_paths=[],
        max_file_size=f"{settings.max_upload_mb}mb",
        ssr_mode=False,
        mcp_server=False,
    )
    pages = Pages(blocks.state_holder.__contains__)
    app.add_middleware(Gate, settings=settings, users=users, cookies=cookies, pages=pages)
    return app


def serve(assistant: Assistant) -> None:
    """Serves the page until interrupted."""
    settings = assistant.settings
    host, port = settings.host, settings.port
    set_up_logging(settings)
    logging.getLogger("asyncio").addFilter(_is_ours)
    assistant.warm_up()
    _spare_searches()
    _set_up_threads()
    app = create_app(assistant)
    _spare_garbage_collection()
    shown = f"[{host}]" if ":" in host else host
    print(f"{words.NAME} is open at http://{shown}:{port}{settings.root_path}  (Ctrl+C closes it)", flush=True)
    # What proxies say is the gate's to believe; uvicorn would believe any on this machine.
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _spare_searches() -> None:
    """Lets an import of matplotlib fail at once where it is not installed.

    Gradio tries one before and after every step of a handler, and each time Python would go through the folders of its
    path, while every reader waits.
    """
    if importlib.util.find_spec("matplotlib") is None:
        sys.modules["matplotlib"] = None  # type: ignore[assignment]  # the import system's sign for what is not there


def _set_up_threads() -> None:
    """Lets matrices be multiplied by the thread that asks, and threads take turns fifty times as often.

    Whatever a thread does outside of Python, as a step of SQLite, it waits for its turn afterwards if another one is
    busy in Python. With Python's own turns a search beside one such thread took 190 ms, with these 24, and alone 17.
    """
    matrices_on_one_thread()
    sys.setswitchinterval(0.0001)


def _spare_garbage_collection() -> None:
    """Takes what is loaded out of what the garbage collector looks through, and lets it look more rarely.

    What is loaded stays, and every reader would wait a third of a second each time. By Python's own thresholds it would
    look through what fifty readers have open every eight seconds, a tenth of a second long; so 35 times as rarely.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 50)


def _is_ours(record: logging.LogRecord) -> bool:
    """False for what Gradio's stream of events leaves behind when a page is closed while it waits: it answers the end
    of its generator with one more message, which nobody is there to get."""
    return not (record.exc_info and "async generator ignored GeneratorExit" in str(record.exc_info[1]))


def _head() -> str:
    script = "".join(
        (_STATIC / name).read_text(encoding="utf-8") for name in ("signed.js", "page.js", "peek.js", "copy.js")
    )
    said = json.dumps(words.OF_SCRIPT).replace("<", "\\u003c")
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<script type="application/json" id="words">{said}</script><script>{script}</script>'
    )


def _theme() -> gr.themes.Base:
    # Only names: page.css says where the fonts are, which Gradio would fetch from elsewhere or let come late.
    sans, mono = ["IBM Plex Sans", "ui-sans-serif", "sans-serif"], ["IBM Plex Mono", "ui-monospace", "monospace"]
    return gr.themes.Base(primary_hue="teal", neutral_hue="stone", font=sans, font_mono=mono)
