"""Where Chroma keeps its vectors: a folder, or a server; connecting to it, and what it raises put into words."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import JSONDecodeError
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import chromadb
import httpx
from chromadb.api import ClientAPI
from chromadb.api.base_http_client import BaseHTTPClient
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings
from chromadb.errors import ChromaError, NotFoundError

from .errors import LibraryError, LibraryUnreadable
from .failures import panicked, told

COLLECTION = "passages"
_TOKEN_HEADER = "X-Chroma-Token"
_LINE = 200  # characters of what a server says that are passed on
_REMOTE_WAIT = 60.0  # seconds for an answer; Chroma's own client would wait for ever


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """A Chroma server that holds the vectors: its address, what it asks for, and the collection of this library."""

    url: str
    token: str = field(default="", repr=False)
    tenant: str = DEFAULT_TENANT
    database: str = DEFAULT_DATABASE
    collection: str = COLLECTION

    def client(self) -> ClientAPI:
        """A connection. Raises `LibraryUnreadable` for a setting that cannot be, and what httpx and chromadb raise."""
        address, secure = self._address()
        settings = Settings(anonymized_telemetry=False)
        if self.token:
            if not all("!" <= character <= "~" for character in self.token):
                raise LibraryUnreadable("CHROMA_TOKEN holds a blank or another character that no token has.")
            settings.chroma_client_auth_provider = "chromadb.auth.token_authn.TokenAuthClientProvider"
            settings.chroma_client_auth_credentials = self.token
            settings.chroma_auth_token_transport_header = _TOKEN_HEADER
        self._greet(address)
        client = chromadb.HttpClient(address, ssl=secure, settings=settings, tenant=self.tenant, database=self.database)
        client._server._session.timeout = _REMOTE_WAIT  # type: ignore[attr-defined]  # there is no setting for it
        return client

    def _greet(self, address: str) -> None:
        """Asks for the database. chromadb does too, but waits for ever, and leaves connections open if it fails."""
        headers = {_TOKEN_HEADER: self.token} if self.token else {}
        path = f"/api/v2/tenants/{quote(self.tenant, safe='')}/databases/{quote(self.database, safe='')}"
        answer = httpx.get(address + path, headers=headers, timeout=_REMOTE_WAIT)
        BaseHTTPClient._raise_chroma_error(answer)
        if answer.json()["name"] != self.database:
            raise KeyError(self.database)

    def _address(self) -> tuple[str, bool]:
        """The address with its port, and whether it is encrypted. Chroma takes a whole URL where it says host.

        A host alone would lose the path, the brackets of an IPv6 address, and the port if its name began with "http".
        """
        try:
            parts = urlsplit(self.url)
            host, port, secure = parts.hostname, parts.port, parts.scheme == "https"
        except ValueError:
            host = None
        if not host or parts.scheme not in ("http", "https"):
            shown = self.url.rpartition("@")[2].partition("?")[0]  # before and behind may stand what is secret
            raise LibraryUnreadable(f"CHROMA_URL is {shown!r}; it must look like http://localhost:8000.")
        if "@" in parts.netloc:
            raise LibraryUnreadable("CHROMA_URL holds a user or a password; take it out and set CHROMA_TOKEN.")
        host = f"[{host}]" if ":" in host else host
        return f"{parts.scheme}://{host}:{port or (443 if secure else 8000)}{parts.path.rstrip('/')}", secure


Place = Path | ChromaServer
"""Where the vectors are: in a folder that this process owns, or on a server that many may use."""


def connect(place: Place) -> ClientAPI:
    """A client for the folder or the server. Raises what chromadb and httpx raise; see `explained`."""
    if isinstance(place, ChromaServer):
        return place.client()
    return chromadb.PersistentClient(str(place), Settings(anonymized_telemetry=False))


def close(client: Any) -> None:
    """Closes a client, and its connections to a server, which chromadb leaves open."""
    client.close()
    for part in (client, client._admin_client):
        if hasattr(part._server, "_session"):
            part._server._session.close()


@contextmanager
def explained(place: Place) -> Iterator[None]:
    """Turns what Chroma raises into one line that says what to do."""
    try:
        yield
    except LibraryError:
        raise
    except BaseException as error:  # its client raises any kind, and `Exception` itself for an answer it does not know
        if not isinstance(error, Exception) and not panicked(error):
            raise
        if isinstance(place, ChromaServer):
            absent = isinstance(error, NotFoundError)
            address, said = place.url.partition("?")[0], _line(error, place.token)
            advice = "CHROMA_TENANT and CHROMA_DATABASE" if absent else "CHROMA_TOKEN, and that the server runs"
            raise LibraryUnreadable(
                f"The Chroma server at {address} failed ({said}). Check CHROMA_URL, {advice}."
            ) from error
        if not isinstance(error, ChromaError | ValueError | OSError) and not panicked(error):
            raise
        # Chroma keeps what failed to start and would hand it to the next open in this process.
        SharedSystemClient._identifier_to_system.pop(str(place), None)
        SharedSystemClient._identifier_to_refcount.pop(str(place), None)
        raise told(f"The vector index in {place}", error) from error


def _line(error: BaseException, token: str) -> str:
    """The first line of what went wrong, without the token."""
    answered = error.__context__
    if isinstance(answered, httpx.HTTPStatusError):  # not an error of Chroma's own, and the message is the whole page
        return f"it answered with HTTP {answered.response.status_code}"
    if isinstance(error, JSONDecodeError | KeyError | TypeError | AttributeError):
        return "it does not answer as Chroma does"
    said = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(".")
    return (said.replace(token, "***") if token else said)[:_LINE]
