"""PubMed's XML: articles and book chapters, structured abstracts, groups as authors."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element

from ..papers import Paper
from .base import Reader, Record, Source
from .pubmed import address_of, plain_title
from .tagged import year_in
from .xml_records import Element as Found
from .xml_records import records, text_of

_FIRST = re.compile(r"<(Pubmed(Article|BookArticle)(Set)?|MedlineCitationSet)\b")
_RECORDS = frozenset({"PubmedArticle", "PubmedBookArticle"})
_DATES = ("Journal/JournalIssue/PubDate", "ArticleDate", "Book/PubDate", "ContributionDate")


def _recognises(_suffix: str, head: str) -> bool:
    return bool(head.lstrip("\ufeff \t\r\n").startswith("<") and _FIRST.search(head))


def _read(source: Source) -> Iterator[Record]:
    for found in records(source, _RECORDS):
        yield _record(found, source) if isinstance(found, Found) else found


def _record(found: Found, source: Source) -> Record:
    root = found.root
    citation = root.find("MedlineCitation")
    number = text_of(root.find("MedlineCitation/PMID") if citation is not None else root.find("BookDocument/PMID"))
    article = root.find("MedlineCitation/Article") if citation is not None else root.find("BookDocument")
    title = _title(article)
    if article is None or not title:
        return source.malformed(found.line, f"the record {number or 'here'} has no title")
    return Paper(
        title=title,
        abstract=_abstract(article.find("Abstract")),
        authors=tuple(name for author in _authors(article) if (name := _name(author))),
        year=year_in(*(text_of(date.find(part)) for date in _dates(article) for part in ("Year", "MedlineDate"))),
        venue=_venue(article),
        doi=_doi(root, article),
        url=address_of(number),
        source=source.name,
    )


def _title(article: Element | None) -> str:
    if article is None:
        return ""
    places = ("ArticleTitle", "VernacularTitle", "Book/BookTitle")
    return next((title for place in places if (title := plain_title(text_of(article.find(place))))), "")


def _abstract(abstract: Element | None) -> str:
    """The parts in order, each after the heading that it has in the journal."""
    parts = [] if abstract is None else abstract.findall("AbstractText")
    return " ".join(
        f"{label}: {text}" if (label := part.get("Label")) else text for part in parts if (text := text_of(part))
    )


def _authors(article: Element) -> Iterator[Element]:
    for authors in article.findall("AuthorList"):
        if authors.get("Type") != "editors":
            yield from (author for author in authors.findall("Author") if author.get("ValidYN") != "N")


def _name(author: Element) -> str:
    """A person's name, given names first, or a group's; no comma in either."""
    if group := text_of(author.find("CollectiveName")):
        return group.replace(",", " ")
    given = text_of(author.find("ForeName")) or text_of(author.find("Initials"))
    return f"{given} {text_of(author.find('LastName'))} {text_of(author.find('Suffix'))}".replace(",", " ").strip()


def _dates(article: Element) -> Iterator[Element]:
    for place in _DATES:
        yield from article.findall(place)


def _venue(article: Element) -> str:
    own = {text_of(article.find("ArticleTitle"))}
    places = ("Journal/Title", "Journal/ISOAbbreviation", "Book/BookTitle", "Book/Publisher/PublisherName")
    return next((venue for place in places if (venue := text_of(article.find(place))) and venue not in own), "")


def _doi(root: Element, article: Element) -> str:
    """Of the article itself; those of its references stand elsewhere."""
    named = [
        place
        for place in article.findall("ELocationID")
        if place.get("EIdType") == "doi" and place.get("ValidYN") != "N"
    ]
    for place in ("PubmedData", "PubmedBookData", "BookDocument"):
        named += [
            number for number in root.findall(f"{place}/ArticleIdList/ArticleId") if number.get("IdType") == "doi"
        ]
    return next((doi for place in named if (doi := text_of(place))), "")


READER = Reader("PubMed XML", 5, _recognises, _read)
