"""The page on which one signs in, and the way out."""

import asyncio
import logging
import re
from html import escape
from pathlib import Path
from urllib.parse import parse_qs, quote

from fastapi import FastAPI, Request, Response
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from assistant import Settings, Users, known_as

from . import words
from .gate import COOKIE
from .patience import Patience
from .readers import Reader
from .render import MARK
from .sessions import Cookies

_log = logging.getLogger(__name__)
_STATIC = Path(__file__).with_name("static")
_LARGEST_FORM = 20_000  # bytes
_AT_ONCE = 2  # passwords that are checked at the same time, each of which takes 64 MB
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"Content-Security-Policy": _CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}


def add_sign_in(app: FastAPI, settings: Settings, users: Users, cookies: Cookies) -> None:
    """Adds `sign-in`, where a form is filled in, its style sheet, and `sign-out`."""
    root, style = settings.root_path, _style()
    patience, checking = Patience(), asyncio.Semaphore(_AT_ONCE)

    @app.get("/sign-in.css")
    async def sheet() -> Response:
        return Response(style, media_type="text/css")

    @app.get("/sign-in")
    async def form(c: str = "") -> Response:
        if not users.all():
            return RedirectResponse(f"{root}/", 303)
        return _page(c)

    @app.post("/sign-in")
    async def sign_in(request: Request) -> Response:
        given = await _form(request)
        if given is None:
            return PlainTextResponse(words.NOT_A_FORM, 400)
        name, conversation = known_as(given.get("name", "")), given.get("c", "")
        address = request.client.host if request.client else ""
        delay, locked = patience.attempt(name, address)
        if locked:
            _log.warning("sign-in refused after too many failures from %s", address)
            headers = {"Retry-After": str(int(locked) + 1)}
            return _page(conversation, name, words.locked_out(locked), 429, headers)
        await asyncio.sleep(delay)
        async with checking:
            user = await asyncio.to_thread(users.check, name, given.get("password", ""))
        if not user:
            _log.warning("sign-in failed from %s", address)
            return _page(conversation, name, words.WRONG_PASSWORD, 401)
        patience.succeeded(name, address)
        query = f"?c={quote(conversation, safe='')}" if conversation else ""
        answer = RedirectResponse(f"{root}/{query}", 303)
        is_secure = request.url.scheme == "https"
        answer.set_cookie(
            COOKIE,
            cookies.made(user),
            max_age=cookies.seconds,
            path=root or "/",
            secure=is_secure,
            httponly=True,
            samesite="lax",
        )
        return answer

    @app.post("/sign-out")
    async def sign_out() -> Response:
        answer = RedirectResponse(f"{root}/sign-in", 303)
        answer.delete_cookie(COOKIE, path=root or "/")
        return answer


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a form, each once; None if that is no form."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_FORM:
            return None
    return {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _page(
    conversation: str, name: str = "", problem: str = "", status: int = 200, headers: dict[str, str] | None = None
) -> HTMLResponse:
    """The form; `conversation` is the one to open afterwards, `problem` why it is shown again."""
    wrong = f'<p role="alert" id="problem">{escape(problem)}</p>' if problem else ""
    told = ' aria-describedby="problem"' if problem else ""
    first, second = ("", " autofocus") if problem and name else (" autofocus", "")
    html = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{words.SIGN_IN} · {words.NAME}</title>
<link rel="icon" href="favicon.ico">
<link rel="stylesheet" href="sign-in.css">
</head>
<body>
<main>
<div class="brand">{MARK}<h1>{words.NAME}</h1></div>
<p class="tagline">{words.TAGLINE}</p>
<form method="post" action="sign-in">
<h2>{words.SIGN_IN}</h2>
{wrong}
<label for="name">{words.USER_NAME}</label>
<input id="name" name="name" value="{escape(name[:64])}" autocomplete="username" autocapitalize="none"
 spellcheck="false" required maxlength="64"{first}{told}>
<label for="password">{words.PASSWORD}</label>
<input id="password" name="password" type="password" autocomplete="current-password" required maxlength="1000"
 {second}{told}>
<input type="hidden" name="c" value="{escape(conversation[:64])}">
<button type="submit">{words.SIGN_IN}</button>
</form>
</main>
</body>
</html>
"""
    return HTMLResponse(html, status, {**_HEADERS, **(headers or {})})


def who(reader: Reader) -> str:
    """The line in the page's head that says who is signed in; it also tells the style sheet what an admin has."""
    admin = '<span data-may="change"></span>' if reader.admin else ""
    if not reader.name:
        return admin
    out = (
        f'<form method="post" action="sign-out"><button type="submit">{words.SIGN_OUT}</button></form>'
        if reader.signs_out
        else ""
    )
    return (
        f'{admin}<div class="who"><span>{words.SIGNED_IN_AS} <strong>{escape(reader.name)}</strong></span>{out}</div>'
    )


def _style() -> str:
    """The sheet of the form: the fonts and colours of the page's own, and where what stands."""
    sheet = (_STATIC / "page.css").read_text(encoding="utf-8")
    fonts = re.findall(r"^@font-face \{.*?^\}", sheet, re.DOTALL | re.MULTILINE)
    light, dark = (
        re.findall(rf"^{name} \{{(.*?)^\}}", sheet, re.DOTALL | re.MULTILINE)[0] for name in (":root", r"\.dark")
    )
    own = (_STATIC / "sign-in.css").read_text(encoding="utf-8")
    of_dark = f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}"
    return "\n".join([*fonts, f":root {{ color-scheme: light dark; {light} }}", of_dark, own])
