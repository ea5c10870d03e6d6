"""Names for groups of papers: runs of words that many papers of a group share and few others use.

As in class-based TF-IDF (Grootendorst, 2022). A name holds words of the papers themselves and is written as they write
it; of two groups that a name fits, the one it fits better gets it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from math import log, sqrt
from typing import NamedTuple

from .lexicon import terms
from .papers import Paper, plain_text

Key = tuple[str, ...]  # the stems of a run of words

_PAPERS_READ = 150  # of a theme, the most central; more hardly change its words
_NAME_TOKENS, _NAME_WORDS, _NAME_CHARACTERS = 4, 3, 40  # "model-based reinforcement learning": four tokens, three words
_LENGTH_BONUS = (0.0, 1.0, 1.8, 2.2, 2.2)  # by tokens: "attention" is vague beside "attention heads"
_RARE = 0.05  # added to both shares, so that a word of one paper does not count as infinitely telling
_DOUBTFUL = 0.2  # what a name is worth that no title holds, that one paper of several holds, or that is vague
_OFFERS = 60
_SECOND = 0.4  # of the best name's worth: a second one stands beside a name of one word

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


class _Token(NamedTuple):
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
    # No counters: each takes as long to make as all else that is done with a run, and most runs are seen once.
    within: dict[str, int] = field(default_factory=dict)  # inside sentences, where a capital means something
    elsewhere: dict[str, int] = field(default_factory=dict)


def names(groups: Sequence[Sequence[Paper]], topic: str) -> list[str]:
    """A name for each group, no two alike; each comes with its most central papers first.

    The best fits, and large groups, choose first; a name of one word may have a second one behind a comma. Several
    groups of one `topic` are not named by its words alone.
    """
    texts = [[_texts(paper) for paper in group[:_PAPERS_READ]] for group in groups]
    spellings: defaultdict[str, int] = defaultdict(int)
    runs = [_runs(group, spellings) for group in texts]
    cases = _cases(spellings)
    asked = tuple(token.stem for token in _tokens(topic) if token.stem) if len(groups) > 1 else ()
    offers = sorted(
        (_says(key, asked), -score * len(texts[group]) ** 0.25, group, key)
        for group, offered in enumerate(_offers(runs, [len(group) for group in texts]))
        for score, key in offered
    )
    chosen: dict[int, str] = {}
    taken: list[Key] = []
    for _, _, group, key in offers:
        if group in chosen or any(_says(key, other) or _says(other, key) for other in taken):
            continue
        name = _spelt(runs[group][key], cases)
        if name.lower() not in (other.lower() for other in chosen.values()):
            chosen[group] = name
            taken.append(key)
    best = {group: -weight for _, weight, group, _ in reversed(offers)}
    seconds: dict[int, str] = {}
    for of_topic, weight, group, key in offers:
        # a word alone is thin: what else the group's papers share stands beside it
        if group in seconds or " " in chosen.get(group, " ") or of_topic or -weight < _SECOND * best[group]:
            continue
        if not any(_says(key, other) or _says(other, key) for other in taken):
            seconds[group] = _spelt(runs[group][key], cases)
            taken.append(key)
    for group, read in enumerate(texts):
        if group not in chosen:
            chosen[group] = _last_resort([title for title, _ in read], {name.lower() for name in chosen.values()})
    return [f"{chosen[group]}, {seconds[group]}" if group in seconds else chosen[group] for group in range(len(groups))]


def _texts(paper: Paper) -> tuple[str, str]:
    return _OPAQUE.sub(" | ", paper.display_title), _OPAQUE.sub(" | ", plain_text(paper.abstract))


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    before = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        found.append(_Token(start, end, _stem(match[0]), text[before:start] if found else ""))
        before = end
    return found


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    if word.endswith("s") and word[:-1].isupper():
        word = word[:-1]  # "LLMs", which the stemmer leaves as it is
    return "" if word.lower() in _boundaries() else "".join(terms(word))


@cache
def _boundaries() -> frozenset[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # here, as loading it takes a second

    said = _SAYING.split()
    forms = {word + ending for word in said for ending in _ENDINGS}
    forms |= {word[:-1] + ending for word in said for ending in _CUT_ENDINGS}
    return frozenset(forms | (ENGLISH_STOP_WORDS - _NO_STOP_WORDS))


@cache
def _vague() -> frozenset[str]:
    return frozenset(terms(_VAGUE))


def _cases(spellings: Mapping[str, int]) -> dict[str, str]:
    """How each word is mostly written inside sentences, by its lower case: "Bayesian", "LLM", but "learning".

    `spellings` says how often each was seen there. A word that was seen with a capital only once is left out: it
    may be a part of a longer name.
    """
    mostly: dict[str, str] = {}
    for form in sorted(spellings, key=lambda form: (spellings[form], form)):
        mostly[form.lower()] = form
    return {word: form for word, form in mostly.items() if form == word or spellings[form] > 1}


def _runs(texts: Sequence[tuple[str, str]], spellings: defaultdict[str, int]) -> dict[Key, _Run]:
    """What is known of each run of words; counts in `spellings` how words are written inside sentences."""
    runs: dict[Key, _Run] = defaultdict(_Run)
    for title, abstract in texts:
        in_title = _read(title, runs, None)
        for key in in_title:
            runs[key].titles += 1
        for key in in_title | _read(abstract, runs, spellings):
            runs[key].papers += 1
    least = len(texts) // 50  # runs of hardly any paper take memory and name nothing
    return {key: run for key, run in runs.items() if run.papers > least}


def _read(text: str, runs: dict[Key, _Run], spellings: defaultdict[str, int] | None) -> set[Key]:
    """Counts every run of words in a text that may be a name; returns them. In a title no spelling counts."""
    tokens, found = _tokens(text), set()
    for start, first in enumerate(tokens):
        before = first.joint in _JOINTS and tokens[start - 1].stem != ""
        in_sentence = False
        if spellings is not None and start and _SENTENCE_END.isdisjoint(first.joint):
            in_sentence = True
            spellings[text[first.start : first.end]] += 1
        for stop, key in _runs_from(tokens, start):
            after = stop < len(tokens) and tokens[stop].joint in _JOINTS and tokens[stop].stem != ""
            spelling = text[first.start : tokens[stop - 1].end]
            if len(spelling) > _NAME_CHARACTERS or spelling.count(" ") >= _NAME_WORDS:
                break
            run = runs[key]
            run.seen += 1
            run.open_left += before
            run.open_right += after
            spelt = run.within if in_sentence and not after else run.elsewhere
            spelt[spelling] = spelt.get(spelling, 0) + 1
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
