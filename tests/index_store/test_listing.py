"""The list of papers: what it selects, in which order, and a page at a time."""

from collections.abc import Iterator

import pytest

from index_store import Catalogue, Order, Paper, Selection

PAPERS = [
    Paper("Zebras: a survey", "Stripes.", ("Émile Zola", "Ann Lee"), 2001, "Zoo Letters", source="a.bib"),
    Paper("apes", "", ("Bo Li",), 1999, doi="10.1/apes", source="a.bib"),
    Paper("Bees 100% dance", "They dance.", (), None, arxiv_id="1801.00001", source="b.ris"),
    Paper("Cats_and dogs", "They sleep.", ("Jane Austen",), 2010, source="b.ris"),
]


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def catalogue(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    served = request.param == "postgres"
    opened = Catalogue(
        request.getfixturevalue("postgres").fresh() if served else tmp_path_factory.mktemp("list") / "list.sqlite3"
    )
    opened.put(PAPERS)
    opened.collect("thesis", [paper.id for paper in opened.page()[1:3]])
    yield opened
    opened.close()


def names(catalogue: Catalogue, *arguments: object, **named: object) -> list[str]:
    """The first words of the titles that are listed, in small letters."""
    papers = catalogue.listing(*arguments, **named).papers  # type: ignore[arg-type]
    return [paper.title.lower().replace("_", " ").split()[0].strip(":") for paper in papers]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), ["zebras", "apes", "bees", "cats"]),
        (Selection(text="EMILE surv"), ["zebras"]),
        (Selection(text="lee zoo"), ["zebras"]),
        (Selection(text="10.1/apes"), ["apes"]),
        (Selection(text="100%"), ["bees"]),
        (Selection(text="%"), ["bees"]),
        (Selection(text="s_a"), ["cats"]),
        (Selection(text="bees apes"), []),
        (Selection(from_year=2001), ["zebras", "cats"]),
        (Selection(to_year=2001), ["zebras", "apes"]),
        (Selection(source="b.ris"), ["bees", "cats"]),
        (Selection(collection="thesis"), ["apes", "bees"]),
        (Selection(without_abstract=True), ["apes"]),
        (Selection(collection="thesis", source="b.ris", text="dance"), ["bees"]),
    ],
)
def test_a_paper_is_listed_if_it_meets_every_condition(
    catalogue: Catalogue, selection: Selection, expected: list[str]
) -> None:
    assert names(catalogue, selection) == expected
    assert catalogue.listing(selection, limit=1).total == len(expected)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (Order.ADDED, ["zebras", "apes", "bees", "cats"]),
        (Order.TITLE, ["apes", "bees", "cats", "zebras"]),
        (Order.AUTHOR, ["cats", "apes", "zebras", "bees"]),
        (Order.YEAR, ["apes", "zebras", "cats", "bees"]),
    ],
)
def test_the_order_is_the_one_asked_for_with_the_unknown_last(
    catalogue: Catalogue, order: Order, expected: list[str]
) -> None:
    assert names(catalogue, Selection(), order) == expected
    known = [name for name in expected if not (name == "bees" and order in (Order.AUTHOR, Order.YEAR))]
    unknown = [name for name in expected if name not in known]
    assert names(catalogue, Selection(), order, True) == [*reversed(known), *unknown]


def test_the_pages_of_a_list_follow_each_other(catalogue: Catalogue) -> None:
    pages = [names(catalogue, Selection(), Order.TITLE, limit=3, offset=offset) for offset in (0, 3, 6)]
    assert pages == [["apes", "bees", "cats"], ["zebras"], []]
