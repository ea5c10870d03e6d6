"""Trains and measures the support model: `python -m assistant.support_training FOLDER` writes `support_model.json`.

FOLDER holds `scifact/` with `claims.jsonl` (expert labels, with `split`) and `sentences.jsonl.gz`; beside it, where
present, `acl_anthology.jsonl.gz` (term weights) and the listing of which the sample collection is a restatement (label
thresholds). Everything is chosen on the train part, by cross-validation over abstracts; `evaluate` reads validation
only. Logistic regression by Newton's method, so that nothing but numpy is needed; the result is the same every time.
"""

import gzip
import json
import math
import re
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index_store import open_embedder, sample_papers, sentences, terms

from . import support, wording
from .support import FEATURES, MODEL_FILE, Label, SupportChecker, SupportModel, sigmoid

Floats = NDArray[np.float64]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

_FOLDS = 5
COSINE_RULE = (0.3243, 3, 0.7)
"""Threshold, most and margin for cosine alone, chosen on the train part by the same search; `train` prints it."""
_IDF_TERMS = 4000
_IDF_ABSTRACTS = 5000  # of each source, so that neither field rules


@dataclass(frozen=True)
class Pair:
    """A SciFact claim with one abstract: the expert's label ("" for no information) and the rationale sets."""

    claim: str
    doc: str
    label: str
    abstract: tuple[str, ...]
    rationales: tuple[tuple[int, ...], ...]

    @property
    def rationale(self) -> list[bool]:
        """Per sentence, whether it belongs to any rationale."""
        chosen = {place for places in self.rationales for place in places}
        return [place in chosen for place in range(len(self.abstract))]


@dataclass(frozen=True)
class Measured:
    """A pair with the features of each sentence, of each rationale set, and the sentences' context features."""

    pair: Pair
    rows: Floats
    sets: Floats
    context: Floats


def read_pairs(folder: Path, split: str) -> list[Pair]:
    """The pairs of claim and abstract of `train` or `validation`, in the file's order."""
    abstracts = {}
    with gzip.open(folder / "scifact" / "sentences.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            abstracts[record["id"]] = tuple(record["sentences"])
    found: dict[tuple[str, str], Pair] = {}
    for line in (folder / "scifact" / "claims.jsonl").read_text(encoding="utf-8").splitlines():
        claim = json.loads(line)
        if claim["split"] != split:
            continue
        for doc in [claim["doc_id"]] if claim["label"] else claim["cited"]:
            key = (claim["id"], doc)
            pair = found.get(key) or Pair(claim["claim"], doc, claim["label"], abstracts[doc], ())
            if claim["label"]:
                pair = replace(pair, rationales=(*pair.rationales, tuple(sorted(claim["sentences"]))))
            found[key] = pair
    return list(found.values())


def measure(pairs: Sequence[Pair], embed: Embed, idf: support.Idf) -> list[Measured]:
    """The features of all pairs, with one call for all vectors."""
    texts = sorted({text for pair in pairs for text in (pair.claim, *pair.abstract)})
    vectors = dict(zip(texts, embed(texts), strict=True))

    def row(claim: str, evidence: Sequence[str]) -> list[float]:
        return support.features(claim, evidence, *support.cosines(claim, evidence, vectors), idf)

    measured = []
    for pair in pairs:
        rows = np.array([row(pair.claim, [text]) for text in pair.abstract])
        sets = [row(pair.claim, [pair.abstract[place] for place in places]) for places in pair.rationales]
        measured.append(
            Measured(pair, rows, np.array(sets).reshape(len(sets), len(FEATURES)), support.context_features(rows))
        )
    return measured


# --- Measures -------------------------------------------------------------------------------------------------------


def auroc(positive: Sequence[float] | Floats, negative: Sequence[float] | Floats) -> float:
    """The chance that a positive scores above a negative; ties count half (Mann-Whitney U)."""
    low = np.sort(np.asarray(negative))
    high = np.asarray(positive)
    wins = np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")
    return float(wins.sum() / (2 * len(low) * len(high)))


Scorer = Callable[[int, str], Floats]
"""Scores of one measured pair, by its place: of `sentences`, rationale `sets` or, for finding them, `places`."""


def tasks(measured: Sequence[Measured], score: Scorer) -> dict[str, float]:
    """The AUROC of each task.

    - `support_vs_none`: a claim's best sentence in an abstract labelled SUPPORT, against its best sentence in one
      with no information; best by the score itself on both sides, which is what citing a whole paper comes to.
    - `support_vs_none_strict`: the expert's rationale set (its sentences together) in place of the former.
    - `support_vs_none_any`: the rationale set against every sentence of an abstract with no information.
    - `rationale_vs_other`: in abstracts labelled SUPPORT, rationale sentences against all other sentences of these
      abstracts, pooled; scored as `locate` does.
    - `support_vs_contradict`: the rationale set of SUPPORT against that of CONTRADICT.
    """
    of = defaultdict(list)
    for place, item in enumerate(measured):
        of[item.pair.label].append(place)
    supported = np.concatenate([score(place, "sets") for place in of["SUPPORT"]])
    contradicted = np.concatenate([score(place, "sets") for place in of["CONTRADICT"]])
    none = [score(place, "sentences") for place in of[""]]
    places = np.concatenate([score(place, "places") for place in of["SUPPORT"]])
    rationale = np.concatenate([measured[place].pair.rationale for place in of["SUPPORT"]])
    best = [values.max() for values in none]
    return {
        "support_vs_none": auroc([score(place, "sentences").max() for place in of["SUPPORT"]], best),
        "support_vs_none_strict": auroc(supported, best),
        "support_vs_none_any": auroc(supported, np.concatenate(none)),
        "rationale_vs_other": auroc(places[rationale], places[~rationale]),
        "support_vs_contradict": auroc(supported, contradicted),
    }


def rationale_f1(
    measured: Sequence[Measured], places: Sequence[Floats], threshold: float, most: int, margin: float
) -> float:
    """F1 of the chosen sentences against the experts', over all abstracts with a label, sentences counted alike."""
    hits = chosen = wanted = 0
    for item, values in zip(measured, places, strict=True):
        if item.pair.label:
            taken = support.selection(values, threshold, most, margin)
            hits += sum(item.pair.rationale[place] for place in taken)
            chosen += len(taken)
            wanted += sum(item.pair.rationale)
    return 2 * hits / (chosen + wanted)


def _best_rule(measured: Sequence[Measured], places: Sequence[Floats]) -> tuple[float, float, int, float]:
    """The best F1 on these pairs and the threshold, number of sentences and margin that give it."""
    thresholds = np.quantile(np.concatenate(places), [0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9])
    return max(
        (rationale_f1(measured, places, float(threshold), most, margin), float(threshold), most, margin)
        for threshold, most, margin in product(
            thresholds, (1, 2, 3, 4, 5), (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
        )
    )


# --- Training -------------------------------------------------------------------------------------------------------


def fit(rows: Floats, truth: NDArray[np.bool_], penalty: float) -> tuple[Floats, float]:
    """Weights and intercept of a logistic regression; `penalty` weighs the squares of the standardised weights."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < 1e-9] = 1.0
    design = np.hstack([(rows - mean) / scale, np.ones((len(rows), 1))])
    ridge = np.full(design.shape[1], penalty)
    ridge[-1] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(50):
        guess = sigmoid(design @ weights)
        slope = design.T @ (guess - truth) + ridge * weights
        curve = (design * (guess * (1 - guess))[:, None]).T @ design + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return weights[:-1] / scale, float(weights[-1] - (weights[:-1] * mean / scale).sum())


_PENALTY = {"relevance": 20.0, "agreement": 50.0, "place": 20.0}


def _fit_parts(measured: Sequence[Measured]) -> dict[str, tuple[Floats, float]]:
    """What each part learns to tell apart.

    Relevance: rationale sentences from all sentences of abstracts with no information. Agreement: rationales of SUPPORT
    from those of CONTRADICT. Place: rationale sentences from any other sentence.
    """
    rows = np.vstack([item.rows for item in measured])
    rationale = np.concatenate([item.pair.rationale for item in measured])
    none = np.concatenate([np.full(len(item.rows), not item.pair.label) for item in measured])
    labelled = [item for item in measured if item.pair.label]
    evidence = [np.vstack([item.sets, item.rows[item.pair.rationale]]) for item in labelled]
    says = np.concatenate(
        [np.full(len(part), item.pair.label == "SUPPORT") for item, part in zip(labelled, evidence, strict=True)]
    )
    relevance, agreement = (
        [FEATURES.index(name) for name in support.PARTS[part]] for part in ("relevance", "agreement")
    )
    told = rationale | none
    places = np.hstack([rows, np.vstack([item.context for item in measured])])
    return {
        "relevance": fit(rows[told][:, relevance], rationale[told], _PENALTY["relevance"]),
        "agreement": fit(np.vstack(evidence)[:, agreement], says, _PENALTY["agreement"]),
        "place": fit(places, rationale, _PENALTY["place"]),
    }


def _model(parts: dict[str, tuple[Floats, float]], choices: dict[str, Any], idf: dict[str, float]) -> dict[str, Any]:
    """The model as JSON, rounded so that a new training shows small differences."""
    data: dict[str, Any] = {"choices": choices}
    for part, (weights, intercept) in parts.items():
        data[part] = {"intercept": round(intercept, 4)}
        data[part] |= {name: round(float(w), 4) for name, w in zip(support.PARTS[part], weights, strict=True)}
    return data | {"idf": idf}


def term_weights(folder: Path) -> tuple[dict[str, float], float]:
    """The idf of the most frequent stems over SciFact and, where present, the ACL Anthology; and that of any other."""
    rates: dict[str, float] = defaultdict(float)
    sources = [
        path for path in (folder / "scifact" / "corpus.jsonl.gz", folder / "acl_anthology.jsonl.gz") if path.is_file()
    ]
    for path in sources:
        counts: Counter[str] = Counter()
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            taken = [json.loads(line) for _, line in zip(range(_IDF_ABSTRACTS), lines, strict=False)]
        for record in taken:
            counts.update(set(terms(f"{record['title']} {record['text']}")))
        for term, count in counts.items():
            rates[term] += count / len(taken) / len(sources)
    common = sorted(rates.items(), key=lambda item: (-item[1], item[0]))[:_IDF_TERMS]
    return {term: round(-math.log(rate), 1) for term, rate in sorted(common)}, round(-math.log(common[-1][1]) + 1, 1)


_FIRST_CHOICES = {
    "shift": 2.0, "power": 1.0, "supported": 0.5, "partly": 0.2, "threshold": 0.2, "most": 3, "margin": 0.3,
}  # fmt: skip


def _scorer(model: SupportModel | Sequence[SupportModel], measured: Sequence[Measured]) -> Scorer:
    def of(place: int) -> SupportModel:
        return model if isinstance(model, SupportModel) else model[place]

    def score(place: int, what: str) -> Floats:
        item = measured[place]
        if what == "places":
            return sigmoid(of(place).logit("place", np.hstack([item.rows, item.context])))
        return of(place).score(item.rows if what == "sentences" else item.sets)

    return score


def cosine_scorer(measured: Sequence[Measured]) -> Scorer:
    """The baseline: MiniLM's cosine, and nothing else."""
    return lambda place, what: (measured[place].sets if what == "sets" else measured[place].rows)[:, 0]


def train(folder: Path, embed: Embed) -> dict[str, Any]:
    """The model as JSON. Takes some minutes, nearly all for the vectors; prints what cross-validation gave."""
    idf, rarest = term_weights(folder)
    measured = measure(read_pairs(folder, "train"), embed, lambda term: idf.get(term, rarest))
    folds = [zlib.crc32(item.pair.doc.encode()) % _FOLDS for item in measured]
    choices: dict[str, Any] = {**_FIRST_CHOICES, "rarest": rarest}
    held_out = [
        SupportModel.from_json(
            _model(_fit_parts([m for m, f in zip(measured, folds, strict=True) if f != fold]), choices, {})
        )
        for fold in range(_FOLDS)
    ]

    def crossed(shift: float, power: float) -> dict[str, float]:
        models = [replace(held_out[fold], shift=shift, power=power) for fold in folds]
        return tasks(measured, _scorer(models, measured))

    # The part of each question in the score: as much agreement as the two tasks that compete for it bear on average.
    choices["shift"], choices["power"] = max(
        product((0.0, 1.0, 2.0, 3.0), (0.5, 1.0, 1.5, 2.0)),
        key=lambda pair: (lambda got: got["support_vs_none"] + got["support_vs_contradict"])(crossed(*pair)),
    )
    score = _scorer([held_out[fold] for fold in folds], measured)
    f1, threshold, most, margin = _best_rule(measured, [score(place, "places") for place in range(len(measured))])
    choices["threshold"], choices["most"], choices["margin"] = threshold, most, margin
    print({"cross-validation": crossed(choices["shift"], choices["power"]) | {"rationale_f1": f1}})
    cosine = cosine_scorer(measured)
    simple = _best_rule(measured, [cosine(place, "places") for place in range(len(measured))])
    print({"cosine": tasks(measured, cosine) | {"rationale_f1": simple[0]}, "rule": simple[1:]})
    parts = _fit_parts(measured)
    model = SupportModel.from_json(_model(parts, choices, idf))
    choices["supported"], choices["partly"] = _thresholds(
        read_restated(folder)[::2], SupportChecker(embed, model=model)
    )
    return _model(parts, {name: round(value, 4) for name, value in choices.items()}, idf)


def _thresholds(restated: Sequence["Restated"], checker: SupportChecker) -> tuple[float, float]:
    """From every second restated sentence: `supported` and `partly`.

    One in a hundred of another paper's nearest sentences scores at least `supported`, and nineteen in twenty of the
    original's nearest sentences at least `partly`.
    """
    if not restated:
        return _FIRST_CHOICES["supported"], _FIRST_CHOICES["partly"]
    right = [max(checker.rank(item.claim, item.original)) for item in restated]
    wrong = [max(checker.rank(item.claim, item.other)) for item in restated]
    return float(np.quantile(wrong, 0.99)), float(np.quantile(right, 0.05))


# --- Paraphrases ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Restated:
    """A sentence restated in other words, with the sentences of the original abstract, and those of another paper."""

    claim: str
    original: tuple[str, ...]
    other: tuple[str, ...]
    foreign_name: str
    title: str


def read_restated(folder: Path) -> list[Restated]:
    """The sample collection's sentences beside the abstracts they restate; empty where the listing is absent."""
    listings = sorted(folder.glob("000_*.txt"))
    if not listings:
        return []
    lines = [line.strip() for line in listings[0].read_text(encoding="utf-8").splitlines() if line.strip()]
    original = dict(pairwise(lines))
    papers = [{"title": paper.title, "abstract": paper.abstract} for paper in sample_papers()]
    papers = [paper for paper in papers if len(original.get(paper["title"], "")) > 200]
    split = [tuple(sentence.text for sentence in sentences(original[paper["title"]])) for paper in papers]
    coined = [next(iter(wording.names(paper["abstract"])), "BERT-XL") for paper in papers]
    return [
        Restated(sentence.text, split[place], split[place - 1], coined[place - 1], paper["title"])
        for place, paper in enumerate(papers)
        for sentence in sentences(paper["abstract"])
    ]


def other_number(claim: str) -> str | None:
    """The claim with its first number in digits changed, or None if it has none."""
    held = [quantity for quantity in wording.quantities(claim) if quantity.written[0].isdigit()]
    if not held:
        return None
    digits = re.match(r"[\d.,]*\d", held[0].written)
    assert digits is not None
    changed = re.sub(r"\d", lambda digit: str((int(digit[0]) + 3) % 9 + 1), digits[0])
    return claim.replace(held[0].written, changed + held[0].written[digits.end() :], 1)


def other_name(claim: str, name: str) -> str | None:
    """The claim with its first name replaced, or None if it names nothing."""
    held = wording.names(claim)
    return claim.replace(held[0], name, 1) if held and held[0] != name else None


_TURNS = (
    (r"\b(is|are|was|were|can|does|do|could|has|have) not\b", r"\1"),
    (r"\bwithout\b", "with"),
    (r"\bincreas(e|es|ed|ing)\b", r"decreas\1"),
    (r"\bdecreas(e|es|ed|ing)\b", r"increas\1"),
    (r"\bimprov(e|es|ed|ing)\b", r"worsen\1"),
    (r"\boutperform(s|ed|ing)?\b", r"underperform\1"),
    (r"\bhigher\b", "lower"),
    (r"\blower\b", "higher"),
    (r"\bbetter\b", "worse"),
    (r"\bmore\b", "less"),
    (r"\b(is|are|was|were|can|does|could|has|have)\b", r"\1 not"),
)


def turned(claim: str) -> str | None:
    """The claim with its direction or negation turned round, or None if it has none of a few common words."""
    for pattern, replacement in _TURNS:
        if re.search(pattern, claim):
            return re.sub(pattern, replacement, claim, count=1)
    return None


def paraphrase_labels(restated: Sequence[Restated], checker: SupportChecker) -> dict[str, dict[str, int]]:
    """Counts of labels for restated sentences against their best original sentence, and for four ways to be wrong."""
    groups: dict[str, list[tuple[str, Sequence[str]]]] = defaultdict(list)
    for item in restated:
        best = [_nearest(item.claim, item.original, checker)]
        groups["restated"].append((item.claim, best))
        groups["restated, whole abstract"].append((item.claim, item.original))
        groups["another paper"].append((item.claim, [_nearest(item.claim, item.other, checker)]))
        for kind, wrong in (
            ("number changed", other_number(item.claim)),
            ("name swapped", other_name(item.claim, item.foreign_name)),
            ("direction turned", turned(item.claim)),
        ):
            if wrong:
                groups[kind].append((wrong, best))
    return {
        kind: dict(Counter(str(verdict.label) for verdict in checker.check_all(pairs)))
        for kind, pairs in groups.items()
    }


# --- Report ---------------------------------------------------------------------------------------------------------


def evaluate(folder: Path, embed: Embed) -> dict[str, Any]:
    """What the shipped model does on SciFact's validation part, which nothing was chosen on.

    - `confusion`: expert label -> our label -> count; evidence is the rationale set, and where the expert found no
      information the sentence of the abstract with the highest support score.
    - `auroc`: task -> {"ours", "cosine"}; see `tasks`.
    - `rationale_f1`: {"ours", "cosine"}, each with its own rule chosen on the train part; the cosine's is given in
      `COSINE_RULE`.
    - `paraphrases`: kind -> our label -> count, where the listing of the sample's originals is present; thresholds were
      set on every second of these sentences, and this counts the others.
    """
    checker = SupportChecker(embed)
    model = checker.model
    measured = measure(read_pairs(folder, "validation"), embed, lambda term: model.idf.get(term, model.rarest))
    ours, cosine = _scorer(model, measured), cosine_scorer(measured)
    mine, theirs = tasks(measured, ours), tasks(measured, cosine)
    cases: list[tuple[str, str, Sequence[str]]] = []
    for place, item in enumerate(measured):
        pair = item.pair
        if pair.label:
            cases += [
                (pair.label, pair.claim, [pair.abstract[number] for number in places]) for places in pair.rationales
            ]
        else:
            cases.append(("none", pair.claim, [pair.abstract[int(np.argmax(ours(place, "sentences")))]]))
    verdicts = checker.check_all([(claim, evidence) for _, claim, evidence in cases])
    confusion = {expert: {str(label): 0 for label in Label} for expert in ("SUPPORT", "CONTRADICT", "none")}
    for (expert, _, _), verdict in zip(cases, verdicts, strict=True):
        confusion[expert][verdict.label] += 1

    def f1(score: Scorer, rule: tuple[float, int, float]) -> float:
        return rationale_f1(measured, [score(place, "places") for place in range(len(measured))], *rule)

    return {
        "confusion": confusion,
        "auroc": {task: {"ours": mine[task], "cosine": theirs[task]} for task in mine},
        "rationale_f1": {
            "ours": f1(ours, (model.threshold, model.most, model.margin)),
            "cosine": f1(cosine, COSINE_RULE),
        },
        "paraphrases": paraphrase_labels(read_restated(folder)[1::2], checker),
    }


def main(arguments: Sequence[str]) -> int:
    """The command. Returns the exit code."""
    if len(arguments) != 1 or not (Path(arguments[0]) / "scifact" / "claims.jsonl").is_file():
        print("usage: python -m assistant.support_training FOLDER  (with scifact/claims.jsonl inside)", file=sys.stderr)
        return 2
    kept: dict[str, NDArray[np.float32]] = {}
    embedder = open_embedder("minilm")

    def embed(texts: Sequence[str]) -> NDArray[np.float32]:
        new = [text for text in dict.fromkeys(texts) if text not in kept]
        kept.update(zip(new, embedder.embed(new), strict=True))
        return np.array([kept[text] for text in texts])

    data = train(Path(arguments[0]), embed)
    MODEL_FILE.write_text(json.dumps(data, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(evaluate(Path(arguments[0]), embed), indent=1))
    return 0


def _nearest(claim: str, texts: Sequence[str], checker: SupportChecker) -> str:
    return texts[int(np.argmax(checker.similarity(claim, texts)))]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
