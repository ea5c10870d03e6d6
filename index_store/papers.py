"""The nouns of the library: papers, sentences, passages; and when two records are the same paper."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from .identifiers import kept_identifiers

_MATH = re.compile(r"\$(?=\S)[^$]+(?<=\S)\$(?!\d)")  # Pandoc's rule; "$5 and $10" are prices
_BARE_SPECIAL = re.compile(r"(?<!\\)[%&#]")  # LaTeX would take them for a comment, a column or a parameter
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_AFTER_A_NAME = re.compile(r"(jr|sr|inc|ltd|llc|llp|corp|co|gmbh|ag|plc|i{2,3}|iv|m\.?d|ph\.?d)\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper as its source describes it. What is not known is empty, never guessed.

    `source` names where the record came from (a file name, or "sample"); a stored paper, which may be made of several
    records, has all of them in `sources`, and the first in `source`. `collections` are the named collections that a
    record asks to be put in; a stored paper has them where that is said.
    """

    title: str
    abstract: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    venue: str = ""
    doi: str = ""
    arxiv_id: str = ""
    url: str = ""
    source: str = ""
    id: str = ""
    sources: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()

    @property
    def content_hash(self) -> str:
        """SHA-256 of what is indexed: the title and the abstract."""
        return hashlib.sha256(f"{self.title}\0{self.abstract}".encode()).hexdigest()

    @property
    def display_title(self) -> str:
        """The title with simple LaTeX turned into plain characters."""
        return plain_text(self.title)

    @property
    def link(self) -> str:
        """Where the paper can be read, or an empty string."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        if self.arxiv_id:
            return f"https://arxiv.org/abs/{self.arxiv_id}"
        return self.url

    def to_dict(self) -> dict[str, Any]:
        """The known fields as plain JSON values; unknown ones are left out."""
        fields = {field: getattr(self, field) for field in self.__slots__}
        fields |= {name: list(fields[name]) for name in _LISTS}
        return {"id": fields.pop("id")} | {name: value for name, value in fields.items() if value}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Paper":
        """The inverse of `to_dict`."""
        return cls(**{"title": "", "abstract": "", **fields, **{name: tuple(fields.get(name, ())) for name in _LISTS}})


_LISTS = ("authors", "sources", "collections")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A slice of an abstract: `abstract[start:end] == text`. `number` counts from 1."""

    number: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive whole sentences of one abstract, small enough for the embedding model.

    `number` counts from 1 within the paper; `abstract[start:end] == text`.
    """

    number: int
    start: int
    end: int
    text: str


def normalise(paper: Paper) -> Paper:
    """The paper with tidy white space, given names first and bare identifiers, and with its `id`."""
    doi, arxiv_id = kept_identifiers(tidy(paper.doi), tidy(paper.arxiv_id))
    found = replace(
        paper,
        title=tidy(paper.title),
        abstract=tidy(paper.abstract),
        authors=tuple(name for author in paper.authors if (name := given_first(tidy(author)))),
        venue=tidy(paper.venue),
        doi=doi,
        arxiv_id=arxiv_id,
        url=tidy(paper.url),
        source=tidy(paper.source),
        sources=(),
        collections=tuple(dict.fromkeys(name for each in paper.collections if (name := tidy(each)))),
    )
    return replace(found, id=paper.id or identity(found))


def tidy(text: str) -> str:
    """The text on one line, without what is no character of a text: control characters, lone surrogates."""
    return " ".join(_NOT_TEXT.sub(" ", text).split())


def given_first(name: str) -> str:
    """An author's name as it is spoken: "Noether, Emmy" becomes "Emmy Noether". No name keeps a comma."""
    parts = [part for part in (part.strip() for part in name.split(",")) if part]
    if len(parts) > 1 and not _AFTER_A_NAME.fullmatch(parts[1]):
        parts[:2] = [f"{parts[1]} {parts[0]}"]
    elif len(parts) > 2:  # "King, Jr., Martin Luther"
        parts = [parts[2], parts[0], parts[1], *parts[3:]]
    return " ".join(parts)


def identity(paper: Paper) -> str:
    """A short stable id from the strongest identifier: DOI, else arXiv id, else title and year."""
    if paper.doi:
        key = f"doi:{paper.doi}"
    elif paper.arxiv_id:
        key = f"arxiv:{paper.arxiv_id}"
    else:
        key = f"title:{title_key(paper.title)}:{paper.year or ''}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


@lru_cache(maxsize=4096)
def title_key(title: str) -> str:
    """What two spellings of one title have in common: letters and digits, without case, accents or LaTeX.

    A title with hardly any of those ("C++", "???") keeps its signs.
    """
    folded = fold(plain_text(title))
    key = _NOT_ALPHANUMERIC.sub("", folded)
    return key if len(key) > 3 else "".join(folded.split())


def author_key(authors: Sequence[str]) -> str:
    """What lists are ordered by: the first author, the last word of the name first, without case and accents."""
    words = fold(authors[0]).split() if authors else []
    return " ".join([*words[-1:], *words[:-1]])


def listed_text(title: str, authors: Sequence[str], *others: str) -> str:
    """What a paper is found by in a list: its title, authors, and its venue and identifiers, without accents."""
    return fold("\n".join([plain_text(title), *authors, *others]))


def fold(text: str) -> str:
    """The text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@lru_cache(maxsize=4096)
def plain_text(text: str) -> str:
    """`text` with LaTeX turned into Unicode: `H$_2$` becomes `H₂`. Text without LaTeX, or with broken one, stays."""
    if "\\" not in text and not _MATH.search(text):
        return text
    from pylatexenc.latex2text import LatexNodes2Text  # 0.1 s to import, seldom needed
    from pylatexenc.latexwalker import LatexWalkerError

    # pylatexenc drops the position of a script; the digits have characters of their own.
    for mark, digits in (("_", "₀₁₂₃₄₅₆₇₈₉"), ("^", "⁰¹²³⁴⁵⁶⁷⁸⁹")):
        script = re.compile(rf"\{mark}(?:\{{(\d+)\}}|(\d))")
        table = str.maketrans("0123456789", digits)
        text = script.sub(lambda match, table=table: (match[1] or match[2]).translate(table), text)  # type: ignore[misc]
    try:
        plain = LatexNodes2Text(math_mode="text").latex_to_text(_BARE_SPECIAL.sub(r"\\\g<0>", text))
    except (LatexWalkerError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return text  # what it raises on a command without its argument, such as "\\href" or "\\sqrt["
    return str(plain).strip()
