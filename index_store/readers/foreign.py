"""What no reader takes: refused by name, so that its markup does not become a paper."""

import re
from collections.abc import Iterator

from ..errors import ReaderError
from .base import Reader, Record, Source

_INSTEAD = "export it as BibTeX, RIS or CSV instead"
_LOOKS = (  # what a file begins with, what that is, and what helps
    (re.compile(r"<\s*(!doctype\s+html|html|head|body|div|p|h\d)\b", re.IGNORECASE), "HTML", _INSTEAD),
    (re.compile(r"<(\?xml[^>]*>\s*<)?(xml|records)>\s*<record", re.IGNORECASE), "EndNote XML", _INSTEAD),
    (re.compile(r"<"), "XML", "PubMed XML and the arXiv's feeds can be; if it is another export, take BibTeX or RIS"),
    (re.compile(r"\{\\rtf"), "RTF", "save it as plain text"),
    (re.compile(r"(%[^\n]*\n\s*)*\\documentclass\b"), "a LaTeX document", "add its .bib file, or title and abstract"),
    (re.compile(r"%!PS"), "PostScript", "add title and abstract as text"),
)


def _recognises(_suffix: str, head: str) -> bool:
    return bool(_look(head))


def _look(head: str) -> tuple[str, str] | None:
    head = head.lstrip("\ufeff \t\r\n")
    return next(((name, instead) for look, name, instead in _LOOKS if look.match(head)), None)


def _read(source: Source) -> Iterator[Record]:
    name, instead = _look(source.head) or ("", "")
    raise ReaderError(f"{source.label} looks like {name}, which cannot be read; {instead}.")


READER = Reader("foreign", 500, _recognises, _read)
