"""Which address the page may listen on."""

import socket
from ipaddress import ip_address

from .errors import AddressUnavailable, SignInNeeded
from .settings import PREFIX, Settings
from .users import Users


def is_loopback(host: str) -> bool:
    """Whether a host as it stands in an address is this machine for itself only."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower().rstrip(".") == "localhost"


def refuse_open(settings: Settings) -> None:
    """Raises `SignInNeeded` if other machines could reach the page and nobody would have to sign in."""
    if is_loopback(settings.host) or settings.trusted_user_header or Users(settings.users_path).all():
        return
    raise SignInNeeded(
        f"The page will not listen on {settings.host}: whoever reaches it could read and change everything. Add a user "
        "with `research-assistant user add NAME --admin`, or name the header in which a proxy says who is signed in: "
        f"{PREFIX}TRUSTED_USER_HEADER."
    )


def refuse_taken(host: str, port: int) -> None:
    """Raises `AddressUnavailable` before time is spent on a page that could not be served."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressUnavailable(
                f"The page cannot listen on {host}:{port} ({error.strerror or error}). "
                f"Perhaps it is open there already; otherwise choose another port: `PORT={port + 1} make run`."
            ) from error
