import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index_store import Passage, Sentence, passages, sentences
from index_store.passages import PASSAGE_TOKENS

# Random characters of every script, and random prose out of what abstracts are made of.
PIECES = [
    "We train a model.",
    "See e.g. The survey",
    "et al. (2020)",
    "p = 0.05",
    "Why?",
    "漢字と仮名。",
    "🎉🎉",
    "naïve",
]
PROSE = st.lists(st.sampled_from([*PIECES, "It works! ", "\n\n\n", "\u2028", "x" * 900, "word " * 300]), max_size=25)
TEXT = st.text(max_size=300) | PROSE.map(" ".join)


def texts(abstract: str) -> list[str]:
    return [sentence.text for sentence in sentences(abstract)]


def assert_slices_that_cover(abstract: str, parts: tuple[Sentence, ...] | tuple[Passage, ...]) -> None:
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    end = 0
    for part in parts:
        assert part.text == abstract[part.start : part.end]
        assert not abstract[end : part.start].strip(), "only white space lies between two parts"
        end = part.end
    assert not abstract[end:].strip()


@given(TEXT)
def test_sentences_are_slices_that_cover_the_abstract(abstract: str) -> None:
    assert_slices_that_cover(abstract, sentences(abstract))
    assert all(sentence.text.strip() for sentence in sentences(abstract))


@given(TEXT)
def test_passages_are_slices_that_cover_the_abstract(abstract: str) -> None:
    assert_slices_that_cover(abstract, passages(abstract))


@given(
    st.lists(st.sampled_from(["A short one.", "A sentence of nine words stands here, no more.", "Is it?"]), max_size=90)
)
def test_passages_are_whole_sentences(chosen: list[str]) -> None:
    abstract = " ".join(chosen)
    starts = {sentence.start for sentence in sentences(abstract)}
    ends = {sentence.end for sentence in sentences(abstract)}
    for passage in passages(abstract):
        assert passage.start in starts | {0}
        assert passage.end in ends | {0}


@pytest.mark.parametrize(
    "one_sentence",
    [
        "Many tasks gain, e.g. The Pile improves.",
        "As shown in Fig. 3 the loss falls.",
        "Figs. 3 and 4 and Eq. 5 say so.",
        "This extends Vaswani et al. (2020) to images.",
        "This extends Vaswani et al. 2020 to images.",
        "Accuracy rises from 71.3 to 84.25 points.",
        "We compare BERT vs. The Rest.",
        "It is large, i.e. The largest of its kind.",
        "The gradient w.r.t. The input vanishes.",
        "See Sec. 2, cf. Tab. 1, for approx. 30 cases.",
        "What, where?",
    ],
)
def test_abbreviations_and_decimals_do_not_end_a_sentence(one_sentence: str) -> None:
    assert texts(f"{one_sentence} A new sentence follows.") == [one_sentence, "A new sentence follows."]


def test_questions_and_exclamations_end_a_sentence() -> None:
    assert texts("Does it scale? It does! We show how.") == ["Does it scale?", "It does!", "We show how."]


@pytest.mark.parametrize("nothing", ["", "   ", "\n"])
def test_an_empty_abstract_has_no_sentence(nothing: str) -> None:
    assert sentences(nothing) == ()


def test_a_usual_abstract_is_one_passage() -> None:
    abstract = "We study how models learn from few examples. " * 12
    assert len(passages(abstract.strip())) == 1


def test_a_long_abstract_is_cut_into_passages_within_the_bound() -> None:
    from llama_index.core.utils import get_tokenizer

    abstract = " ".join(f"Sentence number {number} speaks of another result." for number in range(120))
    cut = passages(abstract)
    assert len(cut) > 3
    assert max(len(get_tokenizer()(passage.text)) for passage in cut) <= PASSAGE_TOKENS


def test_a_sentence_beyond_the_bound_is_cut_inside() -> None:
    assert len(passages("word " * 1000)) > 1


# -- loading ----------------------------------------------------------------------------------------------------------

_AT_ONCE = """
import threading
from index_store import sentences

problems, begin = [], threading.Barrier(3)
threading.excepthook = lambda given: problems.append(given.exc_value)

def cut():
    begin.wait()
    sentences("One is. Two are.")

def cluster():
    begin.wait()
    import sklearn.cluster, scipy.stats

threads = [threading.Thread(target=work) for work in (cut, cut, cluster)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not problems, problems
"""


def test_what_is_not_loaded_for_sentences_can_be_loaded_by_another_thread_meanwhile() -> None:
    ran = subprocess.run([sys.executable, "-c", _AT_ONCE], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
