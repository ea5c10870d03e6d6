"""The gate in front of the page: who may ask for what, and from where."""

import json
import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from assistant import Settings, Users, UsersUnreadable, is_loopback

from . import words
from .headers import Message, Receive, Scope, Send, host_of, with_headers
from .proxies import Proxies
from .readers import Reader, put, reader_of
from .sessions import Cookies, Pages

_log = logging.getLogger(__name__)

COOKIE = "research-assistant"
_SAFE = ("GET", "HEAD", "OPTIONS")
_LARGEST_CALL = 10_000_000  # bytes of what a page sends beside uploads
_MB = 1_000_000
_LARGEST_CONVERSATION = 100  # MB; what `ui.conversations` reads in, and all that is uploaded by one who is no admin
# All that the page asks for. What else Gradio would answer (files, proxied addresses, calls by name) is not there.
_OPEN = re.compile(r"/sign-in(\.css)?|/healthz|/readyz|/favicon\.ico|/(static/)?fonts/[\w./-]+")
_CALLS = re.compile(r"/gradio_api/(queue/join|run/predict|cancel|reset)/?")
_UPLOAD = "/gradio_api/upload"
_KNOWN = re.compile(
    r"/|/sign-out|/config/?|/theme\.css|/manifest\.json|/pwa_icon|/save/[^/]+/[^/]+|/(assets|static)/[\w./@+-]+|"
    r"/gradio_api/(queue/data|upload|upload_progress|startup-events|info/?|theme\.css|heartbeat/[^/]+)"
)
# What proxies say of a request, and no browser does.
_OF_PROXIES = frozenset(
    b"forwarded via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-forwarded-server "
    b"x-real-ip".split()
)
_HEARTBEAT = re.compile(r"/gradio_api/heartbeat/([^/]+)")
_App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Gate:
    """An ASGI application in front of another."""

    def __init__(self, app: _App, settings: Settings, users: Users, cookies: Cookies, pages: Pages) -> None:
        self._app, self._settings, self._users = app, settings, users
        self._cookies, self._pages = cookies, pages
        self._proxies = Proxies(settings.trusted_proxies, settings.trusted_user_header)
        self._signs_in = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page uses no sockets
            await send({"type": "websocket.close", "code": 1008})
            return
        came_through = any(name in _OF_PROXIES for name, _ in scope["headers"])
        asked = self._proxies.asked(scope)
        scope, path = self._placed(asked.scope)
        send = with_headers(send, scope, path)
        request = Request(scope, receive)
        try:
            refusal = self._misplaced(request, came_through) or self._refusal(request, path, asked.user)
        except UsersUnreadable as error:
            _log.error("%s", error)
            refusal = PlainTextResponse(words.NO_SIGN_IN, 503)
        if not refusal and _CALLS.fullmatch(path):
            refusal, receive = await self._call(request)
        await (refusal or self._app)(scope, receive, send)

    def signs_in(self) -> bool:
        """Whether one has to sign in; once it was so, it is until the process ends. Raises `UsersUnreadable`."""
        self._signs_in = self._signs_in or bool(self._settings.trusted_user_header) or bool(self._users.all())
        return self._signs_in

    def _placed(self, scope: Scope) -> tuple[Scope, str]:
        """The request below the path that the page is under, which a proxy may have cut off; and the path within."""
        root, path = self._settings.root_path, scope["path"]
        if root and (path == root or path.startswith(f"{root}/")):
            path = path[len(root) :] or "/"
        return {**scope, "root_path": root, "path": f"{root}{path}"}, path

    def _misplaced(self, request: Request, came_through: bool) -> Response | None:
        """Why a request is refused for the way it came, whatever it asks for. Raises `UsersUnreadable`."""
        host = host_of(request.headers)
        if host is None:
            return PlainTextResponse(words.NO_HOST, 400)
        if self.signs_in():
            return None
        if came_through:
            # A proxy that puts its own Host makes requests of the whole network look like ones of this machine.
            return PlainTextResponse(words.THROUGH_PROXY, 403)
        if not is_loopback(host):
            # A name of somebody else's that leads to this machine would make their scripts ones of this page.
            return PlainTextResponse(words.FOREIGN_HOST, 403)
        return None

    def _refusal(self, request: Request, path: str, proxied: str) -> Response | None:
        """Why a request goes no further; else its scope says who asks. Raises `UsersUnreadable`."""
        if request.method not in _SAFE and not _is_own(request.headers):
            return PlainTextResponse(words.FOREIGN_ORIGIN, 403)
        is_open = bool(_OPEN.fullmatch(path))
        if not (is_open or _CALLS.fullmatch(path) or _KNOWN.fullmatch(path)) or ".." in path:
            return PlainTextResponse(words.NOT_THERE, 404)
        reader = self._reader(request, proxied) if self.signs_in() else Reader()
        if reader:
            put(request.scope, reader)
        elif not is_open:
            return self._to_sign_in(request, path)
        return None if is_open or not reader else self._limited(request, path, reader)

    def _reader(self, request: Request, proxied: str) -> Reader | None:
        if proxied:
            return Reader(proxied, proxied in self._settings.admins)
        user = self._cookies.user(request.cookies.get(COOKIE, ""))
        return Reader(user.name, user.admin, signs_out=True) if user else None

    def _to_sign_in(self, request: Request, path: str) -> Response:
        if path != "/" or not self._users.all():
            return PlainTextResponse(words.SIGN_IN_FIRST, 401)
        conversation = request.query_params.get("c", "")
        query = f"?c={quote(conversation, safe='')}" if conversation else ""
        return RedirectResponse(f"{self._settings.root_path}/sign-in{query}", 303)

    def _limited(self, request: Request, path: str, reader: Reader) -> Response | None:
        """Refuses an upload that is too large, and the events of somebody else's page."""
        if path == _UPLOAD:
            length, most = request.headers.get("content-length", ""), self._most_mb(reader)
            if not length.isdecimal() or int(length) > most * _MB + _LARGEST_CALL:
                return PlainTextResponse(words.too_much(most), 413)
        query = parse_qs(request.url.query)
        of_path = _HEARTBEAT.fullmatch(path)
        named = [*query.get("session_hash", ()), *query.get("upload_id", ()), *([of_path[1]] if of_path else ())]
        if not all(self._pages.belongs(session, reader.name) for session in named):
            return PlainTextResponse(words.NOT_YOURS, 403)
        return None

    def _most_mb(self, reader: Reader) -> int:
        most = self._settings.max_upload_mb
        return most if reader.admin else min(most, _LARGEST_CONVERSATION)

    async def _call(self, request: Request) -> tuple[Response | None, Receive]:
        """Whether a call goes no further, as it is too large or for somebody else's page; and its body again."""
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_CALL:
                return PlainTextResponse(words.too_much(_LARGEST_CALL // _MB), 413), request.receive
        try:
            call = json.loads(body)
        except ValueError:
            call = None
        session = call.get("session_hash") if isinstance(call, dict) else None
        if not isinstance(session, str) or not session:
            return PlainTextResponse(words.NO_PAGE, 400), request.receive
        if not self._pages.belongs(session, reader_of(request).name):
            return PlainTextResponse(words.NOT_YOURS, 403), request.receive
        return None, _again(bytes(body), request.receive)


def _again(body: bytes, receive: Receive) -> Receive:
    """Gives a body that was read, and then what comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def _is_own(headers: Headers) -> bool:
    """Whether a page of this very host sent it, or no page at all: every browser says where a change comes from."""
    if (origin := headers.get("origin")) is not None:
        return bool(headers.get("host")) and _netloc(origin) == headers["host"]
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _netloc(origin: str) -> str:
    """Host and port of an origin, "" for what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
