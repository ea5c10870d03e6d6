"""The support check: what it finds missing, which label it gives, and that the model file keeps its promises."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import support_training
from assistant.support import (
    CONTEXT,
    FEATURES,
    MODEL_FILE,
    Label,
    SupportChecker,
    plain_claim,
)
from assistant.wording import missing, names, quantities
from index_store import Embedder, sentences
from index_store.sample import FILE as SAMPLE

EVIDENCE = "Our method, GravMAD, improves the success rate on unseen tasks by 41% and trains 5x faster than RVT-2."
SENTENCES = [
    sentence.text
    for line in SAMPLE.read_text(encoding="utf-8").splitlines()
    for sentence in sentences(json.loads(line)["abstract"])
]


@pytest.fixture(scope="module")
def checker(embedder: Embedder) -> SupportChecker:
    return SupportChecker(embedder.embed)


def test_a_paraphrase_is_supported(checker: SupportChecker) -> None:
    verdict = checker.check("GravMAD raises the success rate on tasks it has not seen by 41 percent.", [EVIDENCE])
    assert verdict.label is Label.SUPPORTED
    assert verdict.missing == ()


def test_a_changed_number_is_never_supported_and_is_named(checker: SupportChecker) -> None:
    verdict = checker.check("GravMAD improves the success rate on unseen tasks by 43%.", [EVIDENCE])
    assert verdict.label is not Label.SUPPORTED
    assert verdict.missing == ("43%",)


def test_a_swapped_method_is_at_most_partly_supported_and_is_named(checker: SupportChecker) -> None:
    verdict = checker.check("PerAct++ improves the success rate on unseen tasks by 41%.", [EVIDENCE])
    assert verdict.label is not Label.SUPPORTED
    assert verdict.missing == ("PerAct++",)


def test_the_title_may_hold_a_name_that_the_sentence_leaves_out(checker: SupportChecker) -> None:
    claim, evidence = "GravMAD generalises to unseen tasks.", ["The method generalises to unseen tasks."]
    assert checker.check(claim, evidence).label is Label.PARTLY
    assert checker.check(claim, evidence, "GravMAD: Grounded Spatial Value Maps").label is Label.SUPPORTED


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Pruning improves accuracy on image tasks.", "Pruning does not improve accuracy on image tasks."),
        ("Pruning increases the accuracy of the model.", "Pruning decreases the accuracy of the model."),
        ("The policy works without demonstrations.", "The policy works with demonstrations."),
        ("Larger models are less robust to noise.", "Larger models are more robust to noise."),
    ],
)
def test_the_opposite_is_at_most_partly_supported(checker: SupportChecker, claim: str, evidence: str) -> None:
    assert checker.check(evidence, [evidence]).label is Label.SUPPORTED
    assert checker.check(claim, [evidence]).label is not Label.SUPPORTED


def test_two_sentences_together_hold_what_neither_holds_alone(checker: SupportChecker) -> None:
    claim = "GravMAD gains 41% on unseen tasks and runs on a single GPU within 12 hours."
    both = ["GravMAD gains 41% on unseen tasks.", "GravMAD runs on a single GPU and is trained within 12 hours."]
    assert checker.check(claim, both).label is Label.SUPPORTED
    assert [checker.check(claim, [one]).missing for one in both] == [("12 hours", "GPU"), ("41%",)]


def test_an_unrelated_sentence_is_not_found(checker: SupportChecker) -> None:
    verdict = checker.check("GravMAD improves robots.", ["Neutrino masses are bounded by cosmological surveys."])
    assert verdict.label is Label.NOT_FOUND


@pytest.mark.parametrize("evidence", [[], [""], ["  "]])
def test_no_evidence_is_not_found(checker: SupportChecker, evidence: list[str]) -> None:
    verdict = checker.check("GravMAD gains 41%.", evidence)
    assert (verdict.label, verdict.score, verdict.missing) == (Label.NOT_FOUND, 0.0, ("41%", "GravMAD"))


def test_an_empty_claim_is_not_found(checker: SupportChecker) -> None:
    assert checker.check(" [P7.3] ", [EVIDENCE]).label is Label.NOT_FOUND


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("- **GravMAD** gains *41%* [P7.3].", "GravMAD gains 41%."),
        ("## It uses `BERT` [1][2]", "It uses BERT"),
        ("See [the paper](https://example.org/1), (P7.3, P9.1) which wins.", "See the paper, which wins."),
        ("2. A gain of 41\\% `[P7.3]`", "A gain of 41%"),
        ("snake_case stays, _emphasis_ goes 【P7】", "snake_case stays, emphasis goes"),
    ],
)
def test_markdown_and_markers_are_no_part_of_a_claim(written: str, plain: str) -> None:
    assert plain_claim(written) == plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("41%", "41 percent"),
        ("41 %", "41 per cent"),
        ("5x", "5 times"),
        ("fivefold", "5-fold"),
        ("five times", "5×"),
        ("1,000 papers", "1000 papers"),
        ("seven tasks", "7 tasks"),
        ("7B parameters", "7 billion parameters"),
        ("0.50", ".5"),
        ("24 hours", "24 h"),
        ("20mg", "20 milligrams"),
        ("twice", "two times"),
        ("41 and 52%", "41% and 52%"),
        ("about 41%", "41.3%"),
    ],
)
def test_units_and_spellings_of_one_quantity_are_equal(one: str, other: str) -> None:
    assert missing(one, other) == ((), ())


@pytest.mark.parametrize(
    ("claim", "evidence", "lost"),
    [
        ("41%", "41 patients", "41%"),
        ("5 times", "5%", "5 times"),
        ("24 hours", "24 days", "24 hours"),
        ("41%", "41.3%", "41%"),
        ("three tasks", "four tasks", "three"),
        ("7B", "7 million", "7B"),
    ],
)
def test_another_unit_or_value_is_missing(claim: str, evidence: str, lost: str) -> None:
    assert missing(claim, evidence)[0] == (lost,)


def test_digits_within_names_are_names() -> None:
    text = "GPT-4, p53, CIFAR-10 and IL-2 in 3D"
    assert quantities(text) == ()
    assert names(text) == ("GPT-4", "p53", "CIFAR-10", "IL-2", "3D")


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [("LLMs", "large language models"), ("GPT-4", "GPT4"), ("BERT-base", "the base BERT"), ("U-Net", "U-Nets")],
)
def test_a_name_in_another_spelling_is_held(claim: str, evidence: str) -> None:
    assert missing(claim, evidence) == ((), ())


@pytest.mark.parametrize(
    "claim",
    [
        "GravMAD verbessert die Erfolgsrate bei neuen Aufgaben um 41 %.",
        "GravMAD améliore le taux de réussite sur les tâches inédites de 41 %.",
        "GravMAD 将未见任务的成功率提高了 41%。",
    ],
)
def test_other_languages_are_judged_by_cosine_and_numbers(checker: SupportChecker, claim: str) -> None:
    right = checker.check(claim, [EVIDENCE])
    wrong = checker.check(claim.replace("41", "43"), [EVIDENCE])
    assert wrong.label is not Label.SUPPORTED
    assert any("43" in item for item in wrong.missing)
    assert 0 <= wrong.score < right.score <= 1


def test_ranking_finds_the_sentence_and_batches_agree(checker: SupportChecker) -> None:
    claims = ["Methods learn from auction data.", "GravMAD improves success on unseen tasks. [P7.3]"]
    offered = ["Auctions are common.", EVIDENCE, "Cells divide."]
    ranked = checker.rank(claims[1], offered)
    assert int(np.argmax(ranked)) == 1
    assert checker.rank_all(claims, offered)[1] == pytest.approx(ranked, abs=0.02)  # int8 batches differ a little
    every = ["Nicht auf Englisch, aber mit 41 %.", "", *offered, EVIDENCE]
    for claim in (claims[1], "GravMAD verbessert alles um 41 %.", ""):  # together as one by one
        one_by_one = [checker.check(claim, [text]).score for text in every[:1] + offered]
        together = checker.rank(claim, every)
        assert together[1] == 0.0 and together[3] == together[5]
        assert [together[0], *together[2:5]] == pytest.approx(one_by_one, abs=0.02)
    assert int(np.argmax(checker.locate(claims[1], offered))) == 1
    assert checker.select(claims[1], offered)[0] == 1
    assert checker.locate(claims[1], []) == []
    assert checker.select(claims[1], []) == ()


def test_one_answer_asks_for_vectors_once(embedder: Embedder) -> None:
    calls: list[int] = []

    def embed(texts: list[str]) -> np.ndarray:
        calls.append(len(texts))
        return embedder.embed(texts)

    checker = SupportChecker(embed)
    checker.check_all([("GravMAD wins.", [EVIDENCE]), ("RVT-2 is slower.", [EVIDENCE])])
    checker.check("GravMAD wins.", [EVIDENCE])
    assert calls == [3]


@given(st.sampled_from(SENTENCES))
def test_a_sentence_supports_itself(checker: SupportChecker, sentence: str) -> None:
    assert checker.check(sentence, [sentence]).label is Label.SUPPORTED


@given(st.sampled_from(SENTENCES), st.sampled_from(SENTENCES))
def test_more_evidence_never_lowers_the_score(checker: SupportChecker, claim: str, other: str) -> None:
    evidence = SENTENCES[(SENTENCES.index(claim) + 1) % len(SENTENCES)]
    alone, more = checker.check(claim, [evidence]), checker.check(claim, [evidence, other])
    assert more.score >= alone.score - 1e-9
    assert set(more.missing) <= set(alone.missing)


@given(st.sampled_from(SENTENCES))
def test_a_changed_number_in_any_sentence_is_never_supported(checker: SupportChecker, sentence: str) -> None:
    wrong = support_training.other_number(sentence)
    if wrong and missing(wrong, sentence)[0]:
        assert checker.check(wrong, [sentence]).label is not Label.SUPPORTED


@given(st.text(max_size=200), st.lists(st.text(max_size=80), max_size=3))
def test_any_text_gives_a_verdict(checker: SupportChecker, claim: str, evidence: list[str]) -> None:
    verdict = checker.check(claim, evidence)
    assert 0 <= verdict.score <= 1
    assert not (verdict.missing and verdict.label is Label.SUPPORTED)


def test_a_check_is_fast(checker: SupportChecker) -> None:
    checker.check(SENTENCES[0], SENTENCES[1:6])
    started = time.perf_counter()
    for _ in range(20):
        checker.check(SENTENCES[0], SENTENCES[1:6])
    assert (time.perf_counter() - started) / 20 < 0.02  # 2 ms on a quiet machine


def test_the_model_file_is_small_and_names_its_features() -> None:
    assert MODEL_FILE.stat().st_size < 100_000
    data = json.loads(MODEL_FILE.read_text(encoding="utf-8"))
    assert set(data["place"]) == {*FEATURES, *CONTEXT, "intercept"}


def test_logistic_regression_finds_the_weight_that_made_the_data() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(4000, 2))
    truth = random.random(4000) < 1 / (1 + np.exp(-(2 * rows[:, 0] - 1)))
    weights, intercept = support_training.fit(rows, truth, penalty=0.01)
    assert weights == pytest.approx([2, 0], abs=0.2)
    assert intercept == pytest.approx(-1, abs=0.2)


def test_auroc_counts_ties_half() -> None:
    assert support_training.auroc([2, 3], [1, 0]) == 1
    assert support_training.auroc([1, 1], [1, 1]) == 0.5


@pytest.mark.shared
def test_restated_sentences_are_supported_and_wrong_ones_are_not(checker: SupportChecker, shared_data: Path) -> None:
    counts = support_training.paraphrase_labels(support_training.read_restated(shared_data)[1::8], checker)
    restated = counts["restated"]
    assert restated.get("not found", 0) <= 0.12 * sum(restated.values())
    assert "supported" not in counts["number changed"]
    assert counts["another paper"].get("supported", 0) <= 0.02 * sum(counts["another paper"].values())


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        (
            "MiniCache increases the memory footprint.",
            "MiniCache significantly shrinks the memory footprint of inference.",
        ),
        ("MiniCache requires training and does not generalise.", "MiniCache needs no training and is general."),
        ("Accuracy grows with more layers.", "Accuracy drops with more layers."),
        ("The method halves the memory of inference.", "The method doubles the memory of inference."),
        ("Pruning harms accuracy.", "Pruning helps accuracy on all tested networks."),
        ("MiniCache loses to ZipCache on GSM8K.", "MiniCache beats ZipCache on GSM8K."),
        ("ZipCache outperforms MiniCache on GSM8K.", "MiniCache outperforms ZipCache on GSM8K."),
    ],
)
def test_a_reversed_claim_is_never_supported(checker: SupportChecker, claim: str, evidence: str) -> None:
    assert checker.check(claim, [evidence]).label is not Label.SUPPORTED
