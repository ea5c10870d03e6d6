"""BibTeX, for people and for LaTeX: `@article`, `@inproceedings` or `@misc`, arXiv ids as eprints."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ..papers import Paper, normalise
from ..readers.bibtex import names_in, paper_of
from ..readers.bibtex_blocks import parse
from .latex import to_latex, to_plain_latex
from .names import family_and_given, is_conference, same

_NOT_IN_A_KEY = re.compile(r"[^a-z0-9]+")
_NOT_WORDS = re.compile(r"\$[^$]*\$|\\[A-Za-z]+")  # mathematics and commands
_SMALL_WORDS = frozenset(
    "a an and are as at by do for from how in is its of on or the to via what when why with".split()
)
_ANYTHING_BUT_AN_ADDRESS = re.compile(r"[\\{}$\"]|\s")
# Fields that are kept from being looked through for ids, as few as will do.
_FIELDS = frozenset({"title", "author", "venue", "doi", "eprint", "url", "abstract"})
_CAREFULLY = (frozenset[str](), frozenset({"url"}), frozenset({"venue"}), frozenset({"url", "venue"}), _FIELDS)


def pieces(papers: Iterable[Paper]) -> Iterator[str]:
    """An entry per paper, with an empty line between; no two have the same key."""
    used: dict[str, int] = {}
    first = True
    for paper in papers:
        key = _key(paper)
        used[key] = used.get(key, 0) + 1
        yield ("" if first else "\n") + _entry(paper, _numbered(key, used))
        first = False


def _numbered(key: str, used: dict[str, int]) -> str:
    """The key, or with a number that no other key has."""
    if used[key] == 1:
        return key
    while (numbered := f"{key}-{used[key]}") in used:
        used[key] += 1
    used[numbered] = 1
    return numbered


def _key(paper: Paper) -> str:
    """The first author's family name, the year, and the first word of the title that says something."""
    family = family_and_given(paper.authors[0])[0] if paper.authors else ""
    words = [word for word in map(_ascii, _NOT_WORDS.sub(" ", paper.title).split()) if word]
    word = next((word for word in words if word not in _SMALL_WORDS), "")
    return f"{_ascii(family)}{paper.year or ''}{word}"[:60] or "paper"


def _ascii(text: str) -> str:
    return _NOT_IN_A_KEY.sub("", unicodedata.normalize("NFKD", text).lower())


def _entry(paper: Paper, key: str) -> str:
    """The entry, with as many fields as it needs to read back kept from being looked through."""
    paper, entry = normalise(paper), ""
    for careful in _CAREFULLY:
        entry = _written(paper, key, careful)
        if same(normalise(paper_of(parse(entry).fields)), paper):
            break
    return entry


def _written(paper: Paper, key: str, careful: frozenset[str]) -> str:
    def escaped(name: str, value: str) -> str:
        return to_plain_latex(value) if name in careful else to_latex(value)

    def verbatim(name: str, value: str) -> str:  # for tools that take addresses and numbers literally
        plain = name not in careful and not _ANYTHING_BUT_AN_ADDRESS.search(value)
        return value if plain else escaped(name, value)

    kind, venue = "misc", "publisher"
    if paper.venue:
        kind, venue = ("inproceedings", "booktitle") if is_conference(paper) else ("article", "journal")
    fields = {
        "title": escaped("title", paper.title),
        "author": " and ".join(_author(name, "author" in careful) for name in paper.authors),
        "year": str(paper.year or ""),
        venue: escaped("venue", paper.venue),
        "doi": verbatim("doi", paper.doi),
        "eprint": verbatim("eprint", paper.arxiv_id),
        "archiveprefix": "arXiv" if paper.arxiv_id else "",
        "url": verbatim("url", paper.url),
        "abstract": escaped("abstract", paper.abstract),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@{kind}{{{key},\n" + ",\n".join(lines) + "\n}\n"


@lru_cache(maxsize=4096)
def _author(name: str, careful: bool) -> str:
    """The name in its parts, or in braces where it has none or would not come back."""
    family, given = family_and_given(name)
    if careful or (not given and " " in name):
        return f"{{{to_plain_latex(name) if careful else to_latex(name)}}}"
    written = f"{to_latex(family)}, {to_latex(given)}" if given else to_latex(family)
    among_others = list(names_in(f"A and {written} and B"))
    return written if among_others == ["A", name, "B"] else f"{{{to_latex(name)}}}"
