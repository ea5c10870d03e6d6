"""Claim by claim: where citations come out, which claims are marked, and that how the stream is cut changes nothing."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Citation, Piece, References, Uncited, sentences
from assistant.citations import Target, TargetStream, tally
from assistant.claims import ClaimChecker
from assistant.support import Label, Verdict, plain_claim
from assistant.writer import AnswerCheck

from .making import make_paper

ALPHA = make_paper(
    "Alpha", "Alpha runs on a small phone. Alpha needs seven watts of power. Alpha was trained in Bergen."
)
BETA = make_paper("Beta", "Beta runs on a large cluster. Beta was never published anywhere.")
PAPERS = (ALPHA, BETA)
REFERENCES = References().offer(PAPERS)
WORD = re.compile(r"\w+")


@dataclass
class WordCount:
    """Stands in for the support check: the share of a claim's words that the evidence holds."""

    asked: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    calls: int = 0

    def check(self, claim: str, evidence: Sequence[str], context: str = "") -> Verdict:
        self.asked.append((claim, tuple(evidence)))
        share = self.rank(claim, [" ".join(evidence)])[0]
        label = Label.SUPPORTED if share >= 0.8 else Label.PARTLY if share >= 0.5 else Label.NOT_FOUND
        return Verdict(label, share)

    def rank(self, claim: str, sentences: Sequence[str]) -> list[float]:
        self.calls += 1
        wanted = set(WORD.findall(claim.lower()))
        return [len(wanted & set(WORD.findall(text.lower()))) / max(1, len(wanted)) for text in sentences]

    def select(self, claim: str, abstract: Sequence[str]) -> tuple[int, ...]:
        ranked = self.rank(claim, abstract)
        return (ranked.index(max(ranked)),)


def fed(answer: AnswerCheck, piece: str | Target, counted: WordCount) -> list[Piece]:
    """What is let out after a piece; no claim may be checked for one of which it was said that none would be."""
    light, calls = not answer.may_check(piece), counted.calls
    found = answer.feed(piece)
    assert not (light and counted.calls > calls), f"{piece!r} was to check nothing"
    return found


def run(chunks: Iterable[str], checker: WordCount | None = None) -> list[Piece]:
    """An answer's pieces, from markers to the labelled citations, with neighbouring texts joined."""
    targets = TargetStream(REFERENCES, frozenset(paper.id for paper in PAPERS))
    known = {REFERENCES.key(paper.id): (paper, sentences(paper.abstract)) for paper in PAPERS}
    counted = checker or WordCount()
    claims = ClaimChecker(REFERENCES, known, counted)  # type: ignore[arg-type]
    found = [piece for chunk in chunks for target in targets.feed(chunk) for piece in fed(claims, target, counted)]
    found += [piece for target in targets.close() for piece in fed(claims, target, counted)] + claims.close()
    joined: list[Piece] = []
    for piece in found:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def shown(pieces: Iterable[Piece]) -> str:
    """The pieces as text: `[P1.2 supported]` for a citation, `[?]` for a claim without a source."""
    return "".join(
        piece
        if isinstance(piece, str)
        else f"[{piece.key}.{piece.sentence} {piece.support}]"
        if isinstance(piece, Citation)
        else "[?]"
        for piece in pieces
    )


def texts(pieces: Iterable[Piece]) -> str:
    return "".join(piece for piece in pieces if isinstance(piece, str))


def cut(text: str, places: Iterable[int]) -> list[str]:
    edges = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


def test_most_words_of_an_answer_are_let_out_without_a_check() -> None:
    claims = ClaimChecker(REFERENCES, {}, WordCount())  # type: ignore[arg-type]
    words = re.findall(
        r"\S+|\s+", "Alpha runs on a small phone, which needs seven watts of power. Beta runs on a cluster."
    )
    checked = [word for word in words if (claims.may_check(word), claims.feed(word))[0]]
    assert checked == [" ", "Beta"]  # what comes after the end of a sentence


# -- citations --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Alpha runs on a small phone [P1.1].", "Alpha runs on a small phone [P1.1 supported]."),
        ("Alpha runs on a small phone[P1.1].", "Alpha runs on a small phone [P1.1 supported]."),
        ("Alpha runs on a small phone. [P1.1]", "Alpha runs on a small phone. [P1.1 supported]"),
        ("Alpha runs on a small phone.[P1.1]", "Alpha runs on a small phone. [P1.1 supported]"),
        ("Alpha runs on a phone of glass [P1.1].", "Alpha runs on a phone of glass [P1.1 partly]."),
        ("Nothing like that was heard [P1.1].", "Nothing like that was heard [P1.1 not found]."),
    ],
)
def test_a_citation_comes_out_at_its_marker_with_the_label_of_its_claim(written: str, expected: str) -> None:
    assert shown(run([written])) == expected


def test_markers_around_the_full_stop_belong_to_the_sentence_before() -> None:
    checker = WordCount()
    run(["Alpha runs on a small phone. [P1.1] Beta runs on a large cluster [P2.1]. Done."], checker)
    assert checker.asked == [
        ("Alpha runs on a small phone.", ("Alpha runs on a small phone.",)),
        ("Beta runs on a large cluster", ("Beta runs on a large cluster.",)),
    ]


@pytest.mark.parametrize("markers", ["[P1.1][P1.2]", "[P1.1, P1.2]", "[P1.1-2]", "[P1.1] [P1.2]", "[P1.1], [P1.2]"])
def test_markers_side_by_side_are_one_claim_that_is_checked_once(markers: str) -> None:
    checker = WordCount()
    pieces = run([f"Alpha runs on a phone with seven watts {markers}."], checker)
    assert [(p.sentence, p.support, p.claim) for p in pieces if isinstance(p, Citation)] == [
        (1, "supported", 1),
        (2, "supported", 1),
    ]
    assert len(checker.asked) == 1
    assert tally(pieces) == {"supported": 1, "partly": 0, "not found": 0}


def test_a_sentence_with_two_claims_is_two_claims() -> None:
    checker = WordCount()
    pieces = run(["Alpha runs on a small phone [P1.1], and Beta runs on a large cluster [P2.1]."], checker)
    assert [claim for claim, _ in checker.asked] == [
        "Alpha runs on a small phone",
        ", and Beta runs on a large cluster",
    ]
    assert [piece.claim for piece in pieces if isinstance(piece, Citation)] == [1, 2]


def test_the_same_sentence_cited_twice_for_a_claim_is_cited_once() -> None:
    assert shown(run(["Alpha needs seven watts [P1.2][P1.2]."])) == "Alpha needs seven watts [P1.2 supported]."


def test_a_paper_cited_as_a_whole_becomes_its_sentence_that_supports_the_claim_best() -> None:
    assert shown(run(["Alpha was trained in Bergen [P1]."])) == "Alpha was trained in Bergen [P1.3 supported]."


def test_papers_are_numbered_by_first_citation() -> None:
    pieces = run(["Beta runs on a large cluster [P2.1]. Alpha runs on a small phone [P1.1]. Beta was never [P2.2]."])
    assert [(p.key, p.number) for p in pieces if isinstance(p, Citation)] == [("P2", 1), ("P1", 2), ("P2", 1)]


def test_a_claim_whose_sentence_does_not_hold_it_gets_another_that_does() -> None:
    assert shown(run(["Beta was never published anywhere [P1.1]."])) == (
        "Beta was never published anywhere [P2.2 supported]."
    )


def test_a_claim_that_no_sentence_holds_keeps_its_citation_and_is_labelled() -> None:
    pieces = run(["Gamma was sold to a bank [P1.3]."])
    assert shown(pieces) == "Gamma was sold to a bank [P1.3 not found]."
    assert tally(pieces)["not found"] == 1


# -- claims without a source ------------------------------------------------------------------------------------------


def test_a_claim_without_a_marker_gets_the_source_that_supports_it() -> None:
    assert shown(run(["Alpha needs seven watts of power. Good."])) == (
        "Alpha needs seven watts of power. [P1.2 supported] Good."
    )


@pytest.mark.parametrize("ending", ["", " Next.", "\n\nNext.", "\n- Next."])
def test_a_claim_without_a_marker_that_nothing_supports_is_marked(ending: str) -> None:
    pieces = run([f"The moon is made of cheese.{ending}"])
    assert shown(pieces) == f"The moon is made of cheese.[?]{ending}"
    assert [piece for piece in pieces if isinstance(piece, Uncited)] == [Uncited(1)]
    assert tally(pieces) == {"supported": 0, "partly": 0, "not found": 1}


def test_claims_are_counted_over_the_whole_answer() -> None:
    pieces = run(["The moon is made of cheese. Alpha runs on a small phone [P1.1]. Mars is made of sugar."])
    assert [piece.claim for piece in pieces if not isinstance(piece, str)] == [1, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "Alpha and Beta differ in three ways:",
        "Is that what you wanted to know?",
        "The collection does not say how much it costs.",
        "None of the papers tells what became of it.",
        "Nothing in these abstracts speaks of its price.",
        "In short: yes.",
        "Yes, it does.",
        "```\nprint one two three four\n```\n",
        "$$\nx + y = z + w + v\n$$\n",
        "",
        "\n\n",
    ],
)
def test_what_claims_nothing_of_a_paper_is_not_marked(text: str) -> None:
    assert shown(run([text])) == text


@pytest.mark.parametrize(
    "claim",
    [
        "Cheese is found e.g. On the moon and mars [P1.1].",
        "As Smith et al. Found the moon is cheese [P1.1].",
        "In Fig. 3 the moon is made of cheese [P1.1].",
        "Cheese vs. Sugar is a matter of moons [P1.1].",
        "The moon weighs 3.5 kilograms in all [P1.1].",
    ],
)
def test_an_abbreviation_or_a_decimal_does_not_end_a_claim(claim: str) -> None:
    checker = WordCount()
    pieces = run([claim], checker)
    assert not any(isinstance(piece, Uncited) for piece in pieces)
    assert checker.asked[0][0] == claim.removesuffix(" [P1.1].")


def test_each_item_of_a_list_is_a_claim_of_its_own() -> None:
    written = (
        "They differ:\n\n- **Alpha** runs on a small phone [P1.1]\n- the moon is made of cheese\n"
        "- Beta runs on a large cluster [P2.1].\n1. mars is made of sugar\n"
    )
    assert shown(run([written])) == (
        "They differ:\n\n- **Alpha** runs on a small phone [P1.1 supported]\n- the moon is made of cheese[?]\n"
        "- Beta runs on a large cluster [P2.1 supported].\n1. mars is made of sugar[?]\n"
    )


def test_text_behind_a_block_of_code_is_checked_again() -> None:
    assert shown(run(["```\nx = 1\n```\nThe moon is made of cheese."])).endswith("cheese.[?]")


def test_a_claim_is_checked_without_its_markdown() -> None:
    checker = WordCount()
    run(["- **Alpha** runs on  a `small` phone [P1.1]\n"], checker)
    assert checker.asked[0][0] == "Alpha runs on a small phone"


# -- streams ----------------------------------------------------------------------------------------------------------

PARTS = [
    *("Alpha runs on a small phone", "Beta was never published anywhere", "The moon is made of cheese", "Yes"),
    *(" [P1.1]", "[P1.2, P2.1]", " [P2]", "[P9.9]", " [3]", "`[P1.3]`", ". ", ".", "? ", "! ", ": ", ", ", " e.g. "),
    *(
        "\n",
        "\n\n",
        "\n- ",
        "\n  - ",
        "  \n",
        " ",
        "```",
        "\n```\n",
        "$$",
        "$$x$$ ",
        "**",
        "Next ",
        "next ",
        "et al. ",
        "…",
    ),
]
answers = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


def without_space(text: str) -> str:
    return "".join(text.split())


def unmarked(text: str) -> str:
    """The writer's text without its markers."""
    targets = TargetStream(REFERENCES, frozenset(paper.id for paper in PAPERS))
    return "".join(piece for piece in [*targets.feed(text), *targets.close()] if isinstance(piece, str))


@given(answers, st.lists(st.integers(0, 400), max_size=8))
def test_how_the_stream_is_cut_changes_nothing(text: str, places: list[int]) -> None:
    whole = shown(run([text]))
    assert shown(run(cut(text, places))) == whole
    assert shown(run(text)) == whole


@given(answers)
def test_no_letter_is_lost_or_added_and_only_spaces_come_before_citations(text: str) -> None:
    pieces = run(text)
    assert without_space(texts(pieces)) == without_space(unmarked(text))
    assert len(texts(pieces)) - len(unmarked(text)) <= sum(isinstance(piece, Citation) for piece in pieces)


@given(answers)
def test_a_citation_comes_behind_the_claim_that_it_was_checked_for(text: str) -> None:
    checker, said = WordCount(), ""
    for piece in run([text], checker):
        if isinstance(piece, str):
            said += piece
        elif isinstance(piece, Citation):
            claims = [claim for claim, evidence in checker.asked if piece.quote in evidence]
            before = without_space(plain_claim(said))
            nothing_said = piece.support == "partly"  # a marker without a claim in front of it is not checked
            assert nothing_said or any(without_space(claim) in before for claim in claims)


@given(answers)
def test_claims_are_counted_without_gaps(text: str) -> None:
    claims = [piece.claim for piece in run([text]) if not isinstance(piece, str)]
    assert sorted(set(claims)) == list(range(1, len(set(claims)) + 1))
    assert claims == sorted(claims)


@pytest.mark.parametrize("cuts", [1, 2])
@pytest.mark.parametrize(
    "text",
    [
        "Alpha runs [P1.1].\n  - The moon is cheese. Beta runs[P2.1].Next one is uncited too.",
        "- Alpha runs on small green cheese\n- Beta was eaten by moths",
    ],
)
def test_every_cut_of_an_answer_gives_the_same_result(text: str, cuts: int) -> None:
    whole = shown(run([text]))
    step = 1 if cuts == 1 else 5
    for first in range(0, len(text), step):
        for second in range(first, len(text), step) if cuts == 2 else [first]:
            assert shown(run(cut(text, [first, second]))) == whole
