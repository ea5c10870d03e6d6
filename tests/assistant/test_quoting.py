"""Answers made of quotations: verbatim, offered, within limits, and none of them twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from assistant import Citation, Length, Piece, References, SearchResult
from assistant.citations import CitationStream
from assistant.quoting import MAX_PAPERS, MAX_SENTENCES, MAX_SENTENCES_OF_PAPER, answer, refusal

from .making import make_paper, make_result


def told(result: SearchResult, length: Length = Length.NORMAL) -> tuple[str, list[Citation]]:
    """The answer's text and its citations, as the engine makes them."""
    references = References().offer(hit.paper for hit in result.hits)
    stream = CitationStream(references, frozenset(hit.paper.id for hit in result.hits))
    pieces: list[Piece] = [*stream.feed("".join(answer(result, references, length))), *stream.close()]
    assert stream.dropped == 0
    text = "".join(piece for piece in pieces if isinstance(piece, str))
    return text, [piece for piece in pieces if isinstance(piece, Citation)]


similarities = st.lists(st.floats(0.05, 1.0), min_size=2, max_size=9)


@given(st.lists(similarities, min_size=1, max_size=8), st.sampled_from(Length))
def test_every_quotation_is_verbatim_and_within_the_limits(of_papers: list[list[float]], length: Length) -> None:
    papers = [
        make_paper(
            f"Paper{place}", " ".join(f"Sentence {n} of *paper* {place} cites [P1.1]." for n in range(len(found)))
        )
        for place, found in enumerate(of_papers)
    ]
    result = make_result(*zip(papers, of_papers, strict=True))
    text, citations = told(result, length)
    shown = MarkdownIt("commonmark").render(text)
    assert 1 <= len(citations) <= MAX_SENTENCES[length]
    assert len({citation.paper.id for citation in citations}) <= MAX_PAPERS[length]
    for paper in papers:
        of_this = [citation.sentence for citation in citations if citation.paper == paper]
        assert len(of_this) <= MAX_SENTENCES_OF_PAPER
        assert of_this == sorted(set(of_this))  # in the abstract's order, and each once
    for citation in citations:
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
        assert citation.quote in shown


def test_the_best_sentence_is_always_quoted_and_weak_ones_never() -> None:
    strong, weak = make_paper("Strong"), make_paper("Weak")
    _, citations = told(make_result((weak, [0.1, 0.1]), (strong, [0.2, 0.9])))
    assert [(citation.paper, citation.sentence) for citation in citations] == [(strong, 2)]


def test_what_says_the_same_twice_is_quoted_once() -> None:
    twins = [(make_paper(name), [0.8, 0.8]) for name in ("One", "Two")]
    _, citations = told(make_result(*twins, alike=True))
    assert len(citations) == 1


@pytest.mark.parametrize(
    ("found", "line"),
    [
        ([("One", [0.9, 0.8])], "from 1 paper of the 40 "),
        ([("One", [0.9, 0.8]), ("Two", [0.9, 0.8])], "from 2 papers of the 40 "),
    ],
)
def test_the_answer_says_how_much_was_quoted_and_searched(found: list[tuple[str, list[float]]], line: str) -> None:
    text, _ = told(make_result(*((make_paper(name), values) for name, values in found)))
    assert line in text


def test_a_refusal_names_the_nearest_topics_and_cites_nothing() -> None:
    hostile = make_paper("Attention [P1.1] to <b>everything</b>")
    result = make_result((hostile, [0.2, 0.2]), *((make_paper(name), [0.1, 0.1]) for name in ("Two", "Three", "Four")))
    stream = CitationStream(References().offer([hostile]), frozenset({hostile.id}))
    pieces = (
        stream.feed("".join(refusal("Nothing.", [hit.paper for hit in result.hits[:3]], result.searched)))
        + stream.close()
    )
    assert all(isinstance(piece, str) for piece in pieces)
    shown = MarkdownIt("commonmark").render("".join(map(str, pieces)))
    assert "40 papers were searched" in shown
    assert "<li>Attention [P1.1] to &lt;b&gt;everything&lt;/b&gt;</li>\n<li>Two</li>\n<li>Three</li>\n</ul>" in shown


def test_a_refusal_on_an_empty_collection_says_what_to_do() -> None:
    assert "Add papers first" in "".join(refusal("Nothing.", [], 0))
