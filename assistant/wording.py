"""What a sentence states, by its words: quantities with their units, names of methods, directions and negations.

Pure functions over single sentences, for the support check. English only; other languages keep their numbers and names.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from index_store import terms

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
        if bare[0].isdigit() and quantities(bare):
            continue  # 7B, 20GB
        if len(bare) > 1 and letters and (inner or mixed) and bare not in _NOT_NAMES:
            found.append(bare)
    return tuple(dict.fromkeys(found))


def squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


@lru_cache(maxsize=4096)
def _squeezed(text: str) -> tuple[frozenset[str], str, str]:
    """Of a text: its words squeezed, all of it squeezed, and the initials of its words."""
    words = [squeeze(word) for word in _NAME.findall(text)]
    parts = [part for part in re.split(r"[\W_]+", text.lower()) if part]
    return (
        frozenset(words) | frozenset(parts),
        squeeze(text),
        "".join(part[0] for part in parts if part not in ("of", "the", "and", "for", "in", "to", "a", "on", "with")),
    )


def _names_it(name: str, evidence: str) -> bool:
    words, whole, initials = _squeezed(evidence)
    squeezed = squeeze(name)
    forms = {squeezed, squeezed.removesuffix("s")}
    for form in forms:
        if form in words or form + "s" in words or (len(form) > 3 and form in whole):
            return True
    parts = [part for part in re.split(r"[-/]", name) if part]
    if len(parts) > 1 and all(squeeze(part) in words or squeeze(part).removesuffix("s") in words for part in parts):
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
    "potentiat stronger grows grew grown doubl beat beats beaten wins help helps helped"
).split()
_DOWN = (
    "decreas reduc lower less fewer diminish impair worse suppress inhibit downregul down-regul deplet loss "
    "attenuat slower "
    "underperform prevent block weaken smaller shorter inferior declin hinder disrupt drop drops fall falls fell "
    "abolish abrogat antagoni repress deteriorat limit slow slows lack degrad eliminat protect avoid minimi poor "
    "poorly low negative negatively resist delay weaker knockdown knockout deficien "
    "shrink shrinks shrank shrunk halves halved halving lose loses lost harm harms harmed hurt hurts worsen"
).split()
_NEGATORS = frozenset(
    "not no without never cannot neither nor none fail fails failed unable lack lacks lacking absence absent n't "
    "little hardly nothing unlikely independent unaffected unchanged ineffective insufficient nonsignificant".split()
)
_NOT_DENIED = [["only"], ["just"], ["merely"], ["necessarily"], ["seen"]]  # "not only", and "not seen" for "unseen"
_UP_HEADS, _DOWN_HEADS = (tuple(head for head in heads if len(head) > 4) for heads in (_UP, _DOWN))
OPPOSITES: dict[str, set[str]] = {}
for _pair in (
    "high/low higher/lower more/less more/fewer positive/negative positively/negatively with/without early/late "
    "before/after longer/shorter long/short fast/slow faster/slower safe/unsafe safe/dangerous necessary/unnecessary "
    "effective/ineffective superior/inferior presence/absence major/minor large/small larger/smaller male/female "
    "susceptible/resistant vulnerable/resistant dependent/independent central/peripheral common/rare "
    "frequently/infrequently able/unable likely/unlikely strong/weak stronger/weaker upstream/downstream "
    "online/offline supervised/unsupervised better/worse best/worst sufficient/insufficient known/unknown "
    "similar/different same/different increase/decrease increases/decreases increased/decreased enough/insufficient "
    "win/lose wins/loses beat/lose beats/loses help/harm helps/harms grows/drops grows/shrinks doubles/halves "
    "success/failure succeed/fail succeeds/fails simple/complex cheap/costly cheap/expensive global/local "
    "static/dynamic maximum/minimum maximize/minimize upper/lower always/never all/none over/under"
).split():
    _one, _other = _pair.split("/")
    OPPOSITES.setdefault(_one, set()).add(_other)
    OPPOSITES.setdefault(_other, set()).add(_one)
NOTHING: frozenset[str] = frozenset()
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


_COMPARES = re.compile(
    r"\b(?:beats?|outperforms?|surpass(?:es)?|exceeds?|underperforms?|loses? to|"
    r"(?:better|worse|faster|slower|larger|smaller|higher|lower|more|less|fewer)\b[^.]*\bthan)\b",
    re.IGNORECASE,
)


def sides_swapped(claim: str, evidence: str) -> bool:
    """Whether both texts compare the same two names, in the opposite order."""
    if not (_COMPARES.search(claim) and _COMPARES.search(evidence)):
        return False
    shared = [name for name in names(claim) if name in evidence][:2]
    return len(shared) == 2 and evidence.index(shared[0]) > evidence.index(shared[1])


@dataclass(frozen=True, slots=True)
class Profile:
    """What the features need of a text.

    `signs` pairs each direction word's sign with the stems around it; `denied` holds the first stems behind negations.
    """

    words: frozenset[str]
    length: int
    terms: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    heads: frozenset[str]
    signs: tuple[tuple[int, frozenset[str]], ...]
    negated: bool
    denied: frozenset[str]
    findings: int
    aims: int
    concludes: bool


@lru_cache(maxsize=4096)
def profile(text: str) -> Profile:
    words = [word.lower().replace("’", "'") for word in _PLAIN_WORD.findall(text)]
    stems = [_stem(word) for word in words]
    negators = [
        place
        for place, word in enumerate(words)
        if (word in _NEGATORS or word.endswith("n't")) and words[place + 1 : place + 2] not in _NOT_DENIED
    ]
    signs: list[tuple[int, frozenset[str]]] = []
    for place, word in enumerate(words):
        if sign := _sign(word):
            if any(0 < place - other <= 3 for other in negators):
                sign = -sign
            around = stems[max(0, place - 5) : place] + stems[place + 1 : place + 6]
            signs.append((sign, frozenset(filter(None, around))))
    found = terms(text)
    return Profile(
        words=frozenset(words),
        length=len(words),
        terms=frozenset(found),
        pairs=frozenset(pairwise(found)),
        heads=frozenset(term[:5] for term in found if len(term) >= 5),
        signs=tuple(signs),
        negated=bool(negators),
        denied=frozenset(stem for place in negators for stem in list(filter(None, stems[place + 1 :]))[:1]),
        findings=min(len(_FINDING.findall(text)), 3),
        aims=min(len(_AIM.findall(text)), 3),
        concludes=bool(_CONCLUSION.search(text)),
    )
