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
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index_store import terms

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


# --- Quantities ---------------------------------------------------------------------------------------------------

_WORD_NUMBERS = {
    word: float(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": 30.0, "forty": 40.0, "fifty": 50.0, "hundred": 100.0, "dozen": 12.0, "both": 2.0, "pair": 2.0}
_SCALES = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "k": 1e3, "m": 1e6, "b": 1e9}
_MULTIPLES = {"twice": 2.0, "double": 2.0, "doubles": 2.0, "doubled": 2.0, "doubling": 2.0, "triple": 3.0,
              "triples": 3.0, "tripled": 3.0, "tripling": 3.0, "thrice": 3.0}  # fmt: skip
_UNITS = {
    form: unit
    for unit, forms in {
        "%": "% percent percentage pct",
        "x": "x × fold times",
        "s": "s sec secs second seconds",
        "ms": "ms millisecond milliseconds",
        "min": "min mins minute minutes",
        "h": "h hr hrs hour hours",
        "d": "day days",
        "wk": "wk wks week weeks",
        "mo": "month months",
        "y": "y yr yrs year years",
        "kg": "kg kilogram kilograms",
        "g": "g gram grams",
        "mg": "mg milligram milligrams",
        "µg": "µg μg ug microgram micrograms",
        "ml": "ml milliliter milliliters millilitre millilitres",
        "m": "meter meters metre metres",
        "km": "km kilometer kilometers kilometre kilometres",
        "cm": "cm centimeter centimeters centimetre centimetres",
        "mm": "mm millimeter millimeters millimetre millimetres",
        "nm": "nm nanometer nanometers nanometre nanometres",
        "hz": "hz hertz",
        "khz": "khz",
        "mhz": "mhz",
        "ghz": "ghz",
        "kb": "kb",
        "mb": "mb",
        "gb": "gb",
        "tb": "tb",
        "db": "db",
    }.items()
    for form in forms.split()
}
_NEVER_ASKED = frozenset("one both pair".split())  # seldom a count of its own; as evidence they are numbers
_ROUGHLY = frozenset("about approximately around approx almost circa nearly roughly some ~ ≈ close".split())
_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|(?<!\d,)\d+,\d{1,2}(?![\d,])|\d+(?:[.·]\d+)?|\.\d+"
_TOKEN = re.compile(
    rf"(?P<number>(?<![\w.])(?<![A-Z]-)(?:{_DIGITS})(?!\d|\.\d))(?P<tail>[^\W\d_]{{1,5}}(?!\w))?"
    r"|(?P<word>[^\W_][\w'’]*)|(?P<sign>[%×~≈])"
)
_LIST_GLUE = re.compile(r"\s*(?:,|and|or|to|vs\.?|versus|[-–—/]|,\s*and|,\s*or)\s*")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of a text: its value with scale words applied, its unit in one spelling, or "", and as written.

    `shared` is the unit that a later number of the same list names. `places` counts decimals.
    """

    value: float
    unit: str
    written: str
    rough: bool = False
    places: int = 0
    shared: str = ""


@lru_cache(maxsize=4096)
def quantities(text: str) -> tuple[Quantity, ...]:
    """The numbers of a text in order: digits, words from one to ten and some more, `twice`; not digits within names."""
    found: list[Quantity] = []
    spans: list[tuple[int, int]] = []
    tokens = list(_TOKEN.finditer(text))
    skip = -1
    for place, token in enumerate(tokens):
        if place <= skip:
            continue
        word = (token["word"] or "").lower()
        if word in _MULTIPLES:
            found.append(Quantity(_MULTIPLES[word], "x", token[0]))
            spans.append(token.span())
            continue
        if (stem := word.removesuffix("fold")) != word and stem in _WORD_NUMBERS:
            found.append(Quantity(_WORD_NUMBERS[stem], "x", token[0]))
            spans.append(token.span())
            continue
        tail = (token["number"] and token["tail"]) or ""
        if token["number"]:
            if tail and tail.lower() not in _UNITS and tail.lower() not in _SCALES:
                continue  # 3D, 4o: a name
            digits = token["number"].replace("·", ".")
            digits = digits.replace(",", "") if re.search(r",\d{3}", digits) else digits.replace(",", ".")
            value = float(digits)
            decimals = len(digits.partition(".")[2])
        elif word in _WORD_NUMBERS:
            value, decimals = _WORD_NUMBERS[word], 0
        else:
            continue
        end, unit, last = token.end(), "", place
        if tail:
            # an upper-case K, M or B, or any tail that is no unit, scales: 7B, 10k, 1.5M
            if tail.lower() in _SCALES and (tail not in _UNITS or tail in "KMBkb"):
                value *= _SCALES[tail.lower()]
            else:
                unit = _UNITS.get(tail, _UNITS.get(tail.lower(), ""))
        following = tokens[place + 1 : place + 3]
        for item in following:
            gap = text[end : item.start()]
            if gap.strip(" \u00a0-\u2010\u2011\\"):
                break
            name = item[0].lower()
            if name in _SCALES and len(name) > 1 and not unit:
                value *= _SCALES[name]
            elif name == "per" or name == "cent":
                if name == "cent":
                    unit = "%"
                elif not text[item.end() :].lower().startswith(" cent"):
                    break
            elif name in _UNITS and not unit and (len(name) > 1 or name in "%×x" or item[0] in ("s", "h", "y", "g")):
                unit = _UNITS[name]
            else:
                break
            end, last = item.end(), last + 1
        rough = bool(place and tokens[place - 1][0].lower() in _ROUGHLY) or bool(
            place > 1 and tokens[place - 1][0].lower() in ("to", "a") and tokens[place - 2][0].lower() in _ROUGHLY
        )
        found.append(Quantity(value, unit, text[token.start() : end].strip(), rough, decimals))
        spans.append((token.start(), end))
        skip = last
    # "41, 52 and 60 %": the unit of the last counts for all
    for left in range(len(found) - 2, -1, -1):
        right, gap = found[left + 1], text[spans[left][1] : spans[left + 1][0]]
        if not found[left].unit and (right.unit or right.shared) and _LIST_GLUE.fullmatch(gap):
            found[left] = replace(found[left], shared=right.unit or right.shared)
    return tuple(found)


def _holds(evidence: Sequence[Quantity], wanted: Quantity) -> bool:
    for held in evidence:
        same = math.isclose(held.value, wanted.value, rel_tol=1e-9)
        if wanted.rough and not same:
            same = math.isclose(round(held.value, wanted.places), wanted.value, rel_tol=1e-9)
        if not same:
            continue
        if not wanted.unit or wanted.unit in (held.unit, held.shared):
            return True
        if not held.unit and wanted.unit not in "%x":  # a column of numbers in mg names its unit once
            return True
    return False


# --- Names ---------------------------------------------------------------------------------------------------------

_NAME = re.compile(r"[^\W_][\w+'’]*(?:[-/.][^\W_][\w+]*)*\+*")
_NOT_NAMES = frozenset("I A".split())


@lru_cache(maxsize=4096)
def names(text: str) -> tuple[str, ...]:
    """Words that name something in particular: inner capitals, letters with digits, acronyms; as written, in order."""
    found = []
    for match in _NAME.finditer(text):
        word = match[0]
        bare = word.removesuffix("'s").removesuffix("’s")
        letters = [letter for letter in bare if letter.isalpha()]
        parts = re.split(r"[-/]", bare)
        inner = any(letter.isupper() for part in parts for letter in part[1:])
        mixed = bool(letters) and any(letter.isdigit() for letter in bare) and not quantities(bare)
        inner = inner or bool(re.match(r"[A-Z]-[A-Za-z]", bare))
        if len(bare) > 1 and letters and (inner or mixed) and bare not in _NOT_NAMES:
            found.append(bare)
    return tuple(dict.fromkeys(found))


def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


@lru_cache(maxsize=4096)
def _squeezed(text: str) -> tuple[frozenset[str], str, str]:
    """Of a text: its words squeezed, all of it squeezed, and the initials of its words."""
    words = [_squeeze(word) for word in _NAME.findall(text)]
    parts = [part for part in re.split(r"[\W_]+", text.lower()) if part]
    return (
        frozenset(words) | frozenset(parts),
        _squeeze(text),
        "".join(part[0] for part in parts if part not in ("of", "the", "and", "for", "in", "to", "a", "on", "with")),
    )


def _names_it(name: str, evidence: str) -> bool:
    words, whole, initials = _squeezed(evidence)
    squeezed = _squeeze(name)
    forms = {squeezed, squeezed.removesuffix("s")}
    for form in forms:
        if form in words or form + "s" in words or (len(form) > 3 and form in whole):
            return True
    parts = [part for part in re.split(r"[-/]", name) if part]
    if len(parts) > 1 and all(_squeeze(part) in words or _squeeze(part).removesuffix("s") in words for part in parts):
        return True
    acronym = name.removesuffix("s")
    return acronym.isupper() and acronym.isalpha() and 2 < len(acronym) <= 8 and acronym.lower() in initials


def missing(claim: str, evidence: str, context: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The numbers and the names of a claim that the evidence does not hold; names may also stand in `context`."""
    held = quantities(evidence)
    numbers = [
        wanted.written
        for wanted in quantities(claim)
        if wanted.written.lower() not in _NEVER_ASKED and not _holds(held, wanted)
    ]
    around = f"{evidence} {context}"
    return tuple(dict.fromkeys(numbers)), tuple(name for name in names(claim) if not _names_it(name, around))


# --- Direction ------------------------------------------------------------------------------------------------------

_UP = (
    "increas rais elevat higher more greater enhanc improv promot upregul up-regul activat stimulat induc "
    "accelerat augment "
    "gain better faster outperform expand boost strengthen larger longer superior exceed facilitat enabl rise "
    "rises rose "
    "encourag restor rescu generat amplif upregulat caus lead leads surpass grow high positive positively "
    "potentiat stronger"
).split()
_DOWN = (
    "decreas reduc lower less fewer diminish impair worse suppress inhibit downregul down-regul deplet loss "
    "attenuat slower "
    "underperform prevent block weaken smaller shorter inferior declin hinder disrupt drop drops fall falls fell "
    "abolish abrogat antagoni repress deteriorat limit slow slows lack degrad eliminat protect avoid minimi poor "
    "poorly low negative negatively resist delay weaker knockdown knockout deficien"
).split()
_NEGATORS = frozenset(
    "not no without never cannot neither nor none fail fails failed unable lack lacks lacking absence absent n't "
    "little hardly nothing unlikely independent unaffected unchanged ineffective insufficient nonsignificant".split()
)
_UP_HEADS, _DOWN_HEADS = (tuple(head for head in heads if len(head) > 4) for heads in (_UP, _DOWN))
_OPPOSITES: dict[str, set[str]] = {}
for _pair in (
    "high/low higher/lower more/less more/fewer positive/negative positively/negatively with/without early/late "
    "before/after longer/shorter long/short fast/slow faster/slower safe/unsafe safe/dangerous necessary/unnecessary "
    "effective/ineffective superior/inferior presence/absence major/minor large/small larger/smaller male/female "
    "susceptible/resistant vulnerable/resistant dependent/independent central/peripheral common/rare "
    "frequently/infrequently able/unable likely/unlikely strong/weak stronger/weaker upstream/downstream "
    "online/offline supervised/unsupervised better/worse best/worst sufficient/insufficient known/unknown "
    "similar/different same/different increase/decrease increases/decreases increased/decreased enough/insufficient "
    "win/lose success/failure succeed/fail succeeds/fails simple/complex cheap/costly cheap/expensive global/local "
    "static/dynamic maximum/minimum maximize/minimize upper/lower always/never all/none over/under"
).split():
    _one, _other = _pair.split("/")
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)
_NOTHING: frozenset[str] = frozenset()
# Where an abstract says what was found, and where it says what was asked or done: findings are what claims rest on.
_FINDING = re.compile(
    r"\b(?:conclusions?|results?|findings?|found|finds?|show(?:s|ed|n)?|demonstrat\w+|suggest\w*|reveal\w*|indicat\w+|"
    r"significant\w*|associated|observed|reported here|identif\w+|here,|thus|therefore|outperform\w*|achiev\w+|"
    r"p\s?[<=]|ci\b)",
    re.IGNORECASE,
)
_AIM = re.compile(
    r"\b(?:objectives?|aim(?:s|ed)?|purpose|background|methods?|design|setting|participants|whether|investigated|examined|"
    r"to (?:determine|investigate|assess|evaluate|examine|test)|however|unclear|unknown|poorly understood|remains?|"
    r"measurements?|context|importance|we (?:used|performed|conducted|measured))\b",
    re.IGNORECASE,
)
_CONCLUSION = re.compile(
    r"^\W*(?:conclusions?|interpretation|in conclusion|together|collectively|these (?:results|findings|data)|"
    r"our (?:results|findings|data|study)|thus|therefore|taken together)",
    re.IGNORECASE,
)
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@lru_cache(maxsize=65536)
def _sign(word: str) -> int:
    if word.startswith(_UP_HEADS) or word in _UP:
        return 1
    return -1 if word.startswith(_DOWN_HEADS) or word in _DOWN else 0


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return (terms(word) or [""])[0]


@dataclass(frozen=True, slots=True)
class _Profile:
    """What the features need of a text. `signs` pairs each direction word's sign with the stems around it."""

    words: frozenset[str]
    length: int
    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    heads: frozenset[str]
    signs: tuple[tuple[int, frozenset[str]], ...]
    negated: bool
    findings: int
    aims: int
    concludes: bool


@lru_cache(maxsize=4096)
def _profile(text: str) -> _Profile:
    words = [word.lower().replace("’", "'") for word in _PLAIN_WORD.findall(text)]
    stems = [_stem(word) for word in words]
    negators = [place for place, word in enumerate(words) if word in _NEGATORS or word.endswith("n't")]
    signs: list[tuple[int, frozenset[str]]] = []
    for place, word in enumerate(words):
        if sign := _sign(word):
            if any(0 < place - other <= 3 for other in negators):
                sign = -sign
            around = stems[max(0, place - 5) : place] + stems[place + 1 : place + 6]
            signs.append((sign, frozenset(filter(None, around))))
    found = terms(text)
    return _Profile(
        words=frozenset(words),
        length=len(words),
        terms=frozenset(found),
        pairs=frozenset(pairwise(found)),
        heads=frozenset(term[:5] for term in found if len(term) >= 5),
        signs=tuple(signs),
        negated=bool(negators),
        findings=min(len(_FINDING.findall(text)), 3),
        aims=min(len(_AIM.findall(text)), 3),
        concludes=bool(_CONCLUSION.search(text)),
    )


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
    left, right = _profile(claim), _profile(joined)
    weights = {term: idf(term) for term in left.terms}
    total = sum(weights.values()) or 1.0
    held = {term for term in left.terms if term in right.terms}
    near = {term for term in left.terms if term in held or (len(term) >= 5 and term[:5] in right.heads)}
    containment = sum(weights[term] for term in held) / total
    numbers, absent = missing(claim, joined)
    agreeing, opposing = _directions(left, right)
    up, evidence_up = (sum(sign for sign, _ in text.signs) for text in (left, right))
    return [
        cosine,
        best,
        containment,
        sum(weights[term] for term in near) / total,
        len(left.pairs & right.pairs) / max(1, len(left.pairs)),
        sum(weights[term] for term in held) / (sum(map(idf, right.terms)) or 1.0),
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


def _directions(claim: _Profile, evidence: _Profile) -> tuple[int, int]:
    """How far the direction words agree and oppose: 1 each, 2 where the words around them are shared."""
    agreeing = opposing = 0
    for sign, around in claim.signs:
        if evidence.signs:
            shared, same = max((len(around & other), other_sign == sign) for other_sign, other in evidence.signs)
            agreeing += (1 + (shared > 0)) * same
            opposing += (1 + (shared > 0)) * (not same)
    return agreeing, opposing


def _opposites(claim: _Profile, evidence: _Profile) -> int:
    return sum(bool(_OPPOSITES.get(word, _NOTHING) & evidence.words) for word in claim.words - evidence.words)


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


def is_english(text: str) -> bool:
    """Whether the word lists here can say anything: some English function word in a text of at least six words."""
    words = [word.lower() for word in re.findall(r"[^\W\d_]+", text)]
    foreign = sum(any(ord(letter) > 0x24F for letter in word) and len(word) > 2 for word in words)
    return foreign * 2 <= len(words) and (len(words) < 6 or 12 * sum(word in _ENGLISH for word in words) >= len(words))


class SupportChecker:
    """Checks claims against evidence.

    The thresholds are the model file's `supported` and `partly`. Measured on what they were not set on: of 357 restated
    sentences against the nearest sentence of the original abstract 92 % are supported or partly (64 % supported), of
    nearest sentences of another paper 7 % partly and none supported, with a number changed none supported, with the
    direction turned 7 % supported; on SciFact's validation part, biomedical and far harder, 69 % of what is called
    supported is labelled SUPPORT (48 % of the cases are). `support_training.evaluate` measures all of it.

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
        return [[self._score(claim, [text], vectors) for text in sentences] for claim in cleaned]

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
        if _squeeze(claim) and _squeeze(claim) in _squeeze(joined) and not numbers:
            return Verdict(Label.SUPPORTED, 1.0)
        ways = [evidence] if len(evidence) == 1 else [evidence, *([text] for text in evidence)]
        # the best way to read it counts: a needless second citation does not weaken the first
        score, basis = max(
            ((self._score(claim, way, vectors), " ".join(way)) for way in ways), key=lambda scored: scored[0]
        )
        supported, partly = self.model.supported, self.model.partly
        doubt = bool(numbers or absent)
        if is_english(claim) and is_english(joined):
            doubt = doubt or _turned(_profile(claim), _profile(basis))
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

    def _rows(self, claim: str, many: Sequence[Sequence[str]], vectors: Mapping[str, Vectors]) -> NDArray[np.float64]:
        return np.array([features(claim, item, *cosines(claim, item, vectors), self._idf) for item in many])

    def _lookup(self, texts: Iterable[str]) -> Mapping[str, Vectors]:
        wanted = list(dict.fromkeys(texts))
        known = self._vectors
        new = [text for text in wanted if text not in known]
        if new:
            kept = known if len(known) + len(new) <= _MOST_VECTORS else {t: known[t] for t in wanted if t in known}
            # a new dictionary, as another thread may be reading the old one
            self._vectors = known = {**kept, **dict(zip(new, self._embed(new), strict=True))}
        return known


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
    rows = np.stack([vectors[text] for text in evidence])
    single = rows @ vectors[claim]
    length = float(np.linalg.norm(rows.sum(axis=0)))
    return float(single.sum()) / max(length, 1e-9), float(single.max())


def _turned(claim: _Profile, evidence: _Profile) -> bool:
    """Whether the claim seems to say the opposite: a negation on one side only, an opposite, a direction reversed."""
    agreeing, opposing = _directions(claim, evidence)
    return claim.negated != evidence.negated or _opposites(claim, evidence) > 0 or opposing > agreeing
