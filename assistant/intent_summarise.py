"""Summaries in a message: of which topic, how long, and which theme of an earlier summary a message means."""

import re
from collections.abc import Sequence

from index_store import content_terms

from .intent import QUOTES, Length, Summary, led

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
    text = led(message)
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
    text = led(message)
    return "" if _WHOLE.match(text) else _trim(text)


def length(message: str) -> Length | None:
    """How long a summary is asked to be, if the message says so."""
    return Length.SHORT if _SHORT.search(message) else Length.LONG if _LONG.search(message) else None


def _topic(text: str) -> str:
    text = text.strip(" .,;:?!")
    short = _TOPIC_TAIL.sub("", text)
    return "" if not text or any(_WHOLE.match(each) for each in (text, short, _trim(text) or text)) else _trim(text)


def _trim(text: str) -> str:
    text = text.strip(f" .,;:?!{QUOTES}")
    for pattern in (_TOPIC_TAIL, _TOPIC_LEAD):
        while (cut := pattern.sub("", text)) != text:
            text = cut.strip(f" .,;:?!{QUOTES}")
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
    text = led(message)
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
