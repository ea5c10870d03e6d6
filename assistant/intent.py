"""What kind of answer a message asks for, by its words: a comparison and of what, a summary and of which topic.

Pure rules over one message; `routing` puts the conversation around them. English only: a message in another language
is taken for a question, unless the reader chose the mode or a language model reads it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from index_store import content_terms

MOST_SUBJECTS = 6


class Length(StrEnum):
    """How much a summary says."""

    SHORT = "short"
    NORMAL = "normal"
    LONG = "long"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared, as the reader calls it, and in which respects, if any were named."""

    subjects: tuple[str, ...]
    aspects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The topic of a summary; empty for the collection as a whole."""

    topic: str


# --- Words ----------------------------------------------------------------------------------------------------------

_LEAD = re.compile(
    r"^(?:(?:(?:can|could|would|will) you(?: say| tell me)?|please|kindly|i(?:'d| would) like (?:you )?to(?: (?:know|see|understand|learn))?|"
    r"i (?:want|need|am trying|would love) to(?: (?:know|see|understand|learn|find out))?|do you think|is it true that|explain|describe|"
    r"(?:help me(?: to)?|let's|let us|now|and|so|okay|ok|then|also|but|hi|hello|hey|thanks|well|hmm)\b|"
    r"(?:tell|show|explain(?: to)?) me)\b[\s,:]*)+(?=\S)",
    re.IGNORECASE,
)
_CONTRACTED = re.compile(r"\b(what|how|where|who|which|that)['’]s\b", re.IGNORECASE)
_TRAIL = re.compile(r"(?:[\s,]+(?:for me|to me|please|thanks|thank you))+$", re.IGNORECASE)
_IN_RESPECT = (
    r"in terms of|with respect to|with regards? to|regarding|concerning|when it comes to|as regards|as to|"
    r"in regard to|based on|looking at|focus(?:s?ing|ed)? on"
)
_ASPECT_FIRST = re.compile(rf"^(?:{_IN_RESPECT}|on|for)\s+(?P<aspect>[^,]{{3,60}}),\s*(?P<rest>.+)$", re.IGNORECASE)
_ASPECT_LAST = re.compile(
    rf"^(?P<head>.+?)\s*(?:\b(?:{_IN_RESPECT})\b|\s[-–—]\s|[:;?,]\s(?=(?:which|what|how|who|and which|especially|mainly|"
    r"particularly|is|are|does|do|in|on|for)\b)|:\s|(?<!papers )(?<!work )(?<!works )(?<!research )(?<!studies )(?<!paper )\bon(?= ))\s*(?P<aspect>.+)$",
    re.IGNORECASE,
)
_AFTER_NAME = re.compile(
    r"^(?P<head>\S+(?:\s(?:paper|model|method))?)\s+(?:for|in|at|over|under|when|if|as|across|by|while|which|that|who|what|"
    r"how|to|during|with|using|need|needs|is|are|does|do)\b\s*(?P<aspect>.+)$",
    re.IGNORECASE,
)
_VERB_AFTER_NAME = re.compile(
    r"^(?P<head>\S*(?:[a-z][A-Z]|[A-Z]\d|[A-Z]-?[A-Z]{3})\S*)\s+(?!(?:papers?|methods?|models?|approach|ones?|based)\b)(?P<aspect>[a-z]\w+(?:\s.+)?)$"
)
_SEPARATOR = re.compile(
    r"\s*(?:,\s*(?:and|or|with|to)?\s+|;\s*|\s+(?:and|or|with|against|versus|vs\.?|&)\s+)\s*", re.IGNORECASE
)
# "the paper on A and B and the one on C" is two: it is parted where the next one is described
_BEFORE_DESCRIBED = re.compile(
    r"\s*,?\s+(?:and|or|with|against|from|to|versus|vs\.?)\s+(?=(?:the\s+)?(?:ones?|papers?|stud(?:y|ies)|those|that)\s+(?:\w+ing|on|that|which|where|about|of|by|for|in|with)\b)",
    re.IGNORECASE,
)
_DESCRIBED = re.compile(
    r"^(?:the\s+)?(?:\w+\s+)?(?:ones?|papers?|stud(?:y|ies)|works?)\s+(?:\w+ing|on|that|which|where|about|of|by|for|in|with)\b",
    re.I,
)
_VERSUS = re.compile(r"\s+(?:vs\.?|versus|v\.)\s+", re.IGNORECASE)
_ARTICLE = re.compile(
    r"^(?:the\s+(?:two\s+)?(?=\S)|a\s+|an\s+|both\s+|either\s+|those of\s+|that of\s+|between\s+|among\s+|of\s+)+",
    re.IGNORECASE,
)
_QUOTES = "\"'“”‘’«»*_`"
_GENERIC = re.compile(
    r"^(?:its|their|the|all|any|some|many|most|more|prior|previous|existing|other|others|earlier|related|traditional|standard|"
    r"conventional|past|older|current|recent|common|usual|typical|strong|competing|simple|such|these|baseline|baselines|"
    r"state[- ]of[- ]the[- ]art|sota|alternative|alternatives|rivals?|competitors?|work|works|method|methods|approach|"
    r"approaches|algorithms?|techniques?|models?|systems?|papers?|literature|rest|each|one|another|ones|in|of|this|area|field|"
    r"a|an|and|or|what|was|were|is|had|been|done|before|came|them|it|you|me|us|results?|numbers?)"
    r"(?:[\s/,-]+(?:prior|previous|existing|other|others|earlier|related|traditional|standard|conventional|past|current|"
    r"recent|baseline|baselines|state[- ]of[- ]the[- ]art|sota|alternative|alternatives|work|works|method|methods|approach|"
    r"approaches|algorithms?|techniques?|models?|systems?|papers?|literature|each|another|ones?|in|of|this|the|area|field|"
    r"was|were|is|had|been|done|before|came|rivals?|competitors?|strong|competing|all|a|an))*$",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"^(?:it|this|that|these|those|they|them|the (?:two|three|four|five|six|former|latter|first|second|last|same|other)|"
    r"(?:this|that|the|these|those)(?: (?:first|second|last|two|three))? (?:one|ones|methods?|papers?|approach(?:es)?|works?|models?|techniques?|results?))$",
    re.IGNORECASE,
)
# What starts so, or asks, is half a sentence and no subject.
_CLAUSE = re.compile(
    r"^(?:it|there|this|that|he|she|we|you|i|one)\b|\b(?:how|what|why|whether|does|did|do)\b", re.IGNORECASE
)
_CARRIES_CAPITALS = re.compile(r"[A-Z]\w*[A-Z0-9]|\w[A-Z]|[A-Za-z]\d|\d[A-Za-z]")
_LONGEST_SUBJECT = 12  # words; more is a sentence that was not understood

_AUX = r"(?:do|does|did|is|are|was|were|can|could|would|will|has|have)"
_COMPARES = r"(?:compare[sd]?|stack up|stacks up|fare[sd]?|measure up|measures up|hold up|holds up|perform[sd]?|relate[sd]?|do|does)"
_AGAINST = r"(?:(?:compared |relative |next |in comparison )?(?:to|with)|against|versus|vs\.?|relative to|beside)"
_ADJECTIVE = (
    r"(?:(?:much|any|really|significantly|far|clearly|actually|generally|also)\s+)?(?:better|worse|faster|slower|cheaper|"
    r"(?:more|less|fewer)\s+[\w-]+(?:\s[\w-]+){0,2}?|[a-z]+er)"
)

# Each finds a list of subjects (`list`), or two of them (`a`, `b`); `aspect` where the words around them tell one.
_PATTERNS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:differences?|distinctions?|contrasts?|trade-?offs?|comparison|similarit(?:y|ies)|overlap|commonalit(?:y|ies)|"
        r"relation(?:ship)?|connection|differs?)\b(?:\s+and\s+\w+)?(?:\s+(?:is|are|exists?|there))*(?:\s+in\s+(?P<aspect>[^,]{3,40}?))?\s+"
        r"(?:between|among)\s+(?P<list>.+)",
        r"\b(?:side[- ]by[- ]side\s+)?(?:comparison|comparing|side[- ]by[- ]side(?:\s+view)?)\b\s+(?:of\s+)?(?P<list>.+)",
        rf"^(?:how|in (?:what|which) ways?|where|why|what makes)\s+(?:{_AUX}\s+)?(?P<a>.+?)\s+(?:so\s+|really\s+|actually\s+|any\s+)?"
        r"(?:differs?|different|deviates?|diverges?|distinct|set apart)\s+(?:(?P<aspect>[\w\s]{0,30}?)\s+)?(?:from|than|to)\s+(?P<b>.+)",
        rf"^(?:how|in (?:what|which) ways?|where|why|what)\s+(?:{_AUX}\s+)?(?P<list>.+?(?:\band\b|&|,|\bvs\b).+?)\s+"
        r"(?:differ|different|compare|relate|vary|diverge|contrast|agree|disagree|overlap|have in common|similar|alike)\b(?P<tail>.*)",
        r"^what\s+(?:distinguishes|separates|sets|differentiates)\s+(?P<a>.+?)\s+(?:apart\s+)?from\s+(?P<b>.+)",
        r"^(?P<rest>.+?),?\s+(?:unlike|in contrast to|as opposed to)\s+(?P<a>.+)",
        rf"^how\s+(?:well\s+)?{_AUX}\s+(?P<a>.+?)\s+{_COMPARES}\s+(?:up\s+)?{_AGAINST}\s+(?P<b>.+)",
        r"\b(?:compare|contrast)(?:\s+and\s+(?:compare|contrast))?\s+(?:for me\s+|me\s+)?(?:the\s+(?P<aspect>[\w\s-]{3,40}?)\s+of\s+)?(?P<list>.+)",
        r"^(?P<a>.+?)\s+(?:compared|in comparison|in contrast|relative|as opposed)\s+(?:to|with)\s+(?P<b>.+)",
        r"^(?:unlike|in contrast (?:to|with)|as opposed to|compared (?:to|with)|relative to)\s+(?P<a>[^,]+),\s*(?P<rest>.+)",
        r"^(?:which|what|who)\s+(?:one\s+)?(?:of|among|between|out of)\s+(?P<list>.+?)\s+(?P<aspect>(?:is|are|has|have|does|do|"
        r"can|should|would|performs?|gives?|needs?|uses?|saves?|runs?|works?|reach(?:es)?|achieves?|requires?|scales?|keeps?|"
        r"handles?|takes?|makes?|trains?|gets?|compress(?:es)?|generali[sz]es?|wins?|came|comes?)\b.*)",
        r"^(?:which|what|who|whose)\s+(?:one\s+)?(?P<aspect>[^,:;–—]+?)\s*[,:;–—-]+\s*(?P<list>[^?]+?\bor\b.+)",
        r"^(?:which|what)\s+(?:one\s+)?(?P<aspect>(?:is|are|saves?|needs?|uses?|works?|runs?|performs?|has|gives?)\b.+?\b(?:better|"
        r"faster|best|more|less|fewer|most|least|fastest|cheaper|stronger|\w+er)\b[^,]*?)\s+(?P<list>\S*[A-Z]\S*\s+or\s+.+)",
        r"^(?:should|shall|do|would)\s+(?:i|we|you)\s+(?:rather\s+|better\s+)?(?:use|choose|pick|prefer|take|go (?:with|for)|try|need|want)\s+"
        r"(?P<list>.+?\s+or\s+.+)",
        rf"^(?:why\s+|how much\s+|by how much\s+|in what way\s+)?(?:(?P<more>\w+\s+)?){_AUX}\s+(?P<a>.+?)\s+(?:\w+\s+)?(?P<aspect>{_ADJECTIVE})\s+"
        r"(?:\w+\s+){0,3}?than\s+(?P<b>.+)",
        rf"^(?:why\s+|how much\s+)?{_AUX}\s+(?P<a>.+?)\s+(?:really\s+|actually\s+)?(?P<aspect>outperform|beat|surpass|exceed|"
        r"improve (?:on|over|upon)|replace)s?\s+(?P<b>.+)",
        rf"^(?:how\s+)?{_AUX}\s+(?P<a>.+?)\s+(?:(?:really|closely|more)\s+)*(?:similar to|the same as|related to|different (?:from|than|to)|like|equivalent to)\s+(?P<b>.+)",
        r"^(?P<list>.+?(?:\band\b|,|\bor\b|&).+?)\s*[:;,–—-]+\s*(?:and\s+)?(?:what|how|which|where|any|key|main|the)\b(?P<tail>.*\b(?:differ\w*|"
        r"common|similar\w*|compare|better|apart|contrast|faster|more|less|best)\b.*)",
        r"^(?:why|when|where|should|would|is it).*\b(?:use|choose|prefer|pick|take|try)\s+(?P<a>.+?)\s+(?:instead of|rather than|over)\s+(?P<b>.+)",
        r"^(?:among|amongst|between|of|out of|from)\s+(?P<list>.+?(?:\band\b|&|,).+?),?\s+(?P<aspect>(?:which|what|who)\b.+)",
        r"\b(?:pros and cons|strengths and weaknesses|(?:relative )?(?:merits|advantages|benefits|drawbacks|strengths))\s+of\s+(?P<list>.+?\s+(?:and|or|vs\.?|over|against)\s+.+)",
        r"\b(?:choos(?:e|ing)|decid(?:e|ing)|pick(?:ing)?|choice|hesitat(?:e|ing))\s+between\s+(?P<list>.+)",
        rf"^(?:{_AUX})\s+(?P<list>.+?(?:\band\b|&|,).+?)\s+(?:(?:really|closely|basically|just|all)\s+)*(?:the same|similar|related|alike|equivalent|different|comparable|"
        r"agree|disagree|differ|contradict each other)\b(?P<tail>.*)",
        r"^(?:rank|order|sort)\s+(?P<list>.+?)\s+(?:by|on|in)\s+(?P<tail>.+)",
        r"^what\s+(?:does|can|do)\s+(?P<a>.+?)\s+(?:do|offer|have|add)\s+that\s+(?P<b>.+?)\s+(?:does|do|can|has|have)(?:\s+not|n't|not)\b.*$",
        r"^put\s+(?P<list>.+?)\s+(?:side by side|next to each other|beside each other)(?P<tail>.*)",
        r"\b(?:tell|keep|set)\s+(?P<list>.+?)\s+apart\b(?P<tail>.*)",
        r"^(?:how|what)\s+(?:does|do|is|are|about)\s+(?P<a>that|it|this|they|those|these)\s+.*?\b(?:versus|vs\.?)\s+(?P<b>.+)",
    )
]
_EITHER = re.compile(
    r"^(?P<a>\S+(?:\s\S+){0,2}?)\s+or\s+(?P<b>\S+(?:\s\S+){0,2}?)(?:\s+(?:for|on|when|if|in|to|with)\s+(?P<aspect>.+))?$",
    re.I,
)
_BOTH = re.compile(
    rf"^(?:how|what)\s+{_AUX}\s+(?P<a>[\w.+-]+)\s+and\s+(?P<b>[\w.+-]+)\s+(?:each\s+|both\s+)?(?P<aspect>\w.+)$",
    re.IGNORECASE,
)
_BEFORE_VERSUS = re.compile(
    r"^.*\b(?:compare|contrast|comparison(?: of| between)?|differences?(?: between)?|(?:how|what|which|why|when|where)(?: (?:about|is|are|do|does|"
    r"(?:one )?(?:is|are|to)(?: \w+)*))?)\b[\s:,]*(?=\S)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\w+.-]*[A-Za-z][\w+.-]*")
# A method's name: capitals within, or letters with digits; not an abbreviation such as LLMs.
_STRONG = re.compile(
    r"^(?:\w*[a-z]-?[A-Z][\w+.-]*|[A-Z]-?[A-Z][\w+.-]*|[A-Z][A-Za-z]*-?\d[\w+.-]*|[A-Z]-[A-Z][\w+.-]*)$"
)
_ACRONYM = re.compile(
    r"^(?:[A-Z]{2,3}|[A-Z]{2,4}s|POMDP|LSTM|BERT|GPT(?:-\d\w*)?|LLaMA\S*|Llama\S*|MNIST|CIFAR\S*|GSM8[kK]|MMLU)$"
)
_WEIGHS = re.compile(
    r"\b(?:differ\w*|compar\w*|contrast\w*|versus|against|unlike|instead|rather|better|worse|faster|slower|cheaper|than|similar\w*|alike|same|"
    r"both|common|beats?|outperform\w*|relat(?:e|ed|ion\w*)|which|while|whereas|v|but)\b",
    re.IGNORECASE,
)
# "Unlike A, does B need ...": B ends where what is asked of it begins.
_REST = re.compile(
    rf"^(?:(?:how|what|why|when|where|which \w+)\s+)?{_AUX}\s+(?P<b>(?:the\s+)?\S+(?:\s(?:paper|papers|method|methods|model|models|approach|and \S+))?"
    r")\s+(?P<aspect>.+)$",
    re.IGNORECASE,
)


def looks_like_name(text: str) -> bool:
    """Whether a text is a single word or carries the capitals and digits that names of methods have."""
    return len(text.split()) == 1 or bool(_CARRIES_CAPITALS.search(text))


def method_names(text: str) -> list[str]:
    """The names of methods in a text, in order: words with capitals within or digits, without common abbreviations."""
    words = dict.fromkeys(match[0].strip(".-") for match in _WORD.finditer(text))
    return [word for word in words if _STRONG.match(word) and not _ACRONYM.match(word)]


def is_pronoun(text: str) -> bool:
    """Whether a subject stands for something said before."""
    return bool(_PRONOUN.match(text))


# --- Comparisons ----------------------------------------------------------------------------------------------------


def comparison(message: str) -> Comparison | None:
    """The comparison a message asks for; one of its subjects may be a pronoun. None if it asks for something else."""
    text, first = _strip(message)
    if _VERSUS.search(text):
        return _versus(text, first)
    for pattern in _PATTERNS:
        if (found := pattern.search(text)) and (made := _from_match(found, first)):
            return made
    found = _EITHER.match(text) or _BOTH.match(text)
    if found and all(_CARRIES_CAPITALS.search(found[part]) for part in "ab"):
        return _from_match(found, first)
    return _by_names(text, first)


def _by_names(text: str, aspects: Sequence[str]) -> Comparison | None:
    """Where no pattern fits: the names of methods in a message that weighs things against each other."""
    strong = method_names(text)
    if len(strong) < 2 or not _WEIGHS.search(text):
        return None
    rest = " ".join(word for word in re.findall(r"[\w'-]+", text) if word not in strong and not _WEIGHS.match(word))
    return _made(strong, [*aspects, " ".join(word for word in rest.split() if content_terms(word))])


def listed(message: str) -> Comparison:
    """The subjects of a message whose reader has said that it is a comparison: at least what a bare list holds."""
    if found := comparison(message):
        return found
    text, first = _strip(message)
    subjects, aspects = _split(text)
    return Comparison(subjects, _tidy_aspects([*first, *aspects]))


def _led(message: str) -> str:
    """The message without what leads it in and out."""
    text = _CONTRACTED.sub(r"\1 is", " ".join(message.split()))
    return _TRAIL.sub("", _LEAD.sub("", text).strip(" .?!")).strip(" .?!,")


def _strip(message: str) -> tuple[str, list[str]]:
    """The message without what leads it in and out, and a respect that stands before it."""
    text = _led(message)
    first: list[str] = []
    if (ahead := _ASPECT_FIRST.match(text)) and not re.search(r"\b(?:vs|versus|or)\b", ahead["aspect"], re.IGNORECASE):
        first, text = [ahead["aspect"]], _LEAD.sub("", ahead["rest"])
    return text, first


def _versus(text: str, aspects: list[str]) -> Comparison | None:
    parts = _VERSUS.split(text)
    parts[0] = _BEFORE_VERSUS.sub("", parts[0]).strip() or parts[0]
    last, more = _cut_aspect(parts[-1])
    subjects: list[str] = []
    for part in [*parts[:-1], last]:
        # "A, B vs C" is three; "search and rescue vs mapping" is two
        subjects += _SEPARATOR.split(part) if "," in part else [part]
    return _made(subjects, [*aspects, *more])


def _from_match(found: re.Match[str], aspects: list[str]) -> Comparison | None:
    groups = found.groupdict()
    around = [*aspects, *(groups[name] or "" for name in ("aspect", "tail") if name in groups)]
    if groups.get("list"):
        subjects, more = _split(groups["list"])
        return _made(subjects, [*around, *more])
    if groups.get("rest"):
        rest = _REST.match(groups["rest"])
        return _made([groups["a"], rest["b"]], [*around, rest["aspect"]]) if rest else None
    last, more = _cut_aspect(groups["b"])
    # "how do A and B differ from C" has three
    firsts = (
        _SEPARATOR.split(groups["a"])
        if re.search(r",|\band\b", groups["a"]) and looks_like_name(groups["a"])
        else [groups["a"]]
    )
    return _made([*firsts, *_split(last)[0]], [*around, *more])


def _split(text: str) -> tuple[tuple[str, ...], list[str]]:
    """A list such as `A, B and C on memory` as its subjects and what they are compared in."""
    text = re.sub(r"^(?:how|what|which|whether)\s+", "", text)
    if _DESCRIBED.match(text) and len(parts := _BEFORE_DESCRIBED.split(text)) > 1:
        return tuple(parts), []
    text, aspects = _cut_last(text)
    parts = [part for part in _SEPARATOR.split(text) if part.strip()]
    if len(parts) == 2 and re.search(r"\bto\b", text) is None and len(parts[1].split()) > 1:
        parts[1], more = _cut_aspect(parts[1])
        aspects += more
    if len(parts) == 1:
        parts = re.split(r"\s+(?:to|from|than|over)\s+", parts[0], maxsplit=1)
    if len(parts) > 1:
        parts[-1], more = _cut_aspect(parts[-1])
        aspects = [*more, *aspects]
    return tuple(parts), aspects


def _cut_aspect(text: str) -> tuple[str, list[str]]:
    """A subject without the respect that follows it: `B in terms of memory`, `B on GSM8K`, `MiniCache for chat`."""
    text, aspects = _cut_last(text)
    found = _AFTER_NAME.match(text) or _VERB_AFTER_NAME.match(text)
    if found and (_CARRIES_CAPITALS.search(found["head"]) or " " not in found["head"]):
        return found["head"], [found["aspect"], *aspects]
    return text, aspects


def _cut_last(text: str) -> tuple[str, list[str]]:
    """A text without the respect that its last words name; `the paper on pruning` names none."""
    aspects: list[str] = []
    while (found := _ASPECT_LAST.match(text)) and not _GENERIC.match(_ARTICLE.sub("", found["head"])):
        text, aspects = found["head"], [found["aspect"], *aspects]
    return text, aspects


def _made(subjects: Sequence[str], aspects: Sequence[str]) -> Comparison | None:
    """The comparison, if there are two subjects of which each can be searched for."""
    clean = list(dict.fromkeys(name for subject in _completed(subjects) if (name := clean_subject(subject))))
    if not len(clean) >= 2 or any(len(name.split()) > _LONGEST_SUBJECT for name in clean):
        return None
    if any((_GENERIC.match(name) or _CLAUSE.search(name)) and not is_pronoun(name) for name in clean):
        return None
    return Comparison(tuple(clean), _tidy_aspects(aspects))


def _completed(subjects: Sequence[str]) -> list[str]:
    """The subjects with the words that all but the last leave out: `model-free and model-based RL`."""
    first, _, rest = subjects[-1].partition(" ") if subjects else ("", "", "")
    if not rest or not re.fullmatch(r"[a-z-]+", first):
        return list(subjects)
    ending = first[-4:]

    def alike(word: str) -> bool:
        hyphens = "-" in word and "-" in first and word.split("-")[0] == first.split("-")[0]
        return bool(re.fullmatch(r"[a-z-]+", word)) and (word.endswith(ending) or hyphens)

    return [f"{each} {rest}" if alike(each.strip()) else each for each in subjects[:-1]] + [subjects[-1]]


def clean_subject(text: str) -> str:
    """A subject as it is shown: without article, quotes and the words `paper` or `method` behind a name."""
    text = re.sub(r"^(?:only|just)\s+", "", text.strip(f" .,;:?!{_QUOTES}"), flags=re.IGNORECASE)
    name = text if is_pronoun(text) else _ARTICLE.sub("", text).strip(f" .,;:?!{_QUOTES}")
    name = re.sub(
        r"^(?:approach(?:es)?|results?|ideas?|methods?|work|performance|papers?|figures) (?:of|in|by|from) (?=\S+$)",
        "",
        name,
        flags=re.IGNORECASE,
    )
    name = re.sub(r"^one(?P<more>s?) (?=\w)", r"paper\g<more> ", name, flags=re.IGNORECASE)
    short = re.sub(r"\s+(?:paper|method|model|approach)$", "", name, flags=re.IGNORECASE)
    return short if short and " " not in short else name


def _tidy_aspects(aspects: Sequence[str]) -> tuple[str, ...]:
    """Respects that name something: `is better for long contexts` becomes `long contexts`."""
    found: list[str] = []
    for aspect in aspects:
        text = re.sub(
            r"^(?:(?:which|what|how|who|that|and|also|in|on|for|at|one|(?:is|are|has|have|does|do|can|would|the|a|an|of)\b)\s+)+",
            "",
            aspect.strip(" .,;:?!"),
            flags=re.IGNORECASE,
        )
        if content_terms(text) and not re.fullmatch(
            r"(?:\W|\b(?:different|differently|differ|differences?|each other|better|one|compare|common|similar|main|key|any|work|works|outperforms?|beats?|surpass|exceeds?|improve|replace|upon|on|over)\b)*",
            text,
            re.IGNORECASE,
        ):
            found.append(text)
    return tuple(dict.fromkeys(found))


# --- Summaries ------------------------------------------------------------------------------------------------------

_OVERVIEW = (
    r"(?:(?:literature |lit |mini-?\s?)?(?:overview|summary|survey|review)|synopsis|digest|tl;?\s?dr|rundown|recap|introduction|primer|round-?up|outline|"
    r"state of the art|landscape|lay of the land)"
)
_SIZE = r"(?:(?:short|brief|quick|concise|one-?paragraph|long|detailed|thorough|comprehensive|full|in-depth|high-level|general|rough|good|normal)[\s,]+)*"
_SUMMARIES = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^(?:(?:briefly|shortly|quickly|concisely)\s+)?(?:summari[sz]e|sum up|recap|survey|review|outline|condense)\b\s*(?:briefly|shortly|in short|in detail)?\s*(?:for me\b)?\s*(?P<topic>.*)$",
        rf"^(?:(?:give|write|make|show|get|prepare|provide|produce|do|need|want|i need|i want|i'd like|draft)\b\s*(?:me\b|us\b)?\s*)?(?:(?:a|an|the|your)\s+)?{_SIZE}{_OVERVIEW}\b\s*(?:,\s*please\s*)?(?:of|on|about|to|for|over|:|,|-)\s*(?P<topic>.+)$",
        rf"^(?:{_SIZE})?{_OVERVIEW}\s*[:,-]\s*(?P<topic>.+)$",
        rf"^(?:can i (?:have|get)|what would be|what is)\s+(?:a|an|the)\s+{_SIZE}{_OVERVIEW}\s+(?:of|on|about)\s+(?P<topic>.+)$",
        r"^what(?: is)\s+(?:already\s+|currently\s+)?(?:known|said|written|published|reported|established)(?:\s+here)?\s+(?:about|on|of)\s+(?P<topic>.+)$",
        r"^what\s+(?:do|does|did|can|have|has|would)\s+(?:the|these|those|this|our|my|all)?\s*(?:papers|abstracts|collection|library|literature|studies|articles|authors|sources|research|corpus)\b(?:\s+(?:here|in here|in this collection))?\s*"
        r"(?:say|tell|tell us|tell me|have to say|report|know|teach us|find|found|offer|contain|cover|hold|have|said|conclude)\s*(?:us\s+)?(?:about|on|of|regarding|concerning)\s+(?P<topic>.+)$",
        r"^(?:what(?: is| are)\s+)?(?:the\s+)?(?:main|key|common|major|central|important|recurring|general)\s*(?:themes?|threads?|trends?|ideas?|approaches|directions?|findings?|lines of work|developments?|strands?|open questions|state of the art)\s+"
        r"(?:in|on|of|around|about|within|for|across)\s+(?P<topic>.+)$",
        r"^(?:what|which)\s+(?:work|research|papers?|studies)\s+(?:is|are|exists?|has been done|have been done)\s*(?:there|here)?\s*(?:on|about|in)\s+(?P<topic>.+)$",
        r"^what\s+has\s+been\s+(?:done|written|published|tried)\s+(?:on|about|in|for)\s+(?P<topic>.+)$",
        r"^(?:tell me|say something|explain|walk me through)\s+(?:everything|all|what (?:you|we) (?:have|know)|what there is)\s*(?:that (?:you|we) (?:have|know)|there is)?\s*(?:about|on|of)\s+(?P<topic>.+)$",
        r"^(?P<topic>.+?)\s*[:,–—-]\s*(?:a|an|the)?\s*" + _SIZE + _OVERVIEW + r"(?:\s*,?\s*please)?$",
        r"^(?P<topic>.+?)\s+(?:overview|summary|survey|tl;?dr)$",
        r"^(?:get me|bring me|get us|bring us|catch me|catch us)\s+up(?: to speed)?\s+(?:on|with|about)\s+(?P<topic>.+)$",
        r"^(?:introduce me to|walk me through|take me through)\s+(?P<topic>.+)$",
        r"^(?:what is |what are )?(?:the\s+)?(?:current\s+|latest\s+|recent\s+)*(?:state of (?:the art|research|play)|landscape|trends?|"
        r"open (?:problems|questions|challenges)|developments?|progress|advances|new)\s+(?:in|on|of|for|around|with)\s+(?P<topic>.+)$",
        r"^what\s+(?:do|does)\s+(?:we|you|they|people|researchers|anyone|one)\s+know\s+(?:about|of|on)\s+(?P<topic>.+)$",
        r"^what\s+have\s+(?:people|researchers|others|authors|they)\s+(?:done|tried|found|written)\s+(?:on|about|in|for|with)\s+(?P<topic>.+)$",
        r"^(?:about|what are)\s+the\s+(?:papers?|work|research|studies)\s+(?:on|about|in)\s+(?P<topic>.+?)(?:\s+about)?$",
        r"^(?:everything|all)\s+(?:(?:that\s+)?(?:you|we|they)\s+(?:know|have)\s+)?(?:about|on)\s+(?P<topic>.+)$",
    )
]
_COLLECTION_NAME = (
    r"(?:(?:the|this|my|our|your|that|whole|entire|full|all|all of|all the|these|those)\s+)*"
    r"(?:collection|library|papers?|abstracts?|corpus|reading list|data ?set|articles|everything|documents?|sources|it all|"
    r"set of papers|content|contents|lot)(?:\s+(?:here|in here|as a whole|(?:in|of) (?:this|the|my) (?:collection|library|set)|that you have|you have|i have))?"
)
_COLLECTION = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^what(?: is| are)\s+(?:all\s+)?(?:(?:actually|really)\s+)?(?:in|inside)\s+(?:here|there|{_COLLECTION_NAME})$",
        rf"^what\s+(?:do|does|can|are|is)\s+{_COLLECTION_NAME}\s*(?:all\s+)?(?:about|cover|contain|hold|deal with|be about|talk about|have|include|speak of|offer)$",
        rf"^what\s+(?:{_COLLECTION_NAME})\s+(?:is|are)\s+(?:here|there|in here)$",
        r"^(?:what|which)\s+(?:kinds? of\s+|sorts? of\s+|main\s+|research\s+|different\s+|are the (?:main |different |research )?|the\s+)*"
        r"(?:topics?|themes?|areas?|fields?|subjects?|papers|disciplines)\b(?!\s+(?:of|on|about)\s+(?!the|this|these|my))"
        r"(?!.*\bdo(?:es)?\s+(?!(?:the|this|that|these|those|it|my|our|your|you|we|i|all)\b))[^?]*?\b"
        r"(?:here|cover(?:ed|s)?|collection|library|papers|included?|do (?:you|we|i) have|contain(?:ed|s)?|there|present|represented)\b\s*"
        r"(?:in\s+(?:here|" + _COLLECTION_NAME + r"))?(?:\s+about)?$",
        rf"^(?:(?:a|the|show|draw|give|make|me|us)\s+)*(?:topic\s+)?(?:map|overview|picture|plot|chart)\s+(?:of\s+)?(?:the\s+|all\s+|its\s+|these\s+)*(?:topics?|themes?|{_COLLECTION_NAME})(?:\s+(?:here|(?:in|of)\s+{_COLLECTION_NAME}))?$",
        r"^what\s+can\s+(?:i|you|we)\s+(?:ask|find|learn|read)(?:\s+(?:about|you|here|in here|about here))*$",
        rf"^what\s+(?:do\s+(?:you|we|i)\s+have|have\s+(?:you|we)\s+got)(?:\s+here|\s+in\s+{_COLLECTION_NAME})?$",
        r"^(?:how|into what|into which \w+)\s+(?:are|do|can)\s+(?:the|these|all|my)\s+(?:the\s+)?papers\s+(?:be\s+)?(?:grouped|group|clustered|cluster|organi[sz]ed)$",
        r"^what\s+(?:is|do (?:you|we) know|do you have)(?:\s+(?:here|about|there))+$",
        rf"^(?:what|which)\s+(?:subjects?|topics?|themes?|areas?|fields?)\s+(?:do|does|are)\s+{_COLLECTION_NAME}\s+(?:deal with|cover|speak of|about|treat|touch on)$",
        rf"^(?:group|cluster|sort|organi[sz]e)\s+{_COLLECTION_NAME}(?:\s+(?:by|into)\s+(?:topics?|themes?))?$",
    )
]
_BARE = re.compile(
    rf"^(?:(?:a|an|the|show|list|give|draw|me|us|all|what are|what is)\s+)*(?:main |key |research |different )*(?:{_SIZE}{_OVERVIEW}|topics?|themes?|"
    r"(?:topic )?map|big picture|areas covered)(?:\s+here)?$",
    re.IGNORECASE,
)
_WHOLE = re.compile(rf"^(?:{_COLLECTION_NAME}|here|what is (?:in )?(?:here|there|{_COLLECTION_NAME}))$", re.IGNORECASE)
_TOPIC_LEAD = re.compile(
    r"^(?:(?:what(?: is)?|all)\s+)?(?:(?:the|these|those|all|our|my|any|this)\s+)*(?:(?:papers?|abstracts?|work|works|research|literature|articles|studies|"
    r"collection|library|state of the art|topic|field|area|subject|findings|results|methods)\s+)?(?:(?:here|there is|that is|in this collection)\s+)?"
    r"(?:(?:say|says|said|known|written|found|have|has|tell us)\s+)?(?:here\s+)?(?:on|about|of|in|around|that deal with|dealing with|concerning|regarding|related to)\s+(?=\S)|^(?:the|all|any)\s+(?=\S)",
    re.IGNORECASE,
)
_TOPIC_TAIL = re.compile(
    r"[\s,;:–—-]+(?:for me|please|briefly|shortly|in short|in brief|in detail|at length|in depth|thoroughly|here|in here|"
    r"in (?:this|the|my|our) (?:collection|library|papers|corpus)|in these (?:papers|abstracts)|(?:from|across) (?:the|these|this) (?:papers|abstracts|collection|library)|"
    r"in (?:a few|one|two|three|five|\d+) (?:sentences?|lines?|words?|paragraphs?)|in general|papers?|research|literature|instead|so far|now|"
    r"(?:a |very |but )?(?:short|brief|long|detailed)(?: one| version)?)$",
    re.IGNORECASE,
)
_SHORT = re.compile(
    r"\b(?:brief(?:ly)?|short(?:ly)?|quick(?:ly)?|concise(?:ly)?|tl;?\s?dr|in a nutshell|in (?:a few|one|two|three) (?:sentences?|lines?|words)|one-?paragraph)\b",
    re.I,
)
_LONG = re.compile(
    r"\b(?:detailed|in detail|long|at length|in[- ]depth|thorough(?:ly)?|comprehensive(?:ly)?|full|everything)\b", re.I
)
# What "review" and its like mean when no topic follows but a thing of a paper's.
_NO_TOPIC = re.compile(
    r"^(?:how|why|whether|what|who|when|where|if)\b(?!.*\b(?:say|says|said|known|written|found)\b)", re.IGNORECASE
)


def summary(message: str) -> Summary | None:
    """The summary a message asks for, or None if it asks for something else."""
    text = _led(message)
    if _BARE.match(text) or any(pattern.match(text) for pattern in _COLLECTION):
        return Summary("")
    for pattern in _SUMMARIES:
        found = pattern.match(text)
        # "summarise how it works" is a question; "an overview of how they are trained" has a topic
        if found and not (pattern is _SUMMARIES[0] and _NO_TOPIC.match(found["topic"])):
            return Summary(_topic(found["topic"]))
    return None


def topic_of(message: str) -> str:
    """The topic of a message whose reader has said that it is to be summarised; empty for the whole collection."""
    if found := summary(message):
        return found.topic
    text = _led(message)
    return "" if _WHOLE.match(text) else _trim(text)


def length(message: str) -> Length | None:
    """How long a summary is asked to be, if the message says so."""
    return Length.SHORT if _SHORT.search(message) else Length.LONG if _LONG.search(message) else None


def _topic(text: str) -> str:
    text = text.strip(" .,;:?!")
    short = _TOPIC_TAIL.sub("", text)
    return "" if not text or any(_WHOLE.match(each) for each in (text, short, _trim(text) or text)) else _trim(text)


def _trim(text: str) -> str:
    text = text.strip(f" .,;:?!{_QUOTES}")
    for pattern in (_TOPIC_TAIL, _TOPIC_LEAD):
        while (cut := pattern.sub("", text)) != text:
            text = cut.strip(f" .,;:?!{_QUOTES}")
    return text


# --- Themes of an earlier summary -----------------------------------------------------------------------------------

_ORDINALS = {
    word: place
    for place, words in enumerate(
        ("first 1st one 1", "second 2nd two 2", "third 3rd three 3", "fourth 4th four 4", "fifth 5th five 5",
         "sixth 6th six 6", "seventh 7th seven 7", "eighth 8th eight 8", "ninth 9th nine 9", "tenth 10th ten 10")
    )
    for word in words.split()
}  # fmt: skip
_THEME = re.compile(
    r"\b(?:(?P<before>last|" + "|".join(_ORDINALS) + r")\s+(?:theme|topic|group|cluster|section|point|one)\b|"
    r"(?:theme|topic|group|cluster|section)\s+(?:number\s+|no\.?\s+|#)?(?P<after>" + "|".join(_ORDINALS) + r")\b)",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^(?:how(?! about)|what(?! about)|why|who|when|where|which|does|do|did|is|are|was|can|could)\b", re.IGNORECASE
)
_GROUP_WORDS = set(content_terms("group groups theme themes topic topics cluster section part parts"))
_MORE_ON = re.compile(
    r"^(?:(?:tell|show|give|say)(?: me| us)?\s+)?(?:(?:some\s+|a bit\s+|a little\s+)?more|expand|elaborate|go deeper|zoom in|details?|dig)"
    r"(?:\s+(?:detail|details|in))?\s*(?:on|about|into|of|in)?\s+(?P<what>.+)$",
    re.IGNORECASE,
)


def theme(message: str, names: Sequence[str]) -> int | None:
    """Which of the themes of the summary before a message is about, by its place from 0, its number or its name."""
    text = _led(message)
    if _ASKS.match(text):
        return None
    if found := _THEME.search(text):
        word = (found["before"] or found["after"]).lower()
        place = len(names) - 1 if word == "last" else _ORDINALS[word]
        return place if 0 <= place < len(names) else None
    more = _MORE_ON.match(text)
    wanted = set(content_terms(_trim(more["what"]) if more else text)) - _GROUP_WORDS
    same = [place for place, name in enumerate(names) if wanted and wanted == set(content_terms(name))]
    if more and not same:
        same = [place for place, name in enumerate(names) if wanted and wanted <= set(content_terms(name))]
    return same[0] if same else None
