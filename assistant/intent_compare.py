"""Comparisons in a message: of what, and in which respects, by the patterns in which readers put them."""

import re
from collections.abc import Sequence

from index_store import content_terms

from .intent import ARTICLE, CAPITALS, LEAD, Comparison, clean_subject, is_pronoun, led, looks_like_name, method_names

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
_ASIDE = re.compile(r"^(?:which|that|who|whose|where)\s+\w", re.IGNORECASE)  # "A, which merges layers, differs from B"
_VERSUS = re.compile(r"\s+(?:vs\.?|versus|v\.)\s+", re.IGNORECASE)
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
# What starts so, or asks, is half a sentence and no subject.
_CLAUSE = re.compile(
    r"^(?:it|there|this|that|he|she|we|you|i|one)\b|\b(?:how|what|why|whether|does|did|do)\b", re.IGNORECASE
)
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
    r"^.*\b(?:compare|contrast|comparison(?: of| between)?|(?:pros and cons|advantages|strengths) of|differences?(?: between)?|(?:how|what|which|why|when|where)(?: (?:about|is|are|do|does|"
    r"(?:one )?(?:is|are|to)(?: \w+)*))?)\b[\s:,]*(?=\S)",
    re.IGNORECASE,
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


def comparison(message: str) -> Comparison | None:
    """The comparison a message asks for; one of its subjects may be a pronoun. None if it asks for something else."""
    text, first = _strip(message)
    if _VERSUS.search(text):
        return _versus(text, first)
    for pattern in _PATTERNS:
        if (found := pattern.search(text)) and (made := _from_match(found, first)):
            return made
    found = _EITHER.match(text) or _BOTH.match(text)
    if found and all(CAPITALS.search(found[part]) for part in "ab"):
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


def _strip(message: str) -> tuple[str, list[str]]:
    """The message without what leads it in and out, and a respect that stands before it."""
    text = led(message)
    first: list[str] = []
    if (ahead := _ASPECT_FIRST.match(text)) and not re.search(r"\b(?:vs|versus|or)\b", ahead["aspect"], re.IGNORECASE):
        first, text = [ahead["aspect"]], LEAD.sub("", ahead["rest"])
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
    if found and (CAPITALS.search(found["head"]) or " " not in found["head"]):
        return found["head"], [found["aspect"], *aspects]
    return text, aspects


def _cut_last(text: str) -> tuple[str, list[str]]:
    """A text without the respect that its last words name; `the paper on pruning` names none."""
    aspects: list[str] = []
    while (found := _ASPECT_LAST.match(text)) and not _GENERIC.match(ARTICLE.sub("", found["head"])):
        text, aspects = found["head"], [found["aspect"], *aspects]
    return text, aspects


def _made(subjects: Sequence[str], aspects: Sequence[str]) -> Comparison | None:
    """The comparison, if there are two subjects of which each can be searched for."""
    named = [name for subject in _completed(subjects) if (name := clean_subject(subject)) and not _ASIDE.match(name)]
    clean = list({name.casefold(): name for name in reversed(named)}.values())[::-1]
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
            r"(?:\W|\b(?:different|differently|differ|differences?|related|similarly|each other|better|one|compare|common|similar|main|key|any|work|works|outperforms?|beats?|surpass|exceeds?|improve|replace|upon|on|over)\b)*",
            text,
            re.IGNORECASE,
        ):
            found.append(text)
    return tuple(dict.fromkeys(found))
