"""The nouns of the library: papers, sentences, passages; and when two records are the same paper."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any

_ARXIV_VERSION = re.compile(r"v\d+$")
_DOI_PREFIX = re.compile(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", re.IGNORECASE)
_ARXIV_PREFIX = re.compile(r"^(https?://arxiv\.org/(abs|pdf)/|arxiv:\s*)", re.IGNORECASE)
_MATH = re.compile(r"\$(?=\S)[^$]+(?<=\S)\$(?!\d)")  # Pandoc's rule; "$5 and $10" are prices
_BARE_SPECIAL = re.compile(r"(?<!\\)[%&#]")  # LaTeX would take them for a comment, a column or a parameter
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper as its source describes it. What is not known is empty, never guessed.

    `source` names where the record came from (a file name, or "sample").
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
        fields = asdict(self) | {"authors": list(self.authors)}
        return {"id": fields.pop("id")} | {name: value for name, value in fields.items() if value}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Paper":
        """The inverse of `to_dict`."""
        return cls(**{"title": "", "abstract": "", **fields, "authors": tuple(fields.get("authors", ()))})


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
    """The paper with tidy white space and bare identifiers, and with its `id`."""
    tidy = replace(
        paper,
        title=" ".join(paper.title.split()),
        abstract=" ".join(paper.abstract.split()),
        authors=tuple(name for author in paper.authors if (name := " ".join(author.split()))),
        venue=" ".join(paper.venue.split()),
        doi=_DOI_PREFIX.sub("", paper.doi.strip()).lower(),
        arxiv_id=_ARXIV_VERSION.sub("", _ARXIV_PREFIX.sub("", paper.arxiv_id.strip()).removesuffix(".pdf")),
        url=paper.url.strip(),
    )
    return replace(tidy, id=paper.id or identity(tidy))


def identity(paper: Paper) -> str:
    """A short stable id from the strongest identifier: DOI, else arXiv id, else title and year."""
    if paper.doi:
        key = f"doi:{paper.doi}"
    elif paper.arxiv_id:
        key = f"arxiv:{paper.arxiv_id}"
    else:
        key = f"title:{title_key(paper.title)}:{paper.year or ''}"
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def title_key(title: str) -> str:
    """What two spellings of one title have in common: letters and digits, without case or LaTeX.

    A title with hardly any of those ("C++", "???") keeps its signs.
    """
    folded = unicodedata.normalize("NFKC", plain_text(title)).casefold()
    key = _NOT_ALPHANUMERIC.sub("", folded)
    return key if len(key) > 3 else "".join(folded.split())


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
