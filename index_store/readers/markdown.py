"""Markdown: headings as titles over abstracts; notes with front matter; lists of links to papers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from ..identifiers import arxiv_id_of_address, bare_arxiv_id, doi_of_address, named_arxiv_id
from ..papers import Paper
from .base import Reader, Record, Source
from .front_matter import field_called, fields_of, front_matter
from .name_lists import names_in
from .tagged import year_in

_SUFFIXES = (".md", ".markdown", ".mdown", ".qmd", ".rmd")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)")
_ANY_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+\S", re.MULTILINE)
_FENCE = re.compile(r"\s*(?:```|~~~)")
_PASSED_OVER = re.compile(
    r"\s*(?:<!--.*-->|!\[[^\]]*\]\([^)]*\)|!?\[\[[^\]]*\]\]|[-*_=]{3,}|#[\w/-]+(?:\s+#[\w/-]+)*"
    r"|[-*+]\s+\[[ xX]\].*)\s*"
)
_LINK = re.compile(r"\[([^\[\]]*)\]\(<?([^\s()<>]+(?:\([^\s()]*\)[^\s()<>]*)?)>?(?:\s+\"[^\"]*\")?\)")
_ADDRESS = re.compile(r"<?(https?://[^\s<>()]+)>?")
_LISTED = re.compile(rf"\s*(?:[-*+]|\d{{1,4}}[.)])\s+(?:\*\*|__)?{_LINK.pattern}.*")
_ANY_MARK = re.compile(r"[*_\[\\]")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_EMPHASIS = re.compile(r"(?<![\w*\\])\*(?=[^\s*])([^*]+)(?<=[^\s*\\])\*(?![\w*])")
_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+.!>~|-])")
_QUOTE = re.compile(r"\s*(?:>\s?)+")
_CALLOUT = re.compile(r"\[!([\w-]+)\][-+]?\s*(.*)")
_FIELD = re.compile(r"(?:[-*+]\s+)?[*_]{0,2}([A-Za-z][A-Za-z -]{1,20}?)[*_]{0,2}::?[*_]{0,2}\s+(.*)")
_SECTION = re.compile(
    r"(?:\d+(?:\.\d+)*\.?\s+)?(?:introduction|background|methods?|methodology|results?|discussion|conclusions?|references?"
    r"|bibliography|related(?: work| notes)?|(?:my )?notes?|annotations?|highlights"
    r"|key (?:points|ideas|findings|takeaways)|takeaways|links?|metadata|tags|keywords"
    r"|comments?|questions?|citations?|attachments?|files?|appendix"
    r"|acknowledge?ments?|see also|(?:table of )?contents|quotes?)\W*",
    re.IGNORECASE,
)
_ABSTRACT = re.compile(r"\W*(?:abstract|summary|tl;?dr)\W*", re.IGNORECASE)
_ENOUGH = 100_001  # characters of an abstract; one that is longer is refused
_OF_A_PAPER = 300  # characters below a title, after which a heading further in is one of its sections
_WORDS_OF_A_TITLE = 3  # of a heading, or a link, that has nothing else to show what it is


@dataclass
class _Draft:
    """A paper as far as it is read, or a heading over several."""

    line: int
    level: int
    title: str
    fields: dict[str, str] = field(default_factory=dict)
    is_note: bool = False
    parts: dict[str, list[str]] = field(default_factory=lambda: {"text": [], "abstract": [], "other": []})
    part: str = "text"  # what the lines belong to that come next; "other" is not wanted
    links: list[str] = field(default_factory=list)
    lists_papers: bool = False
    size: int = 0

    def add(self, line: str) -> None:
        """A line of the part that is read."""
        if self.part != "other" and self.size < _ENOUGH:
            self.parts[self.part].append(line[:_ENOUGH])
            self.size += len(line) + 1

    @property
    def is_over_others(self) -> bool:
        """Whether a heading further in is a title, not a section of this paper."""
        return not (self.is_note or self.fields or self.parts["abstract"] or self.size > _OF_A_PAPER)

    def record(self, source: Source) -> Record:
        """The paper, or the complaint that there is none."""
        text = self.fields.get("abstract", "") or " ".join(self.parts["abstract"] or self.parts["text"])
        title = _plain(self.title)
        if not (text.strip() or self.fields or self.links or len(title.split()) >= _WORDS_OF_A_TITLE):
            return source.malformed(self.line, f"the heading {title[:60]!r} has no text below it")
        addresses = [*_addresses(self.title), *_addresses(self.fields.get("url", "")), *self.links]
        given = self.fields.get("arxiv_id", "")
        arxiv_ids = [bare_arxiv_id(given), named_arxiv_id(given), *map(arxiv_id_of_address, _addresses(given))]
        arxiv_ids += map(arxiv_id_of_address, addresses)
        dois = [_plain(self.fields.get("doi", "")), *map(doi_of_address, addresses)]
        return Paper(
            title=title,
            abstract=_plain(text),
            authors=names_in(_plain(self.fields.get("authors", ""))),
            year=year_in(self.fields.get("year", "")),
            venue=_plain(self.fields.get("venue", "")),
            doi=next(filter(None, dois), ""),
            arxiv_id=next(filter(None, arxiv_ids), ""),
            url=next(iter(addresses), ""),
            source=source.name,
        )


def _recognises(suffix: str, head: str) -> bool:
    lines = head.lstrip("\ufeff\0 \t\r\n").splitlines()
    fields = fields_of(lines[1 : count - 1]) if (count := front_matter(lines)) else {}
    if "title" in fields:
        return True
    text = "\n".join(lines[count:]).lstrip()
    return bool(_ANY_HEADING.search(text) if suffix in _SUFFIXES else _ANY_HEADING.match(text))


def _read(source: Source) -> Iterator[Record]:
    lines = ((number, line.strip("\ufeff\0")) for number, line in source.lines())
    first = next((each for each in lines if each[1].strip()), (0, ""))
    beginning = [first, *islice(lines, 500)] if first[1].rstrip() == "---" else [first]
    count = front_matter([line for _, line in beginning])
    fields = fields_of(line for _, line in beginning[1 : count - 1]) if count else {}
    title = fields.pop("title", "")
    draft = _Draft(first[0], 1, title, fields, is_note=True) if title else None
    yield from _records(chain(beginning[count:], lines), draft, source)


def _records(lines: Iterator[tuple[int, str]], draft: _Draft | None, source: Source) -> Iterator[Record]:
    fenced, starts = False, True  # whether a line may be a field: after an empty one, a heading or another field
    for number, raw in lines:
        fenced ^= bool(_FENCE.match(raw))
        heading = None if fenced else _HEADING.fullmatch(raw)
        if heading:
            begun = _begun(draft, number, len(heading[1]), _without_closing(heading[2]))
            if draft and begun is not draft and begun.level <= draft.level and not draft.lists_papers:
                yield draft.record(source)
            draft, starts = begun, True
        elif not fenced and not _FENCE.match(raw):
            listed = _LISTED.fullmatch(raw) if draft is None or draft.is_over_others else None
            if listed and _is_paper(listed[1], listed[2]):
                yield _Draft(number, 6, listed[1], links=[listed[2]]).record(source)
                if draft:
                    draft.lists_papers = True
            elif draft:
                starts = _take(draft, raw, starts)
    if draft and not draft.lists_papers:
        yield draft.record(source)


def _without_closing(title: str) -> str:
    """The text of a heading without the signs that may end it; "C#" is a name."""
    title = title.rstrip()
    shorter = title.rstrip("#")
    return shorter.rstrip() if shorter.endswith((" ", "\t")) else title


def _begun(draft: _Draft | None, number: int, level: int, title: str) -> _Draft:
    """What a heading begins: another paper, or a part of the one before it."""
    if draft is None:
        return _Draft(number, level, title)
    if _ABSTRACT.fullmatch(title):
        draft.part = "abstract"
    elif _plain(title).casefold() == _plain(draft.title).casefold():
        draft.part = "text"  # the title again, as notes have it below their front matter
    elif _SECTION.fullmatch(title) or draft.is_note or (level > draft.level and not draft.is_over_others):
        draft.part = "other"
    else:
        return _Draft(number, level, title)
    return draft


def _take(draft: _Draft, raw: str, starts: bool) -> bool:
    """A line below a heading; returns whether the next one may be a field."""
    line = _QUOTE.sub("", raw, count=1).strip() if raw.lstrip().startswith(">") else raw.strip()
    if callout := _CALLOUT.fullmatch(line):
        draft.part = "abstract" if _ABSTRACT.fullmatch(callout[1]) or _ABSTRACT.fullmatch(callout[2]) else "other"
        return False
    if not line or _PASSED_OVER.fullmatch(line):
        return True
    found = _FIELD.fullmatch(line) if starts else None
    name = field_called(found[1]) if found else ""
    if found and name == "abstract":
        draft.part = "abstract"
        draft.add(found[2])
        return False
    if found and name and name != "title":
        draft.fields.setdefault(name, found[2])
        return True
    if not re.search(r"\w{2}", _ADDRESS.sub("", _LINK.sub("", line))):
        draft.links += _addresses(line)
        return True
    draft.add(line)
    return False


def _is_paper(title: str, address: str) -> bool:
    known = arxiv_id_of_address(address) or doi_of_address(address)
    return bool(known) and len(title.split()) >= _WORDS_OF_A_TITLE


def _addresses(text: str) -> list[str]:
    linked = [address for _, address in _LINK.findall(text) if address.startswith("http")]
    return linked + [address.rstrip(".,;") for address in _ADDRESS.findall(_LINK.sub("", text))]


def _plain(text: str) -> str:
    """The text without the marks of Markdown; mathematics is left as it is."""
    if _ANY_MARK.search(text):
        text = _EMPHASIS.sub(r"\1", _STRONG.sub(r"\2", _LINK.sub(r"\1", text)))
        text = text if "$" in text else _ESCAPED.sub(r"\1", text)
    return " ".join(text.split())


READER = Reader("Markdown", 900, _recognises, _read)
