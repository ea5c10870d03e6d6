"""The headers that every answer goes out with."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders

from assistant import is_loopback

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Gradio's own scripts are inline and evaluate templates; everything from another host is refused.
_CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'"
)
# The style sheet comes late, with Gradio's scripts; the fonts are there by then.
_PRELOAD = "<{font}>; rel=preload; as=font; type=font/woff2; crossorigin"
_FONTS = (
    "/static/fonts/IBMPlexSans/IBMPlexSans-Regular.woff2",
    "/static/fonts/IBMPlexSans/IBMPlexSans-Bold.woff2",
    "/fonts/source-serif-4-latin-wght-normal.woff2",
)


def host_of(headers: Headers) -> str | None:
    """The host that a request says it is for, without its port; "" if it names none, None if that is no host."""
    given = headers.get("host", "")
    try:
        parts = urlsplit(f"//{given}")
        _ = parts.port  # raises for one that is no number of a port
    except ValueError:
        return None
    return (parts.hostname or "") if parts.netloc == given and "@" not in given else None


def with_headers(send: Send, scope: Scope, path: str) -> Send:
    """Puts the headers of every answer, which may have a narrower policy of its own; `path` is that within the page."""
    host = host_of(Headers(scope=scope)) or ""
    is_isolated = scope["scheme"] == "https" or is_loopback(host)  # elsewhere browsers complain of the header

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            # Gradio lets the pages of every other site read its answers, with the cookies of whoever is signed in.
            for name in {each for each in headers if each.startswith("access-control-")}:
                del headers[name]
            headers.setdefault("Content-Security-Policy", _CONTENT_SECURITY_POLICY)
            headers["X-Content-Type-Options"] = "nosniff"
            headers["X-Frame-Options"] = "DENY"
            headers["Referrer-Policy"] = "same-origin"  # with less, browsers send forms with no origin
            headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
            if is_isolated:
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
            if path == "/" and message["status"] == 200:
                headers["Cache-Control"] = "no-store"  # for whoever comes after a sign-out
                headers["Link"] = ", ".join(_PRELOAD.format(font=f"{scope['root_path']}{font}") for font in _FONTS)
        await send(message)

    return sent
