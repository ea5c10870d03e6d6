"""Who reads: the one behind a request, as the gate put it there."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

_READER = "research_assistant.reader"


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may use the page. Where nobody signs in the name is "", and everybody is an admin."""

    name: str = ""
    admin: bool = True
    signs_out: bool = False


def put(scope: MutableMapping[str, Any], reader: Reader) -> None:
    """Says in a request's scope who asks."""
    scope[_READER] = reader


def reader_of(request: HTTPConnection) -> Reader:
    """Who asks. Raises `KeyError` for a request that did not come through the gate: nothing is done for nobody."""
    reader: Reader = request.scope[_READER]
    return reader
