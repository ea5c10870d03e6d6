"""A copied catalogue says what its source says, whatever the papers are made of, and a second copy changes nothing."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from random import Random

import pytest

from index_store import Catalogue, CopiedPapers, Paper, Selection, copy_papers, open_catalogue

WHALE = Paper("Whales sing", "The whale sings.", arxiv_id="2001.00001", source="arxiv.jsonl", collections=("thesis",))
RENAMED = Paper("Song of the whale", "The whale sings long.", doi="10.1/w", arxiv_id="2001.00001", source="my.bib")
PUBLISHED = Paper("Song of the whale", "The whale sings long.", doi="10.1/w", source="my.bib")


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Catalogue, Catalogue]]:
    """A catalogue to copy from, and one to copy into."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(closing(open_catalogue(tmp_path / name))) for name in ("from", "into"))  # type: ignore[misc]


def whole(catalogue: Catalogue) -> list[Paper]:
    return [*catalogue.each(Selection())]


def test_a_paper_whose_records_have_nothing_in_common_any_more_stays_one(two: tuple[Catalogue, Catalogue]) -> None:
    source, target = two
    for record in (WHALE, RENAMED, PUBLISHED):  # the last takes back what joined the first two
        source.put([record])
    assert len(whole(source)) == 1
    assert copy_papers(source, target) == CopiedPapers(new=1)
    assert whole(target) == whole(source)
    assert copy_papers(source, target) == CopiedPapers(same=1)
    assert whole(target) == whole(source)


def test_what_was_corrected_or_removed_in_the_target_stays_so(two: tuple[Catalogue, Catalogue]) -> None:
    source, target = two
    source.put([WHALE, Paper("On bees", "The bee hums.", source="my.bib")])
    copy_papers(source, target)
    target.put([Paper("Whales sing", "The whale does not sing.", arxiv_id="2001.00001", source="arxiv.jsonl")])
    target.remove([paper.id for paper in whole(target) if paper.title == "On bees"])
    assert copy_papers(source, target) == CopiedPapers(same=2)
    assert [paper.abstract for paper in whole(target)] == ["The whale does not sing."]


@pytest.mark.parametrize("seed", range(60))
def test_a_copy_is_like_its_source(two: tuple[Catalogue, Catalogue], seed: int) -> None:
    source, target = two
    random = Random(seed)
    for _ in range(random.randint(2, 7)):
        source.put([any_paper(random)])
    copy_papers(source, target)
    assert by_id(target) == by_id(source)
    assert copy_papers(source, target) == CopiedPapers(same=len(whole(source)))
    assert by_id(target) == by_id(source)


def any_paper(random: Random) -> Paper:
    """One of few titles and identifiers, so that it is often the same as another in one of them."""
    return Paper(
        random.choice(["On bees", "On whales"]),
        random.choice(["The bee hums.", "The bee hums a lot. It dances.", ""]),
        random.choice([(), ("Ann Lee",), ("Bo Li",)]),
        random.choice([None, 2010, 2011, 2020]),
        random.choice(["", "arXiv", "Sea"]),
        random.choice(["", "", "10.1/a", "10.1/b"]),
        random.choice(["", "", "2001.00001", "2001.00002"]),
        source=random.choice(["a.bib", "b.bib", "c.bib"]),
        collections=random.choice([(), ("x",), ("y",)]),
    )


def by_id(catalogue: Catalogue) -> list[Paper]:
    return sorted(whole(catalogue), key=lambda paper: paper.id)
