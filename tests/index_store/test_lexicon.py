from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_store import LibraryUnreadable, Paper, content_terms, terms
from index_store.lexicon import Lexicon

PAPERS = [
    Paper("Attention networks", "Transformers translate sentences with attention.", id="attention"),
    Paper("Optimal bidding", "Advertisers bid for impressions; bidding is learned.", id="bidding"),
    Paper("Hydrogen spectra", "Schrödinger's molecule is measured precisely at 3.5 kelvin.", id="hydrogen"),
]


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    made = Lexicon(tmp_path / "words")
    made.put(PAPERS)
    return made


def found(lexicon: Lexicon, question: str, limit: int = 10) -> list[str]:
    return [paper_id for paper_id, _ in lexicon.search(question, limit)]


@pytest.mark.parametrize(
    ("question", "paper_id"),
    [
        ("attention", "attention"),
        ("TRANSFORMER", "attention"),
        ("a translated sentence", "attention"),
        ("schrodinger", "hydrogen"),
        ("How do advertisers bid?", "bidding"),
        ("3.5", "hydrogen"),
    ],
)
def test_words_are_found_in_any_case_and_form(lexicon: Lexicon, question: str, paper_id: str) -> None:
    assert found(lexicon, question) == [paper_id]


def test_the_paper_with_more_of_the_question_comes_first(lexicon: Lexicon) -> None:
    hits = lexicon.search("bidding for impressions, or attention?", 10)
    assert [paper_id for paper_id, _ in hits] == ["bidding", "attention"]
    assert hits[0][1] > hits[1][1] > 0


def test_papers_without_a_common_word_are_absent(lexicon: Lexicon) -> None:
    assert found(lexicon, "photosynthesis") == []
    assert found(lexicon, "attention photosynthesis") == ["attention"]


def test_asking_words_do_not_find_papers(lexicon: Lexicon) -> None:
    lexicon.put([Paper("A study of methods", "We explain the approach and its use.", id="asking")])
    assert found(lexicon, "Which papers explain the method of attention?") == ["attention"]


def test_a_question_of_asking_words_only_is_searched_as_it_is(lexicon: Lexicon) -> None:
    lexicon.put([Paper("Tell me more", "", id="more")])
    assert found(lexicon, "tell me more") == ["more"]


@pytest.mark.parametrize("question", ["", "   ", "the of and", "?!", "((("])
def test_a_question_without_a_word_finds_nothing(lexicon: Lexicon, question: str) -> None:
    assert lexicon.search(question, 10) == []


@pytest.mark.parametrize(
    "question",
    [
        '"attention',
        "attention AND (",
        "id:attention",
        "-attention",
        "attention~2^9",
        "text:[a TO b]",
        "*ttention*",
        "\\",
    ],
)
def test_query_syntax_is_plain_text(lexicon: Lexicon, question: str) -> None:
    assert set(found(lexicon, question)) <= {"attention"}


@given(st.text(max_size=80))
def test_any_question_can_be_asked(lexicon: Lexicon, question: str) -> None:
    assert len(lexicon.search(question, 2)) <= 2


@given(st.text(max_size=80))
def test_the_naming_words_are_distinct_words_of_the_question(question: str) -> None:
    named = content_terms(question)
    assert len(set(named)) == len(named)
    assert set(named) <= set(terms(question))


def test_terms_are_stems_without_stop_words_in_order() -> None:
    assert terms("The Networks of naïve Learning, learned") == ["network", "naiv", "learn", "learn"]
    assert content_terms("What do the papers say about learning and learned networks?") == ["learn", "network"]


def test_document_frequencies_count_papers(lexicon: Lexicon) -> None:
    lexicon.put([Paper("More attention", "Attention, attention.", id="more")])
    assert lexicon.document_frequencies(["attent", "hydrogen", "absent"]) == {"attent": 2, "hydrogen": 1, "absent": 0}


def test_a_replaced_text_is_found_no_longer(lexicon: Lexicon) -> None:
    lexicon.put([Paper("Attention networks", "Recurrence is back.", id="attention")])
    assert found(lexicon, "transformers") == []
    assert found(lexicon, "recurrence") == ["attention"]
    assert lexicon.count == 3


def test_a_removed_paper_is_found_no_longer_and_an_unknown_one_is_ignored(lexicon: Lexicon) -> None:
    lexicon.put([], removed=["attention", "nobody"])
    assert found(lexicon, "attention") == []
    assert lexicon.ids() == {"bidding", "hydrogen"}


def test_an_id_is_matched_whole(lexicon: Lexicon) -> None:
    lexicon.put([Paper("One", "", id="a"), Paper("Two", "", id="a-2"), Paper("Three", "", id="A")])
    lexicon.put([], removed=["a"])
    assert lexicon.ids() >= {"a-2", "A"}
    assert "a" not in lexicon.ids()


def test_what_was_put_is_there_after_a_reopen(tmp_path: Path, lexicon: Lexicon) -> None:
    assert found(Lexicon(tmp_path / "words"), "attention") == ["attention"]


def test_an_empty_index_finds_nothing(tmp_path: Path) -> None:
    empty = Lexicon(tmp_path / "empty")
    assert (empty.search("attention", 5), empty.ids(), empty.count) == ([], set(), 0)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:2])


# Without meta.json the folder is an empty index, which the library fills again.
@pytest.mark.parametrize(
    ("files", "damage"),
    [("meta.json", cut_short)]
    + [(files, damage) for files in ("*.term", "*.store") for damage in (cut_short, Path.unlink)],
)
def test_a_damaged_index_is_refused_with_the_way_out(
    tmp_path: Path, lexicon: Lexicon, files: str, damage: Callable[[Path], None]
) -> None:
    for path in (tmp_path / "words").glob(files):
        damage(path)
    with pytest.raises(LibraryUnreadable, match="research-assistant rebuild"):
        Lexicon(tmp_path / "words")


def test_a_deleted_index_starts_empty(tmp_path: Path, lexicon: Lexicon) -> None:
    Lexicon.delete(tmp_path / "words")
    assert Lexicon(tmp_path / "words").count == 0
