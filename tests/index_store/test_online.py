"""Papers from arXiv, doi.org and Semantic Scholar: what comes, what is repeated, and what the reader is told."""

import re
import socket
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Event, Thread

import pytest

from index_store import Paper, open_catalogue
from index_store.errors import OnlineError
from index_store.online import Identifier, Services, add_fetched, fetch, parse_identifier, query_arxiv
from index_store.online_requests import Patience
from index_store.readers.base import Malformed, Record, Remark

from ..online import BARE, CSL, SCHOLAR, Reply, Web, entry, feed, known, refusal, serving

QUICK = Patience(arxiv=0, abstracts=0, timeout=1.0, first=0.01, longest=2.0)


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


def ids(*values: str) -> list[Identifier]:
    return [parse_identifier(value) for value in values]


def fetched(web: Web, *values: str, patience: Patience = QUICK) -> list[Record]:
    return list(fetch(ids(*values), web.services, patience=patience))


# -- identifiers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        ("arxiv:2309.17453v2", "arxiv:2309.17453"),
        ("arXiv: 2309.17453 [cs.CL]", "arxiv:2309.17453"),
        (" 2309.17453v12 ", "arxiv:2309.17453"),
        ("0704.0001", "arxiv:0704.0001"),
        ("cs/0301001", "arxiv:cs/0301001"),
        ("arxiv:math.GT/0309136v1", "arxiv:math/0309136"),
        ("https://arxiv.org/abs/2309.17453v1", "arxiv:2309.17453"),
        ("http://www.arxiv.org/pdf/2309.17453v1.pdf?download=1", "arxiv:2309.17453"),
        ("https://arxiv.org/pdf/cond-mat/0102536", "arxiv:cond-mat/0102536"),
        ("10.48550/arXiv.2309.17453", "arxiv:2309.17453"),
        ("https://doi.org/10.48550/arXiv.cs/0301001", "arxiv:cs/0301001"),
        ("doi:10.1038/Nature14539", "doi:10.1038/nature14539"),
        (
            "10.1002/(SICI)1097-0258(19980815)17:15<1661::AID-SIM968>3.0.CO;2-2",
            "doi:10.1002/(sici)1097-0258(19980815)17:15<1661::aid-sim968>3.0.co;2-2",
        ),
        ("https://dx.doi.org/10.1016/S0140-6736%2896%2907492-2", "doi:10.1016/s0140-6736(96)07492-2"),
        ("https://doi.org/10.1145/3292500.3330701.", "doi:10.1145/3292500.3330701"),
    ],
)
def test_an_identifier_is_known_in_every_form_in_which_people_copy_it(text: str, identifier: str) -> None:
    assert str(parse_identifier(text)) == identifier


@pytest.mark.parametrize(
    "text",
    ["", "bees", "papers.jsonl", "2313.00001", "2309.1745", "1309.17453", "10.1038", "arxiv:", "https://example.org/a"],
)
def test_what_is_no_identifier_is_refused_with_the_forms_there_are(text: str) -> None:
    with pytest.raises(OnlineError, match=r"is no identifier.*arxiv:2309\.17453.*doi:10\.1038") as refused:
        parse_identifier(text)
    assert "\n" not in str(refused.value)


# -- arXiv ------------------------------------------------------------------------------------------------------------


def test_papers_of_arxiv_come_in_the_order_asked_for_in_one_request(web: Web) -> None:
    web.feeds = lambda query: feed(*(entry(each) for each in reversed(query["id_list"].split(","))))
    first, second = fetched(web, "2309.17453v1", "arxiv:cs/0301001", "https://arxiv.org/abs/2309.17453")
    assert isinstance(first, Paper) and isinstance(second, Paper)
    assert " ".join(first.title.split()) == "Bees and dances 2309.17453"
    assert " ".join(first.abstract.split()) == "A bee that dances longer & faster is followed by more of the others."
    assert (first.authors, first.year, first.source) == (("Berta Imker", "Carl Wabe"), 2023, "arxiv.org")
    assert [paper.arxiv_id.partition("v")[0] for paper in (first, second)] == ["2309.17453", "cs/0301001"]
    (asked,) = web.asked
    assert asked.query["id_list"] == "2309.17453,cs/0301001"
    assert re.fullmatch(r"research-assistant/[\d.]+ \(mailto:ada@example\.org\)", asked.headers["User-Agent"])


def test_many_papers_are_asked_for_in_batches_with_a_pause_in_between(web: Web) -> None:
    wanted = [f"2309.{number:05}" for number in range(1, 121)]
    web.feeds = known(*wanted)
    patience = Patience(arxiv=0.3, timeout=5)
    assert len(fetched(web, *wanted, patience=patience)) == 120
    assert [len(asked.query["id_list"].split(",")) for asked in web.asked] == [50, 50, 20]
    assert all(int(asked.query["max_results"]) == len(asked.query["id_list"].split(",")) for asked in web.asked)
    gaps = [after.at - before.at for before, after in zip(web.asked, web.asked[1:], strict=False)]
    assert min(gaps) >= 0.3


@pytest.mark.parametrize("missing", ["", "<entry><id>http://arxiv.org/abs/2309.00002</id></entry>"])
def test_an_id_that_arxiv_does_not_know_is_told_and_the_others_come(web: Web, missing: str) -> None:
    web.feeds = lambda query: feed(entry("2309.00001"), missing, entry("2309.00003"))
    before, unknown, after = fetched(web, "2309.00001", "2309.00002", "2309.00003")
    assert isinstance(before, Paper) and isinstance(after, Paper)
    assert str(unknown) == "arxiv:2309.00002 is not known to arXiv."


def test_an_id_that_arxiv_refuses_does_not_cost_the_others_of_its_batch(web: Web) -> None:
    web.feeds = lambda query: (
        refusal("incorrect id format for xyz/0000001")
        if "xyz/0000001" in query["id_list"]
        else known("2309.00001", "2309.00002", "2309.00003")(query)
    )
    found = fetched(web, "2309.00001", "xyz/0000001", "2309.00002", "2309.00003")
    assert [isinstance(record, Paper) for record in found] == [True, False, True, True]
    assert str(found[1]) == "arxiv:xyz/0000001 is not known to arXiv."


# -- a service that has trouble ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(b"Rate exceeded.", 429),
        Reply(b"Rate exceeded."),
        Reply(b"Service unavailable", 503),
        Reply(fault="cut"),
        Reply(b"<feed", headers={"Content-Length": "1000"}, fault="cut"),
    ],
)
def test_a_request_that_fails_is_repeated(web: Web, trouble: Reply) -> None:
    web.feeds = known("2309.00001")
    web.first = [trouble, trouble]
    (paper,) = fetched(web, "2309.00001")
    assert isinstance(paper, Paper)
    assert len(web.asked) == 3


def test_as_long_as_a_service_asks_for_it_is_left_alone(web: Web) -> None:
    web.feeds = known("2309.00001")
    web.first = [Reply(status=429, headers={"Retry-After": "1"})]
    assert len(fetched(web, "2309.00001")) == 1
    before, after = web.asked
    assert 1.0 <= after.at - before.at < 2.0


@pytest.mark.parametrize(
    "later", ["3600", format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)], ids=["seconds", "date"]
)
def test_a_service_that_asks_for_too_long_a_wait_is_not_waited_for(web: Web, later: str) -> None:
    web.first = [Reply(status=503, headers={"Retry-After": later})]
    with pytest.raises(OnlineError, match="arXiv failed with error 503"):
        fetched(web, "2309.00001")
    assert len(web.asked) == 1


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (Reply(status=429), "arXiv takes no more requests for now"),
        (Reply(status=500), "arXiv failed with error 500"),
        (Reply(fault="cut"), "arXiv cut the connection"),
    ],
)
def test_a_service_that_goes_on_failing_is_told_in_one_line(web: Web, trouble: Reply, said: str) -> None:
    web.first = [trouble] * 4
    with pytest.raises(OnlineError, match=said) as failed:
        fetched(web, "2309.00001")
    assert "Nothing is lost" in str(failed.value) and "\n" not in str(failed.value)
    assert len(web.asked) == 4


def test_an_answer_that_comes_too_slowly_is_given_up(web: Web) -> None:
    web.first = [Reply(b"<feed/>", fault="slow")] * 4
    started = time.monotonic()
    with pytest.raises(OnlineError, match="arXiv did not answer in time"):
        fetched(web, "2309.00001", patience=Patience(arxiv=0, timeout=0.2, first=0.01))
    assert time.monotonic() - started < 5


def test_an_answer_without_end_is_given_up(web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index_store.online_requests._MOST_BYTES", 100_000)
    web.feeds = lambda query: b"<feed>" + b" " * 5_000_000
    with pytest.raises(OnlineError, match="arXiv"):
        fetched(web, "2309.00001")


@pytest.mark.parametrize("body", [b"", b"<html><title>Sign in to the network</title></html>", b"\0\xff" * 500])
def test_an_answer_that_is_no_feed_is_told_as_such(web: Web, body: bytes) -> None:
    web.feeds = lambda query: body
    with pytest.raises(OnlineError, match="does not answer as arXiv does"):
        fetched(web, "2309.00001")


def test_without_a_connection_one_line_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    services = Services(f"http://127.0.0.1:{port}/arxiv", f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}")
    for identifier, name in (("2309.00001", "arXiv"), ("10.1000/1", r"doi\.org")):
        with pytest.raises(OnlineError, match=f"{name} cannot be reached. Check the connection.*Nothing is lost"):
            list(fetch(ids(identifier), services, patience=QUICK))


def test_a_contact_that_cannot_be_sent_is_refused(web: Web) -> None:
    services = Services(web.services.arxiv, contact="ada@example.org\r\nX-Evil: 1")
    with pytest.raises(OnlineError, match="RESEARCH_ASSISTANT_CONTACT"):
        list(fetch(ids("2309.00001"), services, patience=QUICK))
    assert not web.asked


def test_a_stop_ends_the_fetching_and_the_waiting(web: Web) -> None:
    stop = Event()
    stop.set()
    assert list(fetch(ids("2309.00001", "10.1000/1"), web.services, stop, patience=QUICK)) == []
    assert not web.asked
    stop.clear()
    web.first = [Reply(status=503, headers={"Retry-After": "50"})]
    Thread(target=lambda: (time.sleep(0.2), stop.set())).start()
    started = time.monotonic()
    assert list(fetch(ids("2309.00001"), web.services, stop, patience=Patience(arxiv=0))) == []
    assert time.monotonic() - started < 5


# -- DOIs -------------------------------------------------------------------------------------------------------------


def test_a_doi_is_asked_of_its_agency(web: Web) -> None:
    web.dois["10.1000/bees"] = CSL
    (paper,) = fetched(web, "doi:10.1000/Bees")
    assert isinstance(paper, Paper)
    assert (paper.title, paper.abstract) == ("How bees dance", "Bees dance in the dark.")
    assert paper.authors == ("Berta Imker",)
    assert (paper.year, paper.venue, paper.doi) == (2019, "Journal of Bees", "10.1000/bees")
    assert paper.source == "doi.org"
    assert web.paths() == ["/doi/10.1000/bees", "/agency/10.1000/bees"]
    assert {asked.headers["Accept"] for asked in web.asked} == {"application/vnd.citationstyles.csl+json"}


def test_a_doi_with_signs_of_its_own_arrives_as_it_is(web: Web) -> None:
    doi = "10.1002/(sici)1097-0258(19980815)17:15<1661::aid-sim968>3.0.co;2-2"
    web.dois[doi] = CSL
    (paper,) = fetched(web, doi)
    assert isinstance(paper, Paper) and paper.doi == doi


def test_an_abstract_that_the_agency_has_not_comes_from_semantic_scholar(web: Web) -> None:
    web.dois["10.1000/bees"], web.abstracts["10.1000/bees"] = BARE, SCHOLAR
    (paper,) = fetched(web, "10.1000/bees")
    assert isinstance(paper, Paper)
    assert (paper.title, paper.abstract) == ("How bees dance", "Bees dance in the dark, says another.")
    assert "abstract" in web.asked[-1].query["fields"].split(",")


@pytest.mark.parametrize("scholar", [None, SCHOLAR | {"abstract": None}, b"<html>", b"[]"])
def test_without_an_abstract_anywhere_the_paper_comes_all_the_same(web: Web, scholar: object) -> None:
    web.dois["10.1000/bees"] = BARE
    if scholar is not None:
        web.abstracts["10.1000/bees"] = scholar
    (paper,) = fetched(web, "10.1000/bees")
    assert isinstance(paper, Paper) and (paper.title, paper.abstract) == ("How bees dance", "")


def test_a_silent_semantic_scholar_costs_the_abstracts_only_and_is_told_once(web: Web) -> None:
    wanted = [f"10.1000/bees.{number}" for number in range(6)]
    web.dois |= dict.fromkeys(wanted, BARE)
    web.failing["/abstracts/"] = Reply(b'{"message": "Too Many Requests.", "code": "429"}', 429)
    *papers, remark = fetched(web, *wanted)
    assert [isinstance(paper, Paper) for paper in papers] == [True] * 6
    assert isinstance(remark, Remark) and "6 papers are without an abstract" in remark.text
    assert sum("abstracts" in path for path in web.paths()) == 6  # two for each of the first three, then none


@pytest.mark.parametrize("page", [b"<html>The journal's own page</html>", b"", b"[]", b"null", b"[" * 100_000])
def test_where_the_agency_answers_with_something_else_semantic_scholar_has_the_paper(web: Web, page: bytes) -> None:
    web.dois["10.1000/bees"] = page
    (unknown,) = fetched(web, "10.1000/bees")
    assert isinstance(unknown, Malformed) and "has no title at doi.org" in unknown.reason
    web.abstracts["10.1000/bees"] = SCHOLAR
    (paper,) = fetched(web, "10.1000/bees")
    assert isinstance(paper, Paper) and (paper.title, paper.doi) == ("How bees dance", "10.1000/bees")


def test_a_doi_that_is_not_known_is_told_and_the_others_come(web: Web) -> None:
    web.dois["10.1000/bees"] = CSL
    unknown, paper = fetched(web, "10.1000/wasps", "10.1000/bees")
    assert str(unknown) == "doi:10.1000/wasps is not known to doi.org."
    assert isinstance(paper, Paper)


def test_an_agency_that_fails_costs_its_papers_and_many_failures_end_it(web: Web) -> None:
    web.dois["10.1000/bees"] = CSL
    web.failing["wasps"] = Reply(status=502)
    failed, paper = fetched(web, "10.1000/wasps", "10.1000/bees")
    assert "was not fetched: doi.org failed with error 502" in str(failed)
    assert isinstance(paper, Paper)
    with pytest.raises(OnlineError, match=r"doi\.org failed with error 502"):
        fetched(web, *(f"10.1000/wasps.{number}" for number in range(9)))
    assert sum("wasps." in path for path in web.paths()) == 3 * QUICK.tries


# -- queries ----------------------------------------------------------------------------------------------------------


def pages(total: int) -> Callable[[dict[str, str]], bytes]:
    """An arXiv that finds so many papers."""

    def page(query: dict[str, str]) -> bytes:
        start, count = int(query["start"]), int(query["max_results"])
        return feed(*(entry(f"2309.{n:05}") for n in range(start, min(start + count, total))), total=total)

    return page


@pytest.mark.parametrize(
    ("total", "limit", "found", "requests"), [(500, 130, 130, 2), (150, 1000, 150, 2), (0, 9, 0, 1)]
)
def test_a_query_is_followed_page_by_page(web: Web, total: int, limit: int, found: int, requests: int) -> None:
    web.feeds = pages(total)
    query = "cat:cs.CL AND ti:citation"
    papers = list(query_arxiv(query, limit, web.services, patience=QUICK))
    assert len({paper.arxiv_id for paper in papers if isinstance(paper, Paper)}) == found
    assert len(web.asked) == requests
    assert web.asked[0].query["search_query"] == query


def test_a_page_that_comes_empty_is_asked_for_again(web: Web) -> None:
    web.feeds = pages(150)
    empty, first = Reply(feed(total=150)), Reply(pages(150)({"start": "0", "max_results": "100"}))
    web.first = [empty, first, empty]
    assert len(list(query_arxiv("bees", 150, web.services, patience=QUICK))) == 150
    web.feeds = lambda query: feed(total=150)
    with pytest.raises(OnlineError, match="has 150 papers for this query but stopped at 0"):
        list(query_arxiv("bees", 150, web.services, patience=QUICK))


def test_a_query_that_arxiv_does_not_understand_is_told_with_its_reason(web: Web) -> None:
    web.feeds = lambda query: refusal("malformed query near AND")
    with pytest.raises(OnlineError, match=r"does not understand the query 'AND': malformed query near AND\."):
        list(query_arxiv("AND", 5, web.services, patience=QUICK))


# -- into the catalogue -----------------------------------------------------------------------------------------------


def test_what_came_before_a_failure_is_kept_and_the_progress_tells_it(web: Web, tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path)
    wanted = ids(*(f"10.1000/bees.{number}" for number in range(13)), *(f"10.1000/w.{n}" for n in range(3)))
    web.dois |= {each.value: CSL | {"title": f"Bees {each.value}"} for each in wanted[:13]}
    web.failing["/w."] = Reply(status=500)
    heard: list[int] = []
    with pytest.raises(OnlineError):
        add_fetched(
            catalogue,
            fetch(wanted, web.services, patience=QUICK),
            lambda report: heard.append(report.new),
            collection="bees",
        )
    assert catalogue.collections() == {"bees": 13}
    assert heard == [10, 13]
    catalogue.close()
