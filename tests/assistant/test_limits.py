"""What is searched can be limited, and every kind of answer keeps to it; a reranker orders what was found."""

import json
from pathlib import Path

import pytest

from assistant import Assistant, InvalidQuestion, Mode, Outcome, Settings, limited, limits
from assistant.testing import Reply, ScriptedServer
from index_store import Embedder, Filter, Library, Paper, search

from .conftest import Run

QUESTION = "How is the KV cache compressed?"


@pytest.fixture
def assistant(sample_library: Library) -> Assistant:
    return Assistant(sample_library, Settings(home=sample_library.home))


@pytest.fixture
def some(sample_library: Library) -> tuple[str, ...]:
    """The ids of a few papers, some of which speak of the question."""
    found = search(sample_library, QUESTION, 3).hits
    others = search(sample_library, "reinforcement learning", 3).hits
    return tuple(hit.paper.id for hit in (*found[1:], *others))


# -- in words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("within", "said"),
    [
        (Filter(), ""),
        (Filter(from_year=2010), "papers since 2010"),
        (Filter(to_year=2015), "papers up to 2015"),
        (Filter(2010, 2015, "Klein", "acl.jsonl"), "papers from 2010 to 2015 by “Klein” in acl.jsonl"),
        (Filter(2010, 2010), "papers of 2010"),
        (Filter(papers=("a", "b")), "2 chosen papers"),
        (Filter(papers=("a",)), "one chosen paper"),
    ],
)
def test_limits_are_put_into_words(within: Filter, said: str) -> None:
    assert limited(within) == said


def test_limits_that_nothing_could_meet_are_refused() -> None:
    with pytest.raises(InvalidQuestion, match="swap the two years"):
        limits(2015, 2010)
    with pytest.raises(InvalidQuestion, match="no name"):
        limits(author="?!")


# -- every kind of answer ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [QUESTION, "Compare MiniCache and ZipCache", "Summarise KV cache compression", "What is in this collection?"],
)
async def test_every_kind_of_answer_keeps_to_the_limits(
    assistant: Assistant, some: tuple[str, ...], message: str
) -> None:
    turn = await assistant.answer(message, within=Filter(papers=some))
    assert turn.plan.limits == Filter(papers=some)
    assert {paper.id for paper in turn.papers} <= set(some)
    assert {citation.paper.id for citation in turn.citations} <= set(some)
    assert turn.searched <= len(some)
    assert turn.to_dict()["limits"] == {"papers": some}


async def test_an_answer_without_limits_says_none(assistant: Assistant) -> None:
    turn = await assistant.answer(QUESTION)
    assert turn.to_dict()["limits"] == {}


async def test_limits_that_no_paper_meets_are_said_to_be_the_reason(assistant: Assistant) -> None:
    turn = await assistant.answer(QUESTION, within=Filter(from_year=2010))  # no year of the sample is known
    assert turn.outcome is Outcome.REFUSED
    assert "papers since 2010" in turn.answer
    assert "collection is empty" not in turn.answer


# -- the command line -------------------------------------------------------------------------------------------------


@pytest.fixture
def dated(run: Run, tmp_path: Path, home: Path) -> Path:
    """The sample, and three papers of known years and authors."""
    papers = [
        {"title": f"Parsing {number}", "abstract": f"We parse with method {number}.", "year": year, "authors": [name]}
        for number, (year, name) in enumerate([(2009, "Dan Klein"), (2014, "Joakim Nivre"), (2018, "Dan Jurafsky")])
    ]
    file = tmp_path / "parsing.jsonl"
    file.write_text("\n".join(map(json.dumps, papers)))
    assert run("add", file).code == 0
    return home


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--from-year", 2010, "--to-year", 2015], {"Parsing 1"}),
        (["--author", "klein"], {"Parsing 0"}),
        (["--author", "dan"], {"Parsing 0", "Parsing 2"}),
        (["--source", "parsing.jsonl"], {"Parsing 0", "Parsing 1", "Parsing 2"}),
        (["--author", "Dan Nivre"], set()),
    ],
)
def test_a_search_from_the_shell_is_limited(run: Run, dated: Path, options: list[object], found: set[str]) -> None:
    ran = run("search", "parse", "-k", 50, "--json", *options)
    assert {hit["paper"]["title"] for hit in ran.json} == found


def test_a_question_from_the_shell_is_limited_and_says_so(run: Run, dated: Path) -> None:
    ran = run("ask", "What is parsed?", "--mode", "ask", "--author", "Klein")
    assert ran.out.startswith("Searched only: papers by “Klein”.")
    assert "Parsing 1" not in ran.out


def test_only_the_given_papers_are_searched_and_an_unknown_one_is_an_error(run: Run, dated: Path) -> None:
    ids = [hit["paper"]["id"] for hit in run("search", "parse", "-k", 2, "--json").json]
    ran = run("search", "anything at all", "--json", "--paper", ids[0], "--paper", ids[1])
    assert {hit["paper"]["id"] for hit in ran.json} == set(ids)
    unknown = run("search", "parse", "--paper", "no-such-id")
    assert (unknown.code, "no-such-id" in unknown.err) == (1, True)


def test_a_source_that_nothing_came_from_and_a_year_that_is_none_are_wrong_usage(run: Run, dated: Path) -> None:
    unknown = run("search", "parse", "--source", "nosuch.jsonl")
    assert (unknown.code, "parsing.jsonl" in unknown.err) == (2, True)
    assert run("search", "parse", "--from-year", 10**20).code == 2


async def test_a_map_says_what_is_not_embedded_yet(tmp_path: Path, embedder: Embedder) -> None:
    with Library(tmp_path / "waiting", embedder) as library:
        library.add_records([Paper("On whales", "The whale sings."), Paper("On bees", "The bee hums.")])
        turn = await Assistant(library, Settings(home=library.home)).answer("What is in this collection?")
    assert "2 papers are not embedded yet" in turn.note
    assert "collection is empty" not in turn.answer


# -- reranking --------------------------------------------------------------------------------------------------------


@pytest.fixture
def reranked(sample_library: Library, server: ScriptedServer) -> Assistant:
    settings = Settings(home=sample_library.home, rerank_url=server.base_url, rerank_papers=20)
    return Assistant(sample_library, settings)


def test_a_reranker_decides_the_order(reranked: Assistant, server: ScriptedServer) -> None:
    server.score = lambda question, document: -len(document)
    hits = reranked.search(QUESTION, 5).hits
    lengths = [len(f"{hit.paper.display_title}\n{hit.paper.abstract}") for hit in hits]
    assert lengths == sorted(lengths)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    (asked,) = server.reranks
    assert asked.body["query"] == QUESTION
    assert len(asked.body["documents"]) == 20


async def test_where_the_reranker_fails_the_search_keeps_its_order_and_says_so(
    reranked: Assistant, assistant: Assistant, server: ScriptedServer
) -> None:
    server.enqueue_rerank(*[Reply(status=401)] * 4)
    turn = await reranked.answer(QUESTION, mode=Mode.ASK)
    usual = await assistant.answer(QUESTION, mode=Mode.ASK)
    assert [citation.quote for citation in turn.citations] == [citation.quote for citation in usual.citations]
    assert "RESEARCH_ASSISTANT_RERANK_API_KEY" in turn.note
    assert "own order" in turn.note
