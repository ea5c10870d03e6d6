"""Names of authors in one line of text, apart: "Noether, E.; Hopf, H.", "A. Turing and A. Church", "Smith J, Doe A"."""

import re

_NUMBER_AFTER = re.compile(r"\s*\(\d+\)$")  # Scopus puts that of an author there
_INITIALS = re.compile(r"(?:[A-Z]\.[ -]?){1,4}|[A-Z]{1,2}|[A-Z]-[A-Z]")
_AND = re.compile(r",?\s+(?:and|&)\s+", re.IGNORECASE)
_OTHERS = re.compile(r"(?:et al|and others|others|\.\.\.|…)\.?", re.IGNORECASE)


def names_in(text: str) -> tuple[str, ...]:
    """The names, as they are written but for initials after a family name, which go before it."""
    names = (_NUMBER_AFTER.sub("", name.strip()) for name in _parts(" ".join(text.split())))
    return tuple(_initials_first(name) for name in names if name and not _OTHERS.fullmatch(name))


def _parts(text: str) -> list[str]:
    for sign in (";", "|"):
        if sign in text:
            return text.split(sign)
    if _AND.search(text):
        return [name for part in _AND.split(text) for name in _at_commas(part)]
    return _at_commas(text)


def _at_commas(text: str) -> list[str]:
    """Parts between commas, unless they are family and given names in turn."""
    parts = [part.strip() for part in text.split(",")]
    given = parts[1::2]
    if len(parts) % 2 == 0 and all(_INITIALS.fullmatch(part) for part in given):
        return [f"{name}, {initials}" for name, initials in zip(parts[0::2], given, strict=True)]
    if len(parts) == 2 and " " not in parts[0]:
        return [text]
    return parts


def _initials_first(name: str) -> str:
    """ "Smith JA" and "Smith J.A." with the initials first."""
    words = name.rstrip(",").split()
    last = words[-1] if words else ""
    if len(words) < 2 or "," in name:
        return name
    if _INITIALS.fullmatch(last.rstrip(".")) or _INITIALS.fullmatch(last):
        return " ".join([last if "." in last[:-1] else last.rstrip("."), *words[:-1]])
    return name
