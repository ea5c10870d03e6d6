"""The feed in which arXiv's API answers."""

from pathlib import Path

from .formats import fixture, found_in, written


def test_a_feed() -> None:
    found = fixture("xml/arxiv.xml")
    new, old = found.papers
    assert new.title == r"Quiet Gradients: Training at $O(\log n)$ Memory"
    assert new.abstract == r"Memory is what training lacks. We keep $O(\log n)$ states & recompute the rest."
    assert new.authors == ("Ravi Iyer", "Zoë")
    assert (new.year, new.arxiv_id, new.doi) == (2022, "2211.01234", "10.5555/quiet.2023")
    assert (new.venue, new.url) == ("J. Quiet Learning 4 (2023) 1-12", "http://arxiv.org/abs/2211.01234v3")
    assert (old.arxiv_id, old.year, old.venue) == ("hep-th/9901001", 1999, "")


def test_an_error_that_arxiv_answers_is_told_and_is_no_paper() -> None:
    assert fixture("xml/arxiv.xml").complaints == [(40, "arXiv answered: incorrect id format for x")]


def test_what_comes_before_the_break_is_kept(tmp_path: Path) -> None:
    whole = (Path(__file__).parent / "fixtures" / "xml" / "arxiv.xml").read_text()
    found = found_in(written(tmp_path, "cut.atom", whole[: whole.index("Numbers are old")]))
    assert [paper.arxiv_id for paper in found.papers] == ["2211.01234"]
    assert found.complaints == [(37, "the file is cut short here")]
