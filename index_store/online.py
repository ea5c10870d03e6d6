"""Papers by their identifier or by a query, from the public services of arXiv, doi.org and Semantic Scholar."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO
from threading import Event
from urllib.parse import quote, unquote

from .adding import AddReport, Progress, add_records
from .catalogue import Catalogue
from .errors import OnlineError
from .online_requests import NOTHING_LOST, Failed, Patience, Requests
from .papers import Paper, normalise, tidy
from .readers import arxiv_atom, csl_json, semantic_scholar
from .readers.base import Malformed, Reader, Record, Remark, Source

_ARXIV, _DOI, _ABSTRACTS = "arxiv.org", "doi.org", "Semantic Scholar"
_BATCH, _PAGE = 50, 100  # ids of one request; entries of one page
_FEW = 10  # records in one transaction: what was fetched is dear, and the reader wants to see it come
_EMPTY_PAGES = 3  # how often a page may come empty although there is more, which happens at arXiv
_GIVE_UP = 3  # DOIs in a row that fail, or requests for an abstract
_CSL = "application/vnd.citationstyles.csl+json"
_FIELDS = "title,abstract,authors,year,venue,externalIds,url"
_FORMS = (
    "arxiv:2309.17453, https://arxiv.org/abs/2309.17453, arxiv:cs/0301001, doi:10.1038/nature14539 or "
    "https://doi.org/10.1038/nature14539"
)

_ARXIV_FORM = re.compile(
    r"(?:arxiv:\s*|https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/)?"
    r"(?:(?P<new>\d\d(?:0[1-9]|1[0-2])\.\d{4,5})|(?P<archive>[a-z]+(?:-[a-z]+)?)(?:\.[a-z]{2})?/(?P<old>\d{7}))"
    r"(?:v\d+)?(?:\.pdf)?(?:[?#].*)?(?:\s*\[[\w.-]+\])?",
    re.IGNORECASE,
)
_DOI_FORM = re.compile(
    r"(?P<link>https?://(?:dx\.|www\.)?doi\.org/)?(?:doi:\s*)?(?P<doi>10\.\d{4,9}(?:\.\d+)*(?:/|%2F)\S+)", re.IGNORECASE
)
_ARXIV_DOI = re.compile(r"10\.48550/arxiv\.(?P<id>.+)", re.IGNORECASE)
_FIVE_DIGITS_SINCE = "1501"  # year and month from which an arXiv id has five digits behind the point
_REFUSED = re.compile(rb"arxiv\.org/api/errors")
_REASON = re.compile(rb"<summary[^>]*>(.*?)</summary>", re.DOTALL)
_TOTAL = re.compile(rb"totalResults[^>]*>\s*(\d+)")


class Scheme(StrEnum):
    """Who gives out an identifier."""

    ARXIV = "arxiv"
    DOI = "doi"


@dataclass(frozen=True, slots=True)
class Identifier:
    """The name of one paper: an arXiv id without its version, or a DOI in small letters."""

    scheme: Scheme
    value: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


@dataclass(frozen=True, slots=True)
class Services:
    """Where the services are, and the address that tells them whom to write to; it may be empty."""

    arxiv: str = "https://export.arxiv.org/api/query"
    doi: str = "https://doi.org"
    abstracts: str = "https://api.semanticscholar.org/graph/v1"
    contact: str = ""


def parse_identifier(text: str) -> Identifier:
    """The identifier that a text is, in any form in which people copy one. Raises `OnlineError` if it is none."""
    text = text.strip()
    if found := _DOI_FORM.fullmatch(text):
        doi = (unquote(found["doi"]) if found["link"] else found["doi"]).rstrip(".,;").lower()
        if own := _ARXIV_DOI.fullmatch(doi):
            return parse_identifier(f"arxiv:{own['id']}")
        return Identifier(Scheme.DOI, doi)
    found = _ARXIV_FORM.fullmatch(text)
    if found and found["old"]:
        return Identifier(Scheme.ARXIV, f"{found['archive'].lower()}/{found['old']}")
    if found and (len(found["new"]) == 10) == (found["new"] >= _FIVE_DIGITS_SINCE):
        return Identifier(Scheme.ARXIV, found["new"])
    raise OnlineError(f"{text!r} is no identifier of a paper. It looks like {_FORMS}.")


def fetch(
    identifiers: Sequence[Identifier],
    services: Services,
    stop: Event | None = None,
    *,
    patience: Patience | None = None,
) -> Iterator[Record]:
    """The papers with these identifiers, as they come; one that is not known, or has no title, is a `Malformed`.

    Ends early when `stop` is set. Raises `OnlineError` where a service cannot be reached or goes on failing; what
    came before is good.
    """
    unique = list(dict.fromkeys(identifiers))
    with Requests(services.contact, stop, patience or Patience()) as requests:
        ids = [each.value for each in unique if each.scheme is Scheme.ARXIV]
        for start in range(0, len(ids), _BATCH):
            yield from _batch(requests, services, ids[start : start + _BATCH])
        dois = [each.value for each in unique if each.scheme is Scheme.DOI]
        yield from _ByDoi(requests, services).papers(dois)


def query_arxiv(
    query: str,
    limit: int,
    services: Services,
    stop: Event | None = None,
    *,
    patience: Patience | None = None,
) -> Iterator[Record]:
    """The first papers that arXiv finds for a query in its own language, such as `cat:cs.CL AND ti:citation`.

    Ends and fails as `fetch` does; raises `OnlineError` for a query that arXiv does not understand too.
    """
    with Requests(services.contact, stop, patience or Patience()) as requests:
        start = empty = 0
        while start < limit and not requests.stopped:
            asked = {"search_query": query, "start": str(start), "max_results": str(min(_PAGE, limit - start))}
            feed = _ask_arxiv(requests, services, asked)
            if feed is None:
                return
            if reason := _refusal(feed):
                raise OnlineError(f"arXiv does not understand the query {query!r}: {reason}.")
            found = list(_entries(feed))
            yield from found
            start += len(found)
            total = int(match[1]) if (match := _TOTAL.search(feed)) else start
            if start >= total:
                return
            empty = 0 if found else empty + 1
            if empty == _EMPTY_PAGES:
                raise OnlineError(f"arXiv has {total:,} papers for this query but stopped at {start:,}. {NOTHING_LOST}")


def add_fetched(
    catalogue: Catalogue,
    records: Iterable[Record],
    progress: Progress | None = None,
    stop: Event | None = None,
    *,
    collection: str = "",
) -> AddReport:
    """Adds what `fetch` or `query_arxiv` gives as it comes, a few at a time; what came before a failure is in."""
    return add_records(catalogue, records, progress, stop, collection=collection, batch=_FEW)


# -- arXiv ------------------------------------------------------------------------------------------------------------


def _batch(requests: Requests, services: Services, ids: Sequence[str]) -> Iterator[Record]:
    """The papers with these ids, in their order."""
    if requests.stopped:
        return
    feed = _ask_arxiv(requests, services, {"id_list": ",".join(ids), "max_results": str(len(ids))})
    if feed is None:
        return
    if _refusal(feed) and len(ids) > 1:  # of one of them, and then none comes
        middle = len(ids) // 2
        yield from _batch(requests, services, ids[:middle])
        yield from _batch(requests, services, ids[middle:])
        return
    found: dict[str, Record] = {}
    if not _refusal(feed):
        for record in _entries(feed):
            if isinstance(record, Paper):  # one without a title is how a missing paper may come
                found[normalise(record).arxiv_id] = record
    for arxiv_id in ids:
        yield found.get(arxiv_id) or Malformed(str(Identifier(Scheme.ARXIV, arxiv_id)), 0, "is not known to arXiv.")


def _ask_arxiv(requests: Requests, services: Services, asked: dict[str, str]) -> bytes | None:
    """The feed, or None if it was stopped. A refusal comes with status 400 or 200, and as a feed."""
    try:
        answer = requests.get("arXiv", services.arxiv, asked, pace=requests.patience.arxiv)
    except Failed as failure:
        raise OnlineError(f"{failure}. {NOTHING_LOST}") from failure
    if answer is None:
        return None
    if b"<feed" not in answer.body[:2000]:
        raise OnlineError(f"{services.arxiv} does not answer as arXiv does. Check RESEARCH_ASSISTANT_ARXIV_URL.")
    return answer.body


def _refusal(feed: bytes) -> str:
    """The reason in a feed that holds an error in place of papers; empty for any other."""
    if not _REFUSED.search(feed):
        return ""
    reason = match[1].decode("utf-8", "replace") if (match := _REASON.search(feed)) else "no reason given"
    return " ".join("".join(letter if letter.isprintable() else " " for letter in reason).split())[:200].rstrip(".")


def _entries(feed: bytes) -> Iterator[Record]:
    return arxiv_atom.READER.read(Source(_ARXIV, _ARXIV, ".xml", BytesIO(feed), "utf-8"))


# -- DOIs -------------------------------------------------------------------------------------------------------------


class _ByDoi:
    """Papers by their DOIs: from the agency that doi.org names, their abstracts else from Semantic Scholar."""

    def __init__(self, requests: Requests, services: Services) -> None:
        self._requests, self._services = requests, services
        self._failures = self._silences = self._without = 0

    def papers(self, dois: Sequence[str]) -> Iterator[Record]:
        """What became of each DOI, in their order; last, how many abstracts could not be asked for."""
        for doi in dois:
            if self._requests.stopped:
                break
            record = self._one(doi)
            if record is None:
                break
            yield record
        if self._without:
            papers = "1 paper is" if self._without == 1 else f"{self._without:,} papers are"
            yield Remark(_DOI, f"{_ABSTRACTS} did not answer, so {papers} without an abstract; add them again later.")

    def _one(self, doi: str) -> Record | None:
        label = str(Identifier(Scheme.DOI, doi))
        try:
            answer = self._requests.get("doi.org", f"{self._services.doi}/{quote(doi, safe='/')}", accept=_CSL)
        except Failed as failure:
            self._failures += 1
            if failure.offline or self._failures == _GIVE_UP:
                raise OnlineError(f"{failure}. {NOTHING_LOST}") from failure
            return Malformed(label, 0, f"was not fetched: {failure}; add it again later.")
        self._failures = 0
        if answer is None:
            return None
        if answer.status == 404:
            return Malformed(label, 0, "is not known to doi.org.")
        paper = _paper(csl_json.READER, answer.body)  # an agency without such details answers with a page for people
        if paper is None or not paper.abstract:
            paper = _completed(paper, self._from_abstracts(doi))
        if paper is None:
            return Malformed(label, 0, "has no title at doi.org; add it in a file.")
        return replace(paper, doi=doi, source=_DOI)

    def _from_abstracts(self, doi: str) -> Paper | None:
        """The paper as Semantic Scholar has it. Its silence costs an abstract, never the paper."""
        if self._silences < _GIVE_UP:
            address = f"{self._services.abstracts}/paper/DOI:{quote(doi, safe='/')}"
            patience = self._requests.patience
            try:
                answer = self._requests.get(
                    _ABSTRACTS, address, {"fields": _FIELDS}, pace=patience.abstracts, tries=min(2, patience.tries)
                )
            except Failed:
                self._silences += 1
            else:
                self._silences = 0
                return _paper(semantic_scholar.READER, answer.body) if answer and answer.status == 200 else None
        self._without += 1
        return None


def _paper(reader: Reader, body: bytes) -> Paper | None:
    """The paper that a JSON format finds in an answer, or None if that is something else, or has no title."""
    try:
        is_object = isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return None
    records = reader.read(Source(_DOI, _DOI, ".json", BytesIO(body), "utf-8")) if is_object else ()
    found = next((record for record in records if isinstance(record, Paper)), None)
    return replace(found, abstract=tidy(found.abstract)) if found else None


def _completed(paper: Paper | None, other: Paper | None) -> Paper | None:
    """The paper with what it lacks from the other."""
    if paper is None or other is None:
        return paper or other
    lacking = ("title", "abstract", "authors", "year", "venue", "arxiv_id")
    return replace(paper, **{name: getattr(other, name) for name in lacking if not getattr(paper, name)})
