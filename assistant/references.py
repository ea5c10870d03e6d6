"""A paper as a reference to copy: BibTeX, the style of the APA, or plainly in one line."""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import quote

from index_store import Paper, as_text

Style = Literal["bibtex", "apa", "plain"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
# What reorders or hides text (Unicode TR36), and characters that mean something only to us.
_UNSEEN = re.compile(
    r"[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ue000-\uf8ff\U000e0000-\U000e0fff]"
)
_KEPT_IN_ADDRESSES = "%/:?#[]@!$&'()*+,;=~"
_OF_ARXIV = re.compile(r"(?:arxiv|corr)\b", re.IGNORECASE)  # how Semantic Scholar and DBLP call the venue of a preprint
# Journals by APA's rule, whatever their names say.
_JOURNAL = re.compile(
    r"proc(?:eedings|\.) of the (?:national academy|royal society|ieee$|vldb endowment|acm on )", re.IGNORECASE
)
# Groups have no initials. Words that no person is called, and those between the words of a name in English.
_GROUP = re.compile(
    r"\b(?:agency|association|bank|cent(?:er|re)|collaboration|commission|committee|company|consortium|corp|council|"
    r"department|foundation|gmbh|group|inc|initiative|institut\w*|investigators|labs?|laborator\w+|llc|ltd|ministry|"
    r"network|office|organi[sz]ation|program(?:me)?|project|research|society|team|union|universit\w+|the|of|for)\b",
    re.IGNORECASE,
)
_SUFFIX = re.compile(r"(?P<family>.*\S)\s+(?P<suffix>(?:Jr|Sr)\.?|I{2,3}|IV)")
_MOST_IN_APA, _FIRST_IN_APA, _MOST_IN_PLAIN = 20, 19, 10
_ENDS = (".", "?", "!", "…", "。", "？", "！")


def reference(paper: Paper, style: Style) -> str:
    """The reference as plain text: of one line, but for BibTeX. Raises `ValueError` for an unknown style.

    What is not known is left out. The title stays in its own capitals, which APA would make small: names and
    abbreviations cannot be told from other words.
    """
    if style == "bibtex":
        return as_text(paper, "bibtex")
    if style == "apa":
        return _apa(paper)
    if style == "plain":
        return _plain(paper)
    raise ValueError(f"{style!r} is not a style; there are bibtex, apa, plain")


def address(paper: Paper) -> str:
    """Where the paper can be read on the web, as a reference ends with it: its DOI's address if it has one, or empty.

    arXiv registers a DOI for every preprint (https://info.arxiv.org/help/doi.html).
    """
    number = paper.arxiv_id if not paper.doi else ""
    link = one_line(f"https://doi.org/10.48550/arXiv.{number}" if number else paper.link)
    if not link.lower().startswith(("https://", "http://")):
        return ""
    return quote(link, safe=_KEPT_IN_ADDRESSES)


def one_line(text: str) -> str:
    """Text of others in one line, without control characters and what hides or reorders other text."""
    return " ".join(_CONTROL.sub(" ", without_unseen(text)).split())


def without_unseen(text: str) -> str:
    """Text of others without what hides or reorders other text, and without our own placeholders."""
    return _UNSEEN.sub("", text)


def _apa(paper: Paper) -> str:
    """The reference by the Publication Manual of the APA, 7th edition, chapters 9 and 10.

    The same in short: https://apastyle.apa.org/style-grammar-guidelines/references/examples. Of the kinds of works
    there are articles in journals, papers in proceedings (10.5), preprints (10.8) and those of which nothing is known.
    """
    item = _csl(paper)
    title = one_line(paper.display_title) or "[Untitled]"
    source = one_line(paper.venue)
    if _is_preprint(paper):
        title, source = f"{title} (arXiv:{one_line(paper.arxiv_id)})", "arXiv"
    elif source and item["type"] == "paper-conference" and not _JOURNAL.match(source):
        source = f"In {source}"
    authors = _apa_authors(item.get("author", ()))
    year = f"({paper.year or 'n.d.'})."
    begin = [_ended(authors), year, _ended(title)] if authors else [_ended(title), year]
    return " ".join(part for part in (*begin, _ended(source), address(paper)) if part)


def _plain(paper: Paper) -> str:
    names = [name for author in paper.authors if (name := one_line(author))]
    authors = ", ".join(names[:_MOST_IN_PLAIN]) + (" et al." if len(names) > _MOST_IN_PLAIN else "")
    venue = f"arXiv:{one_line(paper.arxiv_id)}" if _is_preprint(paper) else one_line(paper.venue)
    where = ", ".join(part for part in (venue, str(paper.year or "")) if part)
    parts = (authors, one_line(paper.display_title) or "[Untitled]", where)
    return " ".join(part for part in (*map(_ended, parts), address(paper)) if part)


def _csl(paper: Paper) -> Mapping[str, Any]:
    """The kind of work, and its authors in their parts, as the library writes them for other programs."""
    (item,) = json.loads(as_text(replace(paper, abstract=""), "csl-json"))
    return item  # type: ignore[no-any-return]


def _is_preprint(paper: Paper) -> bool:
    return bool(paper.arxiv_id) and (not paper.venue or bool(_OF_ARXIV.match(paper.venue)))


def _ended(text: str) -> str:
    """The text as a sentence; an empty one stays so."""
    return text if not text or text.endswith(_ENDS) else f"{text}."


def _apa_authors(authors: Sequence[Mapping[str, str]]) -> str:
    """Up to twenty authors; of more the first nineteen and the last (9.8)."""
    names = [name for author in authors if (name := _apa_author(author))]
    if len(names) > _MOST_IN_APA:
        return f"{', '.join(names[:_FIRST_IN_APA])}, … {names[-1]}"
    return f"{', '.join(names[:-1])}, & {names[-1]}" if len(names) > 1 else "".join(names)


def _apa_author(author: Mapping[str, str]) -> str:
    """Family name and initials. A group stays whole, and so does a name in a script without capitals."""
    family, given = one_line(author.get("family", "")), one_line(author.get("given", ""))
    whole = f"{given} {family}" if given else one_line(author.get("literal", ""))
    initials = _initials(given)
    if not initials or _GROUP.search(whole):
        return whole
    if suffixed := _SUFFIX.fullmatch(family):
        return f"{suffixed['family']}, {initials}, {suffixed['suffix']}"
    return f"{family}, {initials}"


def _initials(given: str) -> str:
    """ "Jean-Paul É." becomes "J.-P. É.", and "JA" becomes "J. A."; empty if the script has no capitals."""
    found: list[str] = []
    for word in re.sub(r"\.(?!-)", ". ", unicodedata.normalize("NFC", given)).split():
        letters = [letter for part in re.split("[-‐‑]", word) if (letter := next(filter(str.isalpha, part), ""))]
        if any(letter.upper() == letter.lower() for letter in letters):
            return ""
        if len(word) == 2 and word.isalpha() and word.isupper():
            found += [f"{letter}." for letter in word]
        elif letters:
            found.append("-".join(f"{letter.upper()}." for letter in letters))
    return " ".join(found)
