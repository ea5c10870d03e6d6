"""What of a server's address may be shown, and what of it is secret."""

import re
from urllib.parse import quote, unquote, unquote_plus

# The name and password before a server. Where what looks like a port is none, a password holds / ? or # as they are.
_USERINFO = re.compile(r"^((?:[a-z][\w+.-]*://)?+)([^/?#]*@|[^/?#@:\[\]]*:(?!\d*(?:[/?#]|$)).*@)", re.IGNORECASE)
_QUERY = re.compile(r"[?&]([^=&#]*)=([^&#\s]+)")
_KEY_LIKE = ("key", "token", "password", "secret")  # ends of the names of what a query should not tell
_AS_SENT = "%!$&'()*+,;=:"  # what httpx, which logs addresses, leaves as it is in a password


def shown_address(address: str) -> str:
    """An address as it may be shown: without the name and password before its server, and without its query.

    Never raises, so that an address that cannot be used can be named as well.
    """
    return re.split("[?#]", _USERINFO.sub(r"\1", address.strip()), maxsplit=1)[0]


def address_secrets(address: str) -> tuple[str, ...]:
    """The password in an address and the keys in its query, as written, decoded and encoded; the longest first."""
    found = _USERINFO.match(address.strip())
    password = found[2][:-1].partition(":")[2] if found else ""
    keys = [value for name, value in _QUERY.findall(address) if unquote(name).lower().endswith(_KEY_LIKE)]
    forms = {
        form
        for written in (password, *keys)
        for plain in (written, unquote(written), unquote_plus(written))
        for form in (plain, quote(plain, safe=""), quote(plain, safe=_AS_SENT))
        if form
    }
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))
