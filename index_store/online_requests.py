"""Requests to public services: one at a time, no faster than they allow, patient with failures, and bounded."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from threading import Event, Lock
from types import TracebackType

import httpx

from .errors import OnlineError

NOTHING_LOST = "Nothing is lost: add the same again later; what is in the library already stays as it is."
_CHECK = "Check the connection to the internet"
_MOST_BYTES = 20_000_000
_MOST_REDIRECTS = 10
_WORTH_A_RETRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_THROTTLED = b"Rate exceeded"  # arXiv says so with any status
_DIRECT = dict.fromkeys(("all://localhost", "all://127.0.0.1", "all://[::1]"))  # past a proxy of the environment


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: between two requests to a service, until an answer is whole, and before a failed one is repeated."""

    arxiv: float = 3.0  # what the terms of its interface ask for
    abstracts: float = 1.0
    timeout: float = 30.0
    first: float = 1.0  # doubled each time
    longest: float = 60.0  # a service that asks for more is not waited for
    tries: int = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said; of statuses, those that are worth a second try never come this far."""

    status: int
    body: bytes


class Failed(Exception):
    """A service that did not answer, however often it was asked. `offline`: it could not even be reached."""

    def __init__(self, message: str, *, offline: bool = False) -> None:
        super().__init__(message)
        self.offline = offline


class _Pace:
    """The turns of one service: one request at a time, in the whole process, with a pause in between."""

    def __init__(self) -> None:
        self.lock, self.last = Lock(), float("-inf")


_paces: dict[str, _Pace] = {}


class Requests:
    """A session with the services. Use it as a context manager."""

    def __init__(self, contact: str, stop: Event | None, patience: Patience) -> None:
        """Raises `OnlineError` for a contact that cannot be sent."""
        contact = contact.strip()
        if not contact.isascii() or not contact.isprintable():
            raise OnlineError("RESEARCH_ASSISTANT_CONTACT is no e-mail address.")
        self.patience, self._stop = patience, stop or Event()
        agent = f"research-assistant/{version('research-assistant')}" + (f" (mailto:{contact})" if contact else "")
        self._client = httpx.Client(
            timeout=patience.timeout,
            follow_redirects=True,
            max_redirects=_MOST_REDIRECTS,
            headers={"User-Agent": agent},
            mounts=_DIRECT,
        )

    def __enter__(self) -> "Requests":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    @property
    def stopped(self) -> bool:
        """Whether nothing more is wanted."""
        return self._stop.is_set()

    def get(
        self,
        name: str,
        address: str,
        asked: Mapping[str, str] | None = None,
        *,
        accept: str = "*/*",
        pace: float = 0.0,
        tries: int | None = None,
    ) -> Answer | None:
        """The answer of the service with this name, or None if it was stopped. Raises `Failed`."""
        tries, pause = tries or self.patience.tries, self.patience.first
        for left in reversed(range(tries)):
            try:
                answer, wait = self._once(name, address, asked, accept, pace)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
                raise Failed(f"{name} has an address in the settings that cannot be one", offline=True) from error
            except httpx.HTTPError as error:
                failure, wait = _failure(name, error), None
            else:
                if answer is None or _is_final(answer):
                    return answer
                failure = _refusal(name, answer.status)
            wait = pause if wait is None else wait
            if not left or wait > self.patience.longest or (failure.offline and left < tries - 1):
                raise failure
            if self._stop.wait(wait):
                return None
            pause *= 2
        raise AssertionError("the last try answers or raises")

    def _once(
        self, name: str, address: str, asked: Mapping[str, str] | None, accept: str, pace: float
    ) -> tuple[Answer | None, float | None]:
        """An answer of any status and how long the service asks to be left alone; None if it was stopped."""
        turn = _paces.setdefault(name, _Pace())
        with turn.lock:
            if self._stop.wait(max(0.0, turn.last + pace - time.monotonic())):
                return None, None
            try:
                with self._client.stream("GET", address, params=asked, headers={"Accept": accept}) as response:
                    body = self._body(response)
                    return Answer(response.status_code, body), _retry_after(response)
            finally:
                turn.last = time.monotonic()

    def _body(self, response: httpx.Response) -> bytes:
        """The whole answer, unless it is too long or comes too slowly."""
        deadline, body = time.monotonic() + self.patience.timeout, bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise httpx.RemoteProtocolError(f"the answer is longer than {_MOST_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer comes too slowly")
        return bytes(body)


def _is_final(answer: Answer) -> bool:
    return answer.status not in _WORTH_A_RETRY and not answer.body.startswith(_THROTTLED)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that the service asks to be left alone, given as a number or as a date; None if it asks for nothing."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _failure(name: str, error: httpx.HTTPError) -> Failed:
    """What the reader is told where no answer came."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return Failed(f"{name} cannot be reached. {_CHECK}", offline=True)
        case httpx.TimeoutException():
            return Failed(f"{name} did not answer in time")
        case httpx.TransportError():
            return Failed(f"{name} cut the connection")
        case _:
            return Failed(f"{name} sent an answer that cannot be read")


def _refusal(name: str, status: int) -> Failed:
    if status == 429 or status < 400:
        return Failed(f"{name} takes no more requests for now")
    return Failed(f"{name} failed with error {status}")
