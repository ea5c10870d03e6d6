"""Papers grouped into themes by the meaning of their texts, names for the themes, and places for the papers in a plane.

Groups: Ward's hierarchy over the vectors as seen from their mean; each cut of it is tightened by spherical k-means, and
silhouettes (Rousseeuw, 1987) choose the cut. Names: runs of words that many papers of a theme share and few others use,
as in class-based TF-IDF (Grootendorst, 2022). Places: t-SNE. Large collections are worked out on a fixed sample.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import pairwise
from math import log, sqrt

import numpy as np
from numpy.typing import NDArray

from .lexicon import terms
from .papers import Paper, plain_text

# Each function imports what it needs of scikit-learn, which takes a second to load.

Vectors = NDArray[np.float32]
Labels = NDArray[np.intp]
Key = tuple[str, ...]  # the stems of a run of words

_SEED = 0
_SAMPLE = 2000  # Ward and silhouettes need all pairs: 32 MB and half a second for so many
_PAPERS_PER_THEME = 3  # at least, on average: a reader wants few themes that mean something
# Unrelated vectors reach a silhouette of 0.08 (4 of them) to 0.04 (40 and more) in 19 of 20 draws, papers about 0.15.
_CHANCE, _CHANCE_OF_ONE = 0.05, 0.15
_NEAR_BEST = 0.045  # of several cuts so close to the best silhouette, the finest tells the reader most
_SAME = 1e-4  # rows nearer than this to their mean are one text


@dataclass(frozen=True, slots=True)
class Theme:
    """A group of papers that speak of one thing. `papers` holds their ids, the most central first.

    `name` is one to four words of the papers themselves, such as "KV cache compression"; no two themes share one.
    """

    name: str
    papers: tuple[str, ...]


def themes(papers: Sequence[Paper], vectors: Vectors, *, most: int, topic: str = "") -> tuple[Theme, ...]:
    """At most `most` themes, the largest first; every paper is in exactly one. The same papers give the same themes.

    `vectors` has one row of length 1 per paper. `topic` is what the reader asked for: several themes of one topic are
    not named by its words alone. Raises `ValueError` if papers and rows differ in number or `most` is below 1.
    """
    if len(papers) != len(vectors) or most < 1:
        raise ValueError(f"{len(papers)} papers, {len(vectors)} vectors and at most {most} themes do not go together")
    if not papers:
        return ()
    labels = _groups(vectors, most)
    members = [_central_first(vectors, np.flatnonzero(labels == group)) for group in range(labels.max() + 1)]
    members.sort(key=lambda rows: (-len(rows), rows[0]))
    names = _names([[papers[row] for row in rows] for rows in members], topic)
    return tuple(Theme(name, tuple(papers[row].id for row in rows)) for name, rows in zip(names, members, strict=True))


# -- groups -----------------------------------------------------------------------------------------------------------


def _groups(vectors: Vectors, most: int) -> Labels:
    """The group of each row, counting from 0, without gaps."""
    # What all the papers have in common, such as the topic they were found by, does not tell them apart.
    seen = vectors - vectors.mean(axis=0)
    if len(vectors) < 4 or most < 2 or np.linalg.norm(seen, axis=1).max() < _SAME:
        return np.zeros(len(vectors), dtype=np.intp)
    seen = _unit(seen)
    sample = _sample(len(vectors), _SAMPLE)
    labels = _best_cut(seen[sample], min(most, max(2, len(sample) // _PAPERS_PER_THEME)))
    if len(sample) == len(vectors):
        return labels
    return _tightened(seen, (seen @ _centres(seen[sample], labels).T).argmax(axis=1))


def _sample(count: int, size: int) -> Labels:
    if count <= size:
        return np.arange(count)
    return np.sort(np.random.default_rng(_SEED).choice(count, size, replace=False))


def _best_cut(vectors: Vectors, most: int) -> Labels:
    from sklearn.cluster import ward_tree
    from sklearn.metrics import silhouette_score

    count = len(vectors)
    merges = ward_tree(vectors)[0]
    distances = np.clip(1 - vectors @ vectors.T, 0, None)
    np.fill_diagonal(distances, 0)
    cuts = [(0.0, np.zeros(count, dtype=np.intp))]
    for groups in range(2, most + 1):
        labels = _joined(vectors, _tightened(vectors, _cut(merges, count, groups)))
        if 1 < labels.max() + 1 < count:
            cuts.append((float(silhouette_score(distances, labels, metric="precomputed")), labels))
    best = max(score for score, _ in cuts)
    if best < _CHANCE + _CHANCE_OF_ONE / count:
        return cuts[0][1]
    return max((labels for score, labels in cuts if score >= best - _NEAR_BEST), key=lambda labels: labels.max())


def _cut(merges: NDArray[np.intp], count: int, groups: int) -> Labels:
    """The tree cut into so many groups: its first `count - groups` merges, each of which makes a node of two."""
    node = np.arange(count)
    for number, (left, right) in enumerate(merges[: count - groups]):
        node[(node == left) | (node == right)] = count + number
    return np.unique(node, return_inverse=True)[1]


def _tightened(vectors: Vectors, labels: Labels) -> Labels:
    """Spherical k-means from the given groups: each row goes to the nearest centre until none moves."""
    for _ in range(20):
        nearest = (vectors @ _centres(vectors, labels).T).argmax(axis=1)
        nearest = np.unique(nearest, return_inverse=True)[1]
        if np.array_equal(nearest, labels):
            break
        labels = nearest
    return labels


def _joined(vectors: Vectors, labels: Labels) -> Labels:
    """A lone row joins the nearest group, unless it is further from it than every row is from its own group."""
    sizes = np.bincount(labels)
    alone = sizes == 1
    if not alone.any() or alone.all():
        return labels
    closeness = vectors @ _centres(vectors, labels).T
    furthest = min(closeness[row, group] for row, group in enumerate(labels) if not alone[group])
    labels = labels.copy()
    closeness[:, alone] = -2.0
    for row in np.flatnonzero(alone[labels]):
        if closeness[row].max() >= furthest:
            labels[row] = closeness[row].argmax()
    return np.unique(labels, return_inverse=True)[1]


def _central_first(vectors: Vectors, rows: Labels) -> list[int]:
    closeness = vectors[rows] @ vectors[rows].mean(axis=0)
    return [int(row) for row in rows[np.argsort(-closeness.round(6), kind="stable")]]


def _centres(vectors: Vectors, labels: Labels) -> Vectors:
    return _unit(np.stack([vectors[labels == group].mean(axis=0) for group in range(labels.max() + 1)]))


def _unit(rows: Vectors) -> Vectors:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)


# -- names ------------------------------------------------------------------------------------------------------------

_PAPERS_READ = 150  # of a theme, the most central; more hardly change its words
_NAME_TOKENS, _NAME_WORDS, _NAME_CHARACTERS = 4, 3, 40  # "model-based reinforcement learning": four tokens, three words
_LENGTH_BONUS = (0.0, 1.0, 1.8, 2.2, 2.2)  # by tokens: "attention" is vague beside "attention heads"
_RARE = 0.05  # added to both shares, so that a word of one paper does not count as infinitely telling
_DOUBTFUL = 0.2  # what a name is worth that no title holds, that one paper of several holds, or that is vague
_OFFERS = 60

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)*")
_OPAQUE = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|</?[A-Za-z][^<>]{0,80}>")
_HYPHENS = frozenset("-‐‑–")
_JOINTS = _HYPHENS | {" "}
_SENTENCE_END = frozenset(".!?:|")
_ADJECTIVE = re.compile(r"(?:ual|ical|onal|mal|tic|dic|ive|ous|able|ible)$")  # not "retrieval", "topic" or "signal"

_ENDINGS, _CUT_ENDINGS = ("", "s", "es", "d", "ed", "ing", "ly"), ("ing", "ies", "ied", "y")
_NO_STOP_WORDS = {"bill", "computer", "fire", "interest", "mill", "system"}  # scikit-learn's list has these as well

# Words that say what papers do, or how well, rather than what they are about: no name holds a form of one.
_SAYING = (
    "able abstract according accurate achieve additional address advance aim al allow analyse analyze applied "
    "apply author available based beat benefit best better bring broad build call capture careful case challenge "
    "combine comparable compare comparison competitive comprehensive computed conclusion conduct consider "
    "considerable consistent contribute crucial current decrease define demonstrate demystify depend derive "
    "describe designed designing despite developed developing difference different difficult directly discuss "
    "diverse doi effective efficient empirical employ enable encourage enhance enrich ensure entire especially "
    "essential establish et evaluate evidence examine example excellent exhibit existing experiment explain "
    "exploit explore extend extensive finally focus follow fully fundamental furthermore generate give given goal "
    "good great higher highest hold hope identify ii iii impact important improve improvement include increase "
    "indicate inspire instance instead introduce investigate involve issue just known lack larger largest lead "
    "led let leverage like limit lot lower main major make manner means motivate multiple nearly necessary need "
    "new notably novel numerous observe obtain offer original outperform outperforms overall overcome paper "
    "particular performed performing performs popular possible potential powerful present previous primary prior "
    "produce promising propose prove proven provide publicly quickly recent reduce relate related release "
    "relevant rely remain reported reports require respective result rethink reveal revisit rich second seen "
    "select shed show shown significant similar simple simply simultaneously small solve specifically store "
    "strong studied study substantial successful suffer suggest superior surpass tackle take think today "
    "traditional trained treat true try turn typical uncover unique unleash unlike unlock unveil use usually "
    "utilize validate variety various vary verify version vs way widespread work worth yield"
)
# Words of any field: part of a name, but not the whole of one.
_VAGUE = (
    "ability accuracy adaptation algorithm analysis application approach architecture art aspect baseline "
    "benchmark capability characteristic common complex component computation concept condition context cost data "
    "dataset deep design development domain effect efficiency environment error evaluation factor feature field "
    "form framework function general generation group high human information input item knowledge language large "
    "learning length level long low measure mechanism method metric model module natural network neural number "
    "object open operation order output parameter part pattern performance policy practice problem procedure "
    "process property purpose quality question rate real representation research result robust role rule run "
    "sample scale scheme score sequence setting single solution source space stage standard state step strategy "
    "structure support system target task technique technology term test text theory time tool training type "
    "understanding unit user value variable wide word world"
)


@dataclass(frozen=True, slots=True)
class _Token:
    """The word `text[start:end]`. `stem` is empty if no name may hold it; `joint` is what lies before it."""

    start: int
    end: int
    stem: str
    joint: str


@dataclass(slots=True)
class _Run:
    """What is known of a run of words in one theme: how many papers and titles hold it, where, and how it is spelt.

    `open_left` and `open_right` count where one more naming word follows, so that the run is only part of a name.
    """

    papers: int = 0
    titles: int = 0
    seen: int = 0
    open_left: int = 0
    open_right: int = 0
    within: Counter[str] = field(default_factory=Counter)  # inside sentences, where a capital means something
    elsewhere: Counter[str] = field(default_factory=Counter)


def _names(groups: Sequence[Sequence[Paper]], topic: str) -> list[str]:
    """A name for each group, whose most central papers come first. The best fits, and large groups, choose first."""
    texts = [[_texts(paper) for paper in group[:_PAPERS_READ]] for group in groups]
    cases = _cases(abstract for group in texts for _, abstract in group)
    runs = [_runs(group) for group in texts]
    asked = tuple(token.stem for token in _tokens(topic) if token.stem) if len(groups) > 1 else ()
    offers = sorted(
        (_says(key, asked), -score * len(texts[group]) ** 0.25, group, key)
        for group, offered in enumerate(_offers(runs, [len(group) for group in texts]))
        for score, key in offered
    )
    names: dict[int, str] = {}
    taken: list[Key] = []
    for _, _, group, key in offers:
        if group in names or any(_says(key, other) or _says(other, key) for other in taken):
            continue
        name = _spelt(runs[group][key], cases)
        if name.lower() not in (other.lower() for other in names.values()):
            names[group] = name
            taken.append(key)
    for group, read in enumerate(texts):
        if group not in names:
            names[group] = _last_resort([title for title, _ in read], {name.lower() for name in names.values()})
    return [names[group] for group in range(len(groups))]


def _texts(paper: Paper) -> tuple[str, str]:
    return _OPAQUE.sub(" | ", paper.display_title), _OPAQUE.sub(" | ", plain_text(paper.abstract))


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    for match in _TOKEN.finditer(text):
        joint = text[found[-1].end : match.start()] if found else ""
        found.append(_Token(match.start(), match.end(), _stem(match[0]), joint))
    return found


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if word.endswith("s") and word[:-1].isupper():
        word = word[:-1]  # "LLMs", which the stemmer leaves as it is
    return "" if word.lower() in _boundaries() else "".join(terms(word))


@cache
def _boundaries() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    said = _SAYING.split()
    forms = {word + ending for word in said for ending in _ENDINGS}
    forms |= {word[:-1] + ending for word in said for ending in _CUT_ENDINGS}
    return frozenset(forms | (ENGLISH_STOP_WORDS - _NO_STOP_WORDS))


@cache
def _vague() -> frozenset[str]:
    return frozenset(terms(_VAGUE))


def _cases(abstracts: Iterable[str]) -> dict[str, str]:
    """How each word is mostly written inside sentences, by its lower case: "Bayesian", "LLM", but "learning".

    A word that was seen with a capital only once is left out: it may be a part of a longer name.
    """
    seen: dict[str, Counter[str]] = defaultdict(Counter)
    for abstract in abstracts:
        for before, match in pairwise(_TOKEN.finditer(abstract)):
            if _SENTENCE_END.isdisjoint(abstract[before.end() : match.start()]):
                seen[match[0].lower()][match[0]] += 1
    mostly = {word: max(forms, key=lambda form: (forms[form], form)) for word, forms in seen.items()}
    return {word: form for word, form in mostly.items() if form == word or seen[word][form] > 1}


def _runs(texts: Sequence[tuple[str, str]]) -> dict[Key, _Run]:
    runs: dict[Key, _Run] = defaultdict(_Run)
    for title, abstract in texts:
        in_title = _read(title, runs, title=True)
        for key in in_title:
            runs[key].titles += 1
        for key in in_title | _read(abstract, runs, title=False):
            runs[key].papers += 1
    least = len(texts) // 50  # runs of hardly any paper take memory and name nothing
    return {key: run for key, run in runs.items() if run.papers > least}


def _read(text: str, runs: dict[Key, _Run], *, title: bool) -> set[Key]:
    """Counts every run of words in a text that may be a name; returns them."""
    tokens, found = _tokens(text), set()
    for start, first in enumerate(tokens):
        before = tokens[start - 1].stem if first.joint in _JOINTS else ""
        for stop, key in _runs_from(tokens, start):
            after = tokens[stop].stem if stop < len(tokens) and tokens[stop].joint in _JOINTS else ""
            spelling = text[first.start : tokens[stop - 1].end]
            if len(spelling) > _NAME_CHARACTERS or len(spelling.split()) > _NAME_WORDS:
                break
            run = runs[key]
            run.seen += 1
            run.open_left += bool(before)
            run.open_right += bool(after)
            inside = not title and start > 0 and _SENTENCE_END.isdisjoint(first.joint)
            (run.within if inside and not after else run.elsewhere)[spelling] += 1
            found.add(key)
    return found


def _runs_from(tokens: Sequence[_Token], start: int) -> Iterator[tuple[int, Key]]:
    """The runs that begin at a token, as where they stop and their stems; never with a part of a hyphenated word."""
    key: Key = ()
    if tokens[start].joint in _HYPHENS or tokens[start].stem.isdigit():
        return
    for stop in range(start + 1, min(start + _NAME_TOKENS, len(tokens)) + 1):
        last = tokens[stop - 1]
        if not last.stem or (key and last.joint not in _JOINTS):
            return
        key = (*key, last.stem)
        lone = len(last.stem) == 1 and last.stem.isascii()  # "H + H", "x"; but "Q-learning", "Wav2Vec 2"
        if (lone and not last.stem.isdigit() and last.joint not in _HYPHENS) and stop - start > 1:
            return
        if (stop == len(tokens) or tokens[stop].joint not in _HYPHENS) and not (lone and stop - start == 1):
            yield stop, key


def _offers(runs: Sequence[dict[Key, _Run]], counts: Sequence[int]) -> Iterator[list[tuple[float, Key]]]:
    """For each group its best names with their scores: shared by its papers, rare in other groups, whole, in titles."""
    shares = [
        {key: run.papers / (count + 1) for key, run in found.items()} for found, count in zip(runs, counts, strict=True)
    ]
    total: Counter[Key] = Counter()
    for share in shares:
        total.update(share)
    for found, share, count in zip(runs, shares, counts, strict=True):
        scored: list[tuple[float, Key]] = []
        for key, run in found.items():
            vague = all(stem in _vague() or stem.isdigit() for stem in key)
            if vague and len(key) == 1:
                continue
            elsewhere = (total[key] - share[key]) / max(1, len(runs) - 1)
            telling = log((share[key] + _RARE) / (elsewhere + _RARE))
            whole = (1 - run.open_right / run.seen) * sqrt(1 - run.open_left / run.seen)
            titled = min(1.0, 3 * (run.titles + 0.5) / (run.papers + 1))  # what titles hold is a noun, seldom a verb
            doubts = (not run.titles) + (run.papers == 1 < count) + vague * (1.0 if len(key) == 2 else 0.3)
            doubts += len(key) == 1 and any(map(_ADJECTIVE.search, run.within or run.elsewhere))
            weight = _LENGTH_BONUS[len(key)] * (titled if len(key) == 1 else sqrt(titled)) * _DOUBTFUL**doubts
            scored.append((share[key] * telling * whole * weight, key))
        yield sorted((item for item in scored if item[0] > 0), key=lambda item: (-item[0], item[1]))[:_OFFERS]


def _says(name: Key, other: Key) -> bool:
    """Whether a name says nothing that the other does not: some of its words, or the one short for the other."""
    if set(name) <= set(other):
        return True
    return any(
        stem == "".join(part[0] for part in long)
        for short, long in ((name, other), (other, name))
        for stem in short
        if len(long) > 1
    )


def _spelt(run: _Run, cases: dict[str, str]) -> str:
    """The commonest spelling inside sentences, with few capitals if in doubt; else one of a title, as in sentences."""
    if run.within:
        often = max(run.within.values()) / 3
        common = [spelling for spelling, times in run.within.items() if times >= often]
        first = max(common, key=lambda spelling: (run.within[spelling], spelling)).lower()
        return max(spelling for spelling in common if spelling.lower() == first)  # "m" sorts after "M"
    spelling = max(run.elsewhere, key=lambda form: (run.elsewhere[form], form))
    words = [word.lower() for word in _TOKEN.findall(spelling)]
    return _TOKEN.sub(lambda match: cases[match[0].lower()], spelling) if cases.keys() >= set(words) else spelling


def _last_resort(titles: Sequence[str], taken: set[str]) -> str:
    """The first words of a title, or a number if no title has words."""
    starts = (" ".join(_TOKEN.findall(title)[:4])[:_NAME_CHARACTERS].strip() for title in titles)
    numbers = (f"Theme {number}" for number in range(1, len(taken) + 2))
    return next(name for name in (*starts, *numbers) if name and name.lower() not in taken)


# -- places -----------------------------------------------------------------------------------------------------------

_PULL = 0.35  # how far each paper is drawn to its group's centre before it gets its place
_LANDMARKS = 1000  # placed by t-SNE, in seconds; any others are placed by them
_NEIGHBOURS, _SHARPNESS, _CHUNK = 3, 20.0, 4096
_PARTED = 300  # up to so many dots can be kept apart by all pairs in 0.2 s; more are a cloud anyway
_MARGIN = 0.03


def layout(vectors: Vectors, groups: Sequence[int]) -> Vectors:
    """Places in a plane, one row per paper, both coordinates from 0 to 1. The same input gives the same places.

    Papers near in meaning, and papers of one group, are near in the plane; up to a few hundred do not cover each other.
    `vectors` has one row of length 1 per paper, `groups` the number of its theme.
    """
    count = len(vectors)
    if count < 3:
        return np.array([(0.5, 0.5)] if count == 1 else [(0.25, 0.5), (0.75, 0.5)][:count], np.float32).reshape(-1, 2)
    seen = _unit(vectors - vectors.mean(axis=0))
    labels = np.unique(np.asarray(groups), return_inverse=True)[1]
    seen = (1 - _PULL) * seen + _PULL * _centres(seen, labels)[labels]
    if count <= _LANDMARKS:
        return _spread(_embedded(seen))
    chosen = _sample(count, _LANDMARKS)
    return _spread(_beside(seen, seen[chosen], _embedded(seen[chosen])))


def _embedded(rows: Vectors) -> Vectors:
    if np.ptp(rows, axis=0).max() < _SAME:
        return np.zeros((len(rows), 2), dtype=np.float32)
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    tsne = TSNE(perplexity=min(30.0, (len(rows) - 1) / 3), metric="cosine", random_state=_SEED)
    # Its threads wait for each other at every step: 1 s becomes 28 s where another process is busy on one of two cores.
    with threadpool_limits(1, user_api="openmp"):
        return np.asarray(tsne.fit_transform(rows), dtype=np.float32)


def _beside(rows: Vectors, landmarks: Vectors, places: Vectors) -> Vectors:
    """Each row amid its nearest landmarks, the nearer counting more."""
    found = np.empty((len(rows), 2), dtype=np.float32)
    for start in range(0, len(rows), _CHUNK):
        closeness = rows[start : start + _CHUNK] @ landmarks.T
        nearest = np.argpartition(-closeness, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
        near = np.take_along_axis(closeness, nearest, axis=1)
        weights = np.exp(_SHARPNESS * (near - near.max(axis=1, keepdims=True)))
        weights /= weights.sum(axis=1, keepdims=True)
        found[start : start + _CHUNK] = (places[nearest] * weights[..., np.newaxis]).sum(axis=1)
    return found


def _spread(places: Vectors) -> Vectors:
    """Turned so that the longest way lies flat, what is in one place parted, and stretched to fill the square."""
    count = len(places)
    places = places - places.mean(axis=0)
    places @= np.linalg.eigh(places.T @ places)[1][:, ::-1]
    turn = np.arange(count) * np.pi * (3 - sqrt(5))  # a sunflower's seeds: no two in one direction
    seeds = np.sqrt((np.arange(count) + 0.5) / count)[:, np.newaxis] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places = _stretched(places) + 0.001 * seeds
    if count <= _PARTED:
        places = _parted(_stretched(places), 0.4 / sqrt(count))
    return np.asarray(_MARGIN + (1 - 2 * _MARGIN) * _stretched(places), dtype=np.float32)


def _stretched(places: Vectors) -> Vectors:
    extent = np.maximum(np.ptp(places, axis=0), 1e-9)
    return np.asarray((places - places.min(axis=0)) / extent, dtype=np.float32)


def _parted(places: Vectors, distance: float) -> Vectors:
    """Pairs nearer than `distance` pushed apart, a quarter of what is missing at a time."""
    for _ in range(60):
        offsets = places[:, np.newaxis] - places
        gaps = np.maximum(np.linalg.norm(offsets, axis=2), 1e-9)
        np.fill_diagonal(gaps, np.inf)
        push = np.clip(distance - gaps, 0, None) / gaps
        places = places + 0.25 * (offsets * push[..., np.newaxis]).sum(axis=1)
    return np.asarray(places, dtype=np.float32)
