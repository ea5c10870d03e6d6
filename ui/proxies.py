"""Reverse proxies: what those say that are trusted, and silence for all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from .headers import Scope

_FORWARDED = frozenset(
    b"forwarded x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-proto "
    b"x-forwarded-server x-gradio-server x-real-ip".split()
)


@dataclass(frozen=True)
class Asked:
    """A request as its sender made it. `user` is whom a trusted proxy says it is, "" if it says nobody."""

    scope: Scope
    user: str = ""


class Proxies:
    """The trusted proxies. Their headers become part of the request, those of anybody else are dropped."""

    def __init__(self, trusted: Sequence[str], user_header: str = "") -> None:
        """`trusted` are addresses and networks; `user_header` names the header that says who is signed in."""
        self._networks = [ip_network(each, strict=False) for each in trusted]
        self._user_header = user_header.lower().encode()

    def asked(self, scope: Scope) -> Asked:
        """The request behind the proxies."""
        dropped = _FORWARDED | {self._user_header}
        given = {name: value for name, value in scope["headers"] if name in dropped}
        headers = [(name, value) for name, value in scope["headers"] if name not in dropped]
        if not self._trusts((scope.get("client") or ("",))[0]):
            return Asked({**scope, "headers": headers})
        asked = {**scope, "headers": headers}
        if (scheme := _first(given.get(b"x-forwarded-proto", b""))) in ("http", "https"):
            asked["scheme"] = scheme
        if host := _first(given.get(b"x-forwarded-host", b"")):
            asked["headers"] = [(name, value) for name, value in headers if name != b"host"]
            asked["headers"].append((b"host", host.encode("latin-1")))
        if address := self._sender(given.get(b"x-forwarded-for", b"").decode("latin-1")):
            asked["client"] = (address, 0)
        user = given.get(self._user_header, b"") if self._user_header else b""
        return Asked(asked, user.decode("utf-8", "replace").strip())

    def _trusts(self, address: str) -> bool:
        try:
            peer = ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self._networks)

    def _sender(self, chain: str) -> str:
        """The last address of a chain that is no trusted proxy: those before it may be invented."""
        addresses = [part.strip() for part in chain.split(",") if part.strip()]
        return next((each for each in reversed(addresses) if not self._trusts(each)), "")


def _first(value: bytes) -> str:
    return value.decode("latin-1").partition(",")[0].strip()
