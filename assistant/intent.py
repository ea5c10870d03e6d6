"""What kind of answer a message asks for, by its words: the nouns, and what comparisons and summaries share.

Pure rules over one message; `intent_compare` and `intent_summarise` hold them, `routing` puts the conversation around
them. English only: a message in another language is taken for a question, unless the reader chose the mode or a language
model reads it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

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


LEAD = re.compile(
    r"^(?:(?:(?:can|could|would|will) you(?: say| tell me)?|please|kindly|i(?:'d| would) like (?:you )?to(?: (?:know|see|understand|learn))?|"
    r"i (?:want|need|am trying|would love) to(?: (?:know|see|understand|learn|find out))?|do you think|is it true that|explain|describe|"
    r"(?:help me(?: to)?|let's|let us|now|and|so|okay|ok|then|also|but|hi|hello|hey|thanks|well|hmm)\b|"
    r"(?:tell|show|explain(?: to)?) me)\b[\s,:]*)+(?=\S)",
    re.IGNORECASE,
)
_CONTRACTED = re.compile(r"\b(what|how|where|who|which|that)['’]s\b", re.IGNORECASE)
_TRAIL = re.compile(r"(?:[\s,]+(?:for me|to me|please|thanks|thank you))+$", re.IGNORECASE)
QUOTES = "\"'“”‘’«»*_`"
ARTICLE = re.compile(
    r"^(?:the\s+(?:two\s+)?(?=\S)|a\s+|an\s+|both\s+|either\s+|those of\s+|that of\s+|between\s+|among\s+|of\s+)+",
    re.IGNORECASE,
)
_PRONOUN = re.compile(
    r"^(?:it|this|that|these|those|they|them|the (?:two|three|four|five|six|former|latter|first|second|last|same|other)|"
    r"(?:this|that|the|these|those)(?: (?:first|second|last|two|three))? (?:one|ones|methods?|papers?|approach(?:es)?|works?|models?|techniques?|results?))$",
    re.IGNORECASE,
)
CAPITALS = re.compile(r"[A-Z]\w*[A-Z0-9]|\w[A-Z]|[A-Za-z]\d|\d[A-Za-z]")
_WORD = re.compile(r"[\w+.-]*[A-Za-z][\w+.-]*")
# A method's name: capitals within, or letters with digits; not an abbreviation such as LLMs.
_STRONG = re.compile(
    r"^(?:\w*[a-z]-?[A-Z][\w+.-]*|[A-Z]-?[A-Z][\w+.-]*|[A-Z][A-Za-z]*-?\d[\w+.-]*|[A-Z]-[A-Z][\w+.-]*)$"
)
_ACRONYM = re.compile(
    r"^(?:[A-Z]{2,3}|[A-Z]{2,4}s|POMDP|LSTM|BERT|GPT(?:-\d\w*)?|LLaMA\S*|Llama\S*|MNIST|CIFAR\S*|GSM8[kK]|MMLU)$"
)


def led(message: str) -> str:
    """The message without what leads it in and out."""
    text = _CONTRACTED.sub(r"\1 is", " ".join(message.split()))
    return _TRAIL.sub("", LEAD.sub("", text).strip(" .?!")).strip(" .?!,")


def looks_like_name(text: str) -> bool:
    """Whether a text is a single word or carries the capitals and digits that names of methods have."""
    return len(text.split()) == 1 or bool(CAPITALS.search(text))


def method_names(text: str) -> list[str]:
    """The names of methods in a text, in order: words with capitals within or digits, without common abbreviations."""
    words = dict.fromkeys(match[0].strip(".-") for match in _WORD.finditer(text))
    return [word for word in words if _STRONG.match(word) and not _ACRONYM.match(word)]


def is_pronoun(text: str) -> bool:
    """Whether a subject stands for something said before."""
    return bool(_PRONOUN.match(text))


def clean_subject(text: str) -> str:
    """A subject as it is shown: without article, quotes and the words `paper` or `method` behind a name."""
    text = re.sub(r"^(?:only|just)\s+", "", text.strip(f" .,;:?!{QUOTES}"), flags=re.IGNORECASE)
    name = text if is_pronoun(text) else ARTICLE.sub("", text).strip(f" .,;:?!{QUOTES}")
    name = re.sub(
        r"^(?:approach(?:es)?|results?|ideas?|methods?|work|performance|papers?|figures) (?:of|in|by|from) (?=\S+$)",
        "",
        name,
        flags=re.IGNORECASE,
    )
    name = re.sub(r"^one(?P<more>s?) (?=\w)", r"paper\g<more> ", name, flags=re.IGNORECASE)
    short = re.sub(r"\s+(?:paper|method|model|approach)$", "", name, flags=re.IGNORECASE)
    return short if short and " " not in short else name
