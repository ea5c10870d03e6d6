"""Papers of one's own in an answer: those without an abstract, and those of a named collection."""

from collections.abc import Iterator

import pytest

from assistant import Assistant, Mode, Outcome, Settings, limits, stored
from index_store import Embedder, Library, Paper, Selection

SPONGES = Paper(
    "Sponges filter bacteria from sea water",
    "Sponges filter bacteria from sea water. We measured the rate of filtration in 20 animals. "
    "The rate falls with temperature.",
    year=2021,
)
TELOMERES = Paper("Telomere length in deep sea sponges", "", ("Ann Lee",), 2020)
GLACIERS = Paper("A review of glacier retreat", "")


@pytest.fixture(scope="module")
def assistant(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    home = tmp_path_factory.mktemp("own") / "home"
    with Library(home, embedder) as library:
        library.add_records([SPONGES, TELOMERES, GLACIERS])
        library.index()
        (sponges,) = library.catalogue.selected_ids(Selection(text="filter bacteria"))
        library.catalogue.collect("thesis", [sponges])
        library.catalogue.collect("group", library.catalogue.selected_ids(Selection(without_abstract=True)))
        yield Assistant(library, Settings(home=home))


def test_a_paper_without_an_abstract_is_found_by_its_title(assistant: Assistant) -> None:
    hit = assistant.search("retreat of glaciers", 3).hits[0]
    assert (hit.paper.title, hit.sentences) == (GLACIERS.title, ())


async def test_a_title_alone_is_no_reason_to_quote_another_paper(assistant: Assistant) -> None:
    turn = await assistant.answer("Why do glaciers retreat?")
    assert turn.outcome is Outcome.REFUSED
    assert turn.citations == ()
    assert "no abstract here: A review of glacier retreat" in turn.note


async def test_an_answer_tells_which_titles_speak_of_the_question_too(assistant: Assistant) -> None:
    turn = await assistant.answer("How do deep sea sponges filter bacteria, and how long are their telomeres?")
    assert {citation.paper.title for citation in turn.citations} == {SPONGES.title}
    assert TELOMERES.title in turn.note


@pytest.mark.parametrize("mode", [Mode.ASK, Mode.COMPARE, Mode.SUMMARISE])
async def test_every_kind_of_answer_keeps_to_a_collection(assistant: Assistant, mode: Mode) -> None:
    question = "sponges and bacteria" if mode is Mode.COMPARE else "How do sponges filter bacteria?"
    inside = await assistant.answer(question, mode=mode, within=limits(collection="thesis"))
    assert {citation.paper.title for citation in inside.citations} == {SPONGES.title}
    assert inside.searched == 1
    outside = await assistant.answer(question, mode=mode, within=limits(collection="group"))
    assert outside.citations == ()


async def test_a_collection_that_nobody_made_holds_nothing(assistant: Assistant) -> None:
    turn = await assistant.answer("How do sponges filter bacteria?", within=limits(collection="nobody's"))
    assert (turn.outcome, turn.searched) == (Outcome.REFUSED, 0)
    assert "of the collection “nobody's”" in stored(turn.pieces)
