"""Does the cited evidence support the claim?

Three questions, each answered by a few numbers that can be read in `support_model.json`:

- *what is missing*: every number, unit and named method of the claim is looked for in the evidence (`missing`);
- *relevance*: does the evidence speak of what the claim speaks of (cosine, weighted containment, cues of a finding);
- *agreement*: does it say the same or the opposite (negation, direction words, opposites).

`score = sigmoid(relevance + shift) * sigmoid(agreement) ** power`. Both parts are logistic regressions trained by
`python -m assistant.support_training FOLDER` on the train part of SciFact (Wadden et al. 2020, arXiv:2004.14974), which
separates supporting, contradicting and unrelated abstracts; that module also measures them. Everything but the
embedding is pure, needs numpy only, and takes well under a millisecond for a claim.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .wording import NOTHING, OPPOSITES, Profile, missing, names, profile, quantities, sides_swapped, squeeze

MODEL_FILE = Path(__file__).with_name("support_model.json")
Vectors = NDArray[np.float32]


class Label(StrEnum):
    """What readers are told about one claim and the sentences it cites."""

    SUPPORTED = "supported"
    PARTLY = "partly"
    NOT_FOUND = "not found"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one check.

    `score` lies between 0 and 1. `missing` names the numbers with their units and the names of the claim that the
    evidence does not hold, as the claim writes them; if it is not empty the label is never `supported`.
    """

    label: Label
    score: float
    missing: tuple[str, ...] = ()


# --- Markdown -----------------------------------------------------------------------------------------------------

_MARKERS = re.compile(r"`?[\[(【［（]\s?P\d[\sP\d.,;，、–-]*[\])】］）]`?|\[\^?\d+(?:\s?[,–-]\s?\d+)*\](?!\()")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_SYNTAX = re.compile(r"</?[A-Za-z][^<>]*>|\*+|__+|(?<!\w)_|_(?!\w)|`+|~~|\\(?=[%&$#_*\[\]<>|~!`\\])")
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|>\s?|[-+•]\s+|\d{1,2}[.)]\s+)+", re.MULTILINE)


def plain_claim(text: str) -> str:
    """A claim without citation markers and Markdown: what it says, not how it is set."""
    text = _LINE_START.sub("", _LINK.sub(r"\1", _MARKERS.sub("", text)))
    text = re.sub(r"\s+", " ", _SYNTAX.sub("", text)).strip()
    return re.sub(r"\s+([.,;:])", r"\1", text)


# --- Features -------------------------------------------------------------------------------------------------------

FEATURES = (
    "cosine best_cosine containment soft_containment pair_containment coverage missing_numbers held_numbers "
    "missing_name_share missing_names rarest_missing agreeing_directions opposing_directions overall_direction "
    "opposites claim_negated evidence_negated same_negation both_negated claim_length evidence_length sentences "
    "claim_down evidence_down cosine_containment findings aims concludes"
).split()
"""Of a claim and its evidence; the order of `features`."""

CONTEXT = (
    "position position_squared first last cosine_below_best cosine_rank containment_below_best containment_rank "
    "cosine_before cosine_after cosine_above_mean sentences_in_abstract"
).split()
"""Of a sentence within its abstract; the order of `context_features`."""

RELEVANCE = (
    "cosine best_cosine containment soft_containment pair_containment coverage missing_numbers held_numbers "
    "missing_name_share missing_names rarest_missing cosine_containment claim_length evidence_length"
).split()
AGREEMENT = (
    "agreeing_directions opposing_directions overall_direction opposites same_negation both_negated cosine containment "
    "pair_containment claim_negated evidence_negated claim_down"
).split()
PARTS: Mapping[str, Sequence[str]] = {
    "relevance": RELEVANCE,
    "agreement": AGREEMENT,
    "place": [*FEATURES, *CONTEXT],
}
"""The features that each part of the model reads; the score knows neither place nor cues."""

Idf = Callable[[str], float]


def features(claim: str, evidence: Sequence[str], cosine: float, best: float, idf: Idf) -> list[float]:
    """The numbers named in `FEATURES`.

    `cosine` is that of the claim and all evidence together, `best` that of the claim and its nearest sentence.
    """
    joined = " ".join(evidence)
    left, right = profile(claim), profile(joined)
    weights = {term: idf(term) for term in left.terms}
    total = math.fsum(weights.values()) or 1.0  # exact, so that the order within a set cannot show
    held = {term for term in left.terms if term in right.terms}
    near = {term for term in left.terms if term in held or (len(term) >= 5 and term[:5] in right.heads)}
    containment = math.fsum(weights[term] for term in held) / total
    numbers, absent = missing(claim, joined)
    agreeing, opposing = _directions(left, right)
    up, evidence_up = (sum(sign for sign, _ in text.signs) for text in (left, right))
    return [
        cosine,
        best,
        containment,
        math.fsum(weights[term] for term in near) / total,
        len(left.pairs & right.pairs) / max(1, len(left.pairs)),
        math.fsum(weights[term] for term in held) / (math.fsum(map(idf, right.terms)) or 1.0),
        len(numbers),
        float(not numbers and bool(quantities(claim))),
        len(absent) / max(1, len(names(claim))),
        len(absent),
        max((weights[term] for term in left.terms - near), default=0.0) / 6,
        min(agreeing, 3),
        min(opposing, 3),
        math.copysign(1, up) * math.copysign(1, evidence_up) if up and evidence_up else 0.0,
        _opposites(left, right),
        float(left.negated),
        float(right.negated),
        float(left.negated == right.negated),
        float(left.negated and right.negated),
        math.log1p(left.length),
        math.log1p(right.length),
        len(evidence),
        float(up < 0),
        float(evidence_up < 0),
        cosine * containment,
        right.findings,
        right.aims,
        float(right.concludes),
    ]


def _directions(claim: Profile, evidence: Profile) -> tuple[int, int]:
    """How far the direction words agree and oppose: 1 each, 2 where the words around them are shared."""
    agreeing = opposing = 0
    for sign, around in claim.signs:
        if evidence.signs:
            shared, same = max((len(around & other), other_sign == sign) for other_sign, other in evidence.signs)
            agreeing += (1 + (shared > 0)) * same
            opposing += (1 + (shared > 0)) * (not same)
    return agreeing, opposing


def _opposites(claim: Profile, evidence: Profile) -> int:
    return sum(bool(OPPOSITES.get(word, NOTHING) & evidence.words) for word in claim.words - evidence.words)


def context_features(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers named in `CONTEXT` for the sentences of one abstract in order, from their rows of `features`."""
    count = len(rows)
    place = np.arange(count)
    position = place / max(1, count - 1)
    cosine, containment = rows[:, 0], rows[:, 2]
    padded = np.concatenate([[cosine.mean()], cosine, [cosine.mean()]])
    columns = [
        position, position**2, place == 0, place == count - 1,
        cosine - cosine.max(), np.log1p(np.argsort(np.argsort(-cosine))),
        containment - containment.max(), np.log1p(np.argsort(np.argsort(-containment))),
        padded[:-2], padded[2:], cosine - cosine.mean(), np.full(count, math.log(count)),
    ]  # fmt: skip
    return np.stack(columns, axis=1).astype(np.float64)


# --- The model ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SupportModel:
    """What training chose: see `support_training`. `weights` are per feature, `intercepts` per part."""

    weights: Mapping[str, NDArray[np.float64]]
    intercepts: Mapping[str, float]
    shift: float
    power: float
    supported: float
    partly: float
    threshold: float
    most: int
    margin: float
    idf: Mapping[str, float]
    rarest: float

    @classmethod
    def load(cls, path: Path = MODEL_FILE) -> "SupportModel":
        """The model in a file that `support_training` wrote."""
        return cls.from_json(json.loads(path.read_text(encoding="utf-8")))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SupportModel":
        """The model from its JSON. Raises `KeyError` if it was trained for other features."""
        return cls(
            weights={
                part: np.array([data[part][name] if name in named else 0.0 for name in _columns(part)])
                for part, named in PARTS.items()
            },
            intercepts={part: data[part]["intercept"] for part in PARTS},
            idf=data["idf"],
            **data["choices"],
        )

    def logit(self, part: str, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The linear value of `relevance`, `agreement` or `place` for rows of features."""
        return np.asarray(rows @ self.weights[part] + self.intercepts[part])

    def score(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """The support score, between 0 and 1, for rows of features."""
        relevance, agreement = self.logit("relevance", rows) + self.shift, self.logit("agreement", rows)
        return np.asarray(sigmoid(relevance) * sigmoid(agreement) ** self.power)


def _columns(part: str) -> Sequence[str]:
    return PARTS[part] if part == "place" else FEATURES


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -40, 40))))


# --- Checking -------------------------------------------------------------------------------------------------------

_ENGLISH = frozenset(
    "the of and in to a is are was were be been by for with that this these on as at from it its their our we an which "
    "can than not or has have had more between into through using such when while both no but".split()
)
_COSINE_SUPPORTED, _COSINE_PARTLY = 0.80, 0.45  # with no words to compare: high, as MiniLM was trained on English
_MOST_VECTORS = 4096


@lru_cache(maxsize=4096)
def is_english(text: str) -> bool:
    """Whether the word lists here can say anything: some English function word in a text of at least six words."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    foreign = sum(any(ord(letter) > 0x24F for letter in word) and len(word) > 2 for word in words)
    return foreign * 2 <= len(words) and (len(words) < 6 or 12 * sum(word in _ENGLISH for word in words) >= len(words))


class SupportChecker:
    """Checks claims against evidence.

    The thresholds are the model file's `supported` and `partly`. Measured on sentences they were not set on: of 357
    restated ones against the nearest sentence of the original abstract 91 % are at least partly supported (64 %
    supported; 97 % and 88 % against all its sentences); of nearest sentences of another paper 6 % are partly and none
    supported; with a number changed none is supported, with a name swapped 3 %, with the direction turned 7 %. On
    SciFact's validation part, biomedical and far harder, 69 % of what is called supported is labelled SUPPORT, and 48 %
    of all cases are. `support_training.evaluate` measures all of it.

    `embed` gives one row of length 1 per text (`index_store.Embedder.embed`); vectors of the last few thousand texts
    are kept. `idf` may give the collection's own term weights (natural logarithm, about 1 to 9); else the model's are
    used. The thresholds were set with MiniLM; another model needs its own training.
    """

    def __init__(
        self, embed: Callable[[Sequence[str]], Vectors], idf: Idf | None = None, model: SupportModel | None = None
    ) -> None:
        self.model = model or SupportModel.load()
        self._embed = embed
        self._idf = idf or (lambda term: self.model.idf.get(term, self.model.rarest))
        self._vectors: dict[str, NDArray[np.float32]] = {}

    def check(self, claim: str, evidence: Sequence[str], context: str = "") -> Verdict:
        """Whether all the evidence together supports the claim. See `check_all`."""
        return self.check_all([(claim, evidence)], [context])[0]

    def check_all(
        self, pairs: Sequence[tuple[str, Sequence[str]]], contexts: Sequence[str] | None = None
    ) -> list[Verdict]:
        """One verdict per pair of claim and evidence sentences, with one call for the vectors of all.

        A context, such as the paper's title, may hold names (not numbers) that a sentence alone does not repeat.
        """
        cleaned = [(plain_claim(claim), [text for text in evidence if text.strip()]) for claim, evidence in pairs]
        vectors = self._lookup(text for claim, evidence in cleaned if evidence for text in (claim, *evidence))
        around = contexts or [""] * len(pairs)
        return [
            self._verdict(claim, evidence, context, vectors)
            for (claim, evidence), context in zip(cleaned, around, strict=True)
        ]

    def rank(self, claim: str, sentences: Sequence[str]) -> list[float]:
        """The support score, between 0 and 1, of each sentence on its own."""
        return self.rank_all([claim], sentences)[0]

    def rank_all(self, claims: Sequence[str], sentences: Sequence[str]) -> list[list[float]]:
        """`rank` for several claims over the same sentences: one list per claim, with one call for all vectors."""
        cleaned = [plain_claim(claim) for claim in claims]
        vectors = self._lookup([*cleaned, *sentences])
        return [self._scores(claim, sentences, vectors) for claim in cleaned]

    def locate(self, claim: str, abstract: Sequence[str]) -> list[float]:
        """How likely each sentence of one abstract, in order, is the one that speaks to the claim, for or against it.

        Unlike `rank` this knows the neighbours and the place in the abstract; for a citation of a whole paper.
        """
        claim = plain_claim(claim)
        if not abstract:
            return []
        rows = self._rows(claim, [[text] for text in abstract], self._lookup([claim, *abstract]))
        return [float(v) for v in sigmoid(self.model.logit("place", np.hstack([rows, context_features(rows)])))]

    def select(self, claim: str, abstract: Sequence[str]) -> tuple[int, ...]:
        """The places, from 0, of the sentences of one abstract to cite for a claim, best first; one at least."""
        return selection(self.locate(claim, abstract), self.model.threshold, self.model.most, self.model.margin)

    def similarity(self, claim: str, sentences: Sequence[str]) -> list[float]:
        """The cosine, between -1 and 1, of the claim and each sentence."""
        claim = plain_claim(claim)
        vectors = self._lookup([claim, *sentences])
        return [float(vectors[text] @ vectors[claim]) for text in sentences]

    def _verdict(self, claim: str, evidence: list[str], context: str, vectors: Mapping[str, Vectors]) -> Verdict:
        joined = " ".join(evidence)
        numbers, absent = missing(claim, joined, context)
        if not claim or not evidence:
            return Verdict(Label.NOT_FOUND, 0.0, (*numbers, *absent))
        if squeeze(claim) and squeeze(claim) in squeeze(joined) and not numbers:
            return Verdict(Label.SUPPORTED, 1.0)
        ways = [evidence] if len(evidence) == 1 else [evidence, *([text] for text in evidence)]
        # the best way to read it counts: a needless second citation does not weaken the first
        score, basis = max(
            ((self._score(claim, way, vectors), " ".join(way)) for way in ways), key=lambda scored: scored[0]
        )
        supported, partly = self.model.supported, self.model.partly
        doubt = bool(numbers or absent)
        if is_english(claim) and is_english(joined):
            doubt = doubt or _turned(profile(claim), profile(basis)) or sides_swapped(claim, basis)
        else:
            supported, partly = _COSINE_SUPPORTED, _COSINE_PARTLY
        label = Label.NOT_FOUND if score < partly else Label.PARTLY if doubt or score < supported else Label.SUPPORTED
        return Verdict(label, score, (*numbers, *absent))

    def _score(self, claim: str, evidence: Sequence[str], vectors: Mapping[str, Vectors]) -> float:
        if not claim or not any(text.strip() for text in evidence):
            return 0.0
        if not (is_english(claim) and is_english(" ".join(evidence))):
            numbers, _ = missing(claim, " ".join(evidence))
            return max(0.0, cosines(claim, evidence, vectors)[0]) / (1 + len(numbers))
        return float(self.model.score(self._rows(claim, [evidence], vectors))[0])

    def _scores(self, claim: str, sentences: Sequence[str], vectors: Mapping[str, Vectors]) -> list[float]:
        """`_score` of each sentence on its own, those with English words to compare in one."""
        compared = [text for text in dict.fromkeys(sentences) if claim and is_english(claim) and is_english(text)]
        compared = [text for text in compared if text.strip()]
        scores: dict[str, float] = {}
        if compared:
            rows = self._rows(claim, [[text] for text in compared], vectors)
            scores = dict(zip(compared, self.model.score(rows).tolist(), strict=True))
        return [scores[text] if text in scores else self._score(claim, [text], vectors) for text in sentences]

    def _rows(self, claim: str, many: Sequence[Sequence[str]], vectors: Mapping[str, Vectors]) -> NDArray[np.float64]:
        return np.array([features(claim, item, *cosines(claim, item, vectors), self._idf) for item in many])

    def know(self, vectors: Mapping[str, Vectors]) -> None:
        """Takes vectors that were computed before by the same model, so that their texts are not embedded again.

        As copies: one may be a part of all that a search read, which would stay with it.
        """
        new = {text: vector.copy() for text, vector in vectors.items() if text not in self._vectors}
        self._keep(new, wanted=())

    def _lookup(self, texts: Iterable[str]) -> Mapping[str, Vectors]:
        wanted = list(dict.fromkeys(texts))
        known = self._vectors
        new = [text for text in wanted if text not in known]
        return self._keep(dict(zip(new, self._embed(new), strict=True)), wanted) if new else known

    def _keep(self, new: Mapping[str, Vectors], wanted: Sequence[str]) -> Mapping[str, Vectors]:
        known = self._vectors
        kept = known if len(known) + len(new) <= _MOST_VECTORS else {t: known[t] for t in wanted if t in known}
        # a new dictionary, as another thread may be reading the old one
        self._vectors = {**kept, **new}
        return self._vectors


def selection(
    values: Sequence[float] | NDArray[np.float64], threshold: float, most: int, margin: float
) -> tuple[int, ...]:
    """The best place, and at most `most` in all that reach the threshold and this share of the best value."""
    order = sorted(range(len(values)), key=lambda place: -values[place])[:most]
    return tuple(
        place
        for place in order
        if place == order[0] or (values[place] >= threshold and values[place] >= margin * values[order[0]])
    )


def cosines(claim: str, evidence: Sequence[str], vectors: Mapping[str, Vectors]) -> tuple[float, float]:
    """Of the claim with the mean direction of the evidence, and with its nearest sentence."""
    if len(evidence) == 1:  # of length 1, as is the claim's
        alone = float(vectors[evidence[0]] @ vectors[claim])
        return alone, alone
    rows = np.stack([vectors[text] for text in evidence])
    single = rows @ vectors[claim]
    length = float(np.linalg.norm(rows.sum(axis=0)))
    return float(single.sum()) / max(length, 1e-9), float(single.max())


def _turned(claim: Profile, evidence: Profile) -> bool:
    """Whether the claim seems to say the opposite: a negation on one side only, an opposite, a direction reversed."""
    agreeing, opposing = _directions(claim, evidence)
    denied = (claim.denied ^ evidence.denied) & claim.terms & evidence.terms
    return claim.negated != evidence.negated or bool(denied) or _opposites(claim, evidence) > 0 or opposing > agreeing
