import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_store import Paper, plain_text
from index_store.papers import identity, normalise, title_key

ATTENTION = Paper("Attention Is All You Need", "The dominant models are recurrent.", year=2017)

# No surrogates, which no reader lets through and UTF-8 cannot hold.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
PAPERS = st.builds(
    Paper,
    title=TEXT,
    abstract=TEXT,
    authors=st.lists(TEXT, max_size=3).map(tuple),
    year=st.none() | st.integers(1000, 2999),
    venue=TEXT,
    doi=TEXT,
    arxiv_id=TEXT,
    url=TEXT,
    source=TEXT,
)


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"$\mathcal{B}$-Coder: Value-Based Learning", "ℬ-Coder: Value-Based Learning"),
        ("Bound states in H$_2$", "Bound states in H₂"),
        ("Up to $10^{12}$ tokens", "Up to 10¹² tokens"),
        (r"$\pi_0$ and $O(n^2)$", "π₀ and O(n²)"),
        (r"Schr\"odinger's \emph{cat}", "Schrödinger's cat"),
        (r"5% of $\alpha$ at AT&T, #1", "5% of α at AT&T, #1"),
    ],
)
def test_latex_in_a_title_is_shown_as_plain_characters(latex: str, plain: str) -> None:
    assert plain_text(latex) == plain
    assert Paper(latex, "").display_title == plain


@pytest.mark.parametrize(
    "text", ["", "snake_case and a^b", "100% of R&D, #1", "It costs $5", "From $5 to $10 a month", "$$", "{braces}"]
)
def test_text_without_latex_is_unchanged(text: str) -> None:
    assert plain_text(text) == text


@given(st.text("\\${}_^%&#~ab1[] ", max_size=25))
def test_broken_latex_never_raises(text: str) -> None:
    assert isinstance(plain_text(text), str)


@pytest.mark.parametrize(
    "spelling",
    [
        "attention is all you need",
        "Attention  Is All You Need.",
        "Attention is All-You-Need!",
        "“Attention” Is All You Need",
        "Attention Is All You Need",
    ],
)
def test_spellings_of_a_title_share_a_key(spelling: str) -> None:
    assert title_key(spelling) == "attentionisallyouneed"


def test_a_title_in_latex_and_in_unicode_share_a_key() -> None:
    assert title_key("States of H$_2$") == title_key("States of H₂") == title_key("States of H2")


def test_titles_in_other_scripts_keep_their_letters() -> None:
    assert title_key("Обучение с подкреплением") != title_key("Обучение без учителя")
    assert title_key("強化学習") == "強化学習"


def test_normalising_tidies_white_space() -> None:
    untidy = Paper(" A\n title ", "One.\n\n Two.\t", authors=(" Ada  Lovelace ", "  "), venue=" A  journal ", url=" u ")
    tidy = normalise(untidy)
    assert (tidy.title, tidy.abstract, tidy.venue, tidy.url) == ("A title", "One. Two.", "A journal", "u")
    assert tidy.authors == ("Ada Lovelace",)


@pytest.mark.parametrize(
    "doi", ["10.1000/ABC", " https://doi.org/10.1000/abc", "http://dx.doi.org/10.1000/abc", "DOI: 10.1000/abc"]
)
def test_normalising_bares_a_doi(doi: str) -> None:
    assert normalise(replace(ATTENTION, doi=doi)).doi == "10.1000/abc"


@pytest.mark.parametrize(
    "arxiv_id",
    [
        "1706.03762",
        "1706.03762v7",
        "arXiv:1706.03762v1",
        "https://arxiv.org/abs/1706.03762",
        "https://arxiv.org/pdf/1706.03762v2.pdf",
    ],
)
def test_normalising_bares_an_arxiv_id(arxiv_id: str) -> None:
    assert normalise(replace(ATTENTION, arxiv_id=arxiv_id)).arxiv_id == "1706.03762"


@given(PAPERS)
def test_what_is_normal_stays_as_it_is_and_has_an_id(paper: Paper) -> None:
    once = normalise(paper)
    assert normalise(once).id == once.id
    assert normalise(once).content_hash == once.content_hash
    assert len(once.id) == 12


def test_the_strongest_identifier_decides_who_a_paper_is() -> None:
    by_doi = replace(ATTENTION, doi="10.1/x")
    assert identity(by_doi) == identity(Paper("Another title", "", doi="10.1/x", arxiv_id="1"))
    by_arxiv = replace(ATTENTION, arxiv_id="1706.03762")
    assert identity(by_arxiv) == identity(Paper("Another title", "", arxiv_id="1706.03762", year=2020))
    assert identity(ATTENTION) == identity(replace(ATTENTION, title="ATTENTION is all you need!", abstract="x"))
    distinct = {identity(paper) for paper in (by_doi, by_arxiv, ATTENTION, replace(ATTENTION, year=2018))}
    assert len(distinct) == 4


def test_an_identity_is_the_same_in_every_release() -> None:
    # Conversations and exports hold these ids; a change here would cut their citations loose.
    assert identity(ATTENTION) == "2a1f491575b5"


@pytest.mark.parametrize(
    ("known", "link"),
    [
        ({"doi": "10.1/x", "arxiv_id": "1", "url": "https://a"}, "https://doi.org/10.1/x"),
        ({"arxiv_id": "1706.03762", "url": "https://a"}, "https://arxiv.org/abs/1706.03762"),
        ({"url": "https://a"}, "https://a"),
        ({}, ""),
    ],
)
def test_the_link_is_the_most_lasting_one_known(known: dict[str, str], link: str) -> None:
    assert replace(ATTENTION, **known).link == link


def test_the_content_hash_follows_what_is_indexed_and_nothing_else() -> None:
    assert replace(ATTENTION, venue="NeurIPS", doi="10.1/x").content_hash == ATTENTION.content_hash
    assert replace(ATTENTION, abstract="Other.").content_hash != ATTENTION.content_hash
    assert Paper("ab", "c").content_hash != Paper("a", "bc").content_hash


@given(PAPERS)
def test_a_paper_survives_a_round_trip_through_json(paper: Paper) -> None:
    assert Paper.from_dict(json.loads(json.dumps(paper.to_dict()))) == paper


def test_a_dictionary_leaves_out_what_is_not_known() -> None:
    fields = normalise(Paper("T", "A.", authors=("Ada",))).to_dict()
    assert list(fields) == ["id", "title", "abstract", "authors"]
