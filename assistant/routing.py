"""History and message -> a plan: which kind of answer, of what, and the question as it reads on its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from index_store import Filter, Paper, Theme, content_terms, everything

from .errors import InvalidQuestion
from .followups import ONE_OF_SEVERAL, follows, short_name, standalone
from .intent import MOST_SUBJECTS, Comparison, Length, clean_subject, is_pronoun, looks_like_name, method_names
from .intent_compare import comparison, listed
from .intent_summarise import length, summary, theme, topic_of


class Mode(StrEnum):
    """The kinds of answer; `auto` leaves the choice to the plan."""

    AUTO = "auto"
    ASK = "ask"
    COMPARE = "compare"
    SUMMARISE = "summarise"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a message is taken to ask; `standalone` is the question as it reads without the conversation.

    A comparison has two to six `subjects`, and `aspects` if the message names any; further subjects are `left_out`. A
    summary has a `topic`, or none
    for the collection as a whole; `within` holds the ids of the papers that it is limited to, if it is. `automatic`
    says that the reader left the mode to us, `limits` which papers are searched at all.
    """

    mode: Mode
    question: str
    standalone: str
    subjects: tuple[str, ...] = ()
    aspects: tuple[str, ...] = ()
    topic: str = ""
    length: Length = Length.NORMAL
    within: tuple[str, ...] = ()
    automatic: bool = False
    left_out: tuple[str, ...] = ()
    limits: Filter = everything


@dataclass(frozen=True, slots=True)
class Before:
    """What a follow-up may lean on: the plan of the turn before, its papers (cited first) and its themes.

    `cited` says whether that turn cited any; `spoken_of` names what the conversation was about, the newest last.
    """

    plan: Plan | None = None
    papers: tuple[Paper, ...] = ()
    cited: bool = False
    themes: tuple[Theme, ...] = ()
    spoken_of: tuple[str, ...] = ()

    @property
    def subjects(self) -> tuple[str, ...]:
        """What was compared, if it was a comparison."""
        return self.plan.subjects if self.plan else ()

    @property
    def asked(self) -> str:
        """The question before, as it stood alone."""
        return self.plan.standalone if self.plan else ""


_COMMAND = re.compile(r"^/(?P<name>[a-z]+)\b\s*(?P<rest>.*)$", re.IGNORECASE)
_COMMANDS = {"ask": Mode.ASK, "compare": Mode.COMPARE, "summarise": Mode.SUMMARISE, "summarize": Mode.SUMMARISE}
_WHICH_OF_THEM = re.compile(
    r"^(?:and |so |but )*(?:which\s+(?:one\s+|ones\s+)?|(?:what|who)\s+(?=of\b))"
    r"(?:of\s+(?:them|these|those|the \w+)\s+)?"
    r"(?P<aspect>(?:is|are|has|have|does|do|can|needs?|uses?|saves?|works?|runs?|performs?|gives?|takes?|requires?|"
    r"wins?|scales?)\b.*)$",
    re.IGNORECASE,
)
_AND_ASPECT = re.compile(
    r"^(?:and |but |also )*(?:(?:what|how) about|and|in terms of|with respect to|regarding|on|for|as to)\s+"
    r"(?:in terms of |on |for |their |the )*(?P<aspect>.+)$",
    re.IGNORECASE,
)
_HOW_COMPARES = re.compile(
    r"^(?:and |so )*how (?:does|do|would) (?P<name>.+?) (?:compare|stack up|fare|differ)$", re.IGNORECASE
)
_THEY_DIFFER = re.compile(
    r"^(?:and |so )*(?:how|what|where|why|in what way) (?:do|are|is|did|'s)\s*(?:the )?(?:.*\b(?:between|of) )?"
    r"(?P<they>they|them|these|those|both|(?:the|these|those) (?:two|three|four|five|six))"
    r"(?: \w+)?(?: (?:differ|different|compare|alike|similar|have in common)\b.*)?$",
    re.IGNORECASE,
)
_ADD = re.compile(
    r"^(?:now |and |also |please )*(?:add|include|throw in|put in|bring in)\s+(?P<name>.+?)"
    r"(?:\s+(?:too|as well|to (?:it|that|the table)|also))?$",
    re.IGNORECASE,
)
_NTH = re.compile(
    r"\bthe (?P<place>first|former|second|latter|third|last)(?: one| method| paper| approach| model)?\b", re.IGNORECASE
)
_RESIZE = re.compile(
    r"^(?:and |now |please |make (?:it|that) |again |a bit |much |say it |the same )*"
    r"(?P<size>shorter|briefer|shorten(?: it| that)?|more briefly|in short|in brief|longer|"
    r"in (?:more |greater )?(?:detail|depth)|more (?:detailed|details?|depth)|expand(?: it| that| on (?:it|that))?|"
    r"at length)(?: please)?$",
    re.IGNORECASE,
)
_LONGER = re.compile(r"long|detail|depth|expand|length", re.IGNORECASE)
_VERB = re.compile(r"\b(?:is|are|was|does|do|did|can|how|why|what|which|who|it|they|them|this|that)\b", re.IGNORECASE)
_LIKENESS = re.compile(r"differ|compare|alike|similar|common", re.IGNORECASE)
_DO_THEY = re.compile(
    r"^(?:and |so )*(?:how |why |where )?(?:do|are|did|can) (?:they|these|those|both|the two)\b\s*(?P<aspect>.*)$", re.I
)
_WHAT_ABOUT = re.compile(
    r"^(?:and|but|or|also|now)?\s*(?:what|how) about\s+(?P<what>.+?)(?:\s+instead)?$|^(?:and|also)\s+(?P<also>.+)$",
    re.I,
)
_SEVERAL = re.compile(r"^(?:they|them|these|those|both|the two|(?:the|these|those) (?:two )?\w+s)$", re.IGNORECASE)
_PLACES = {"first": 0, "former": 0, "second": 1, "latter": 1, "third": 2, "last": -1}
_SUCH = re.compile(r"\b(?:such|these|those) \w+s\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Z]\w*[A-Z0-9]|\w[A-Z]|[A-Za-z]\d")
_LONGEST_ASPECT = 6  # content words; more is a question of its own


def plan(message: str, mode: Mode, before: Before, *, longest: int, wanted: Length | None = None) -> Plan:
    """The plan for a message behind the turn `before`; `wanted` is a length chosen apart from the message.

    Raises `InvalidQuestion` for a message that is empty, too long, or names fewer than two things to compare where
    the reader chose a comparison.
    """
    question = " ".join(message.split())
    if len(question) > longest:
        raise InvalidQuestion(
            f"The question has {len(question):,} characters; {longest:,} are allowed "
            "(RESEARCH_ASSISTANT_MAX_QUESTION_CHARACTERS)."
        )
    text, mode = _command(question, mode)
    if not text and mode is not Mode.SUMMARISE:
        raise InvalidQuestion("The question is empty.")
    found = _planned(text, mode, before)
    size = wanted or (length(text.replace(found.topic, "")) if found.mode is Mode.SUMMARISE else None)
    return replace(found, question=question, length=size or found.length, automatic=mode is Mode.AUTO)


def compared(subjects: Sequence[str], aspects: Sequence[str]) -> str:
    """A comparison in words, as it reads on its own."""
    names = f"{', '.join(subjects[:-1])} and {subjects[-1]}"
    return f"Compare {names}{': ' + ', '.join(aspects) if aspects else ''}"


def _command(question: str, mode: Mode) -> tuple[str, Mode]:
    """The message without a command such as `/compare`, and the mode that it or the reader chose."""
    found = _COMMAND.match(question)
    if not found:
        return question, mode
    if found["name"].lower() not in _COMMANDS:
        raise InvalidQuestion(f"There is no command /{found['name']}; there are /ask, /compare and /summarise.")
    return found["rest"].strip(), _COMMANDS[found["name"].lower()]


def _planned(text: str, mode: Mode, before: Before) -> Plan:
    if mode in (Mode.AUTO, Mode.SUMMARISE):
        if (size := _RESIZE.match(text.strip(" .?!"))) and before.plan and before.plan.mode is Mode.SUMMARISE:
            again = Length.LONG if _LONGER.search(size["size"]) else Length.SHORT
            return replace(before.plan, question=text, length=again)
        place = theme(text, [item.name for item in before.themes]) if before.themes else None
        if place is not None:
            chosen = before.themes[place]
            return Plan(Mode.SUMMARISE, text, f"More on {chosen.name}", topic=chosen.name, within=chosen.papers)
    if mode in (Mode.AUTO, Mode.COMPARE) and (made := _comparison(text, before, chosen=mode is Mode.COMPARE)):
        return made
    if mode is Mode.SUMMARISE or (mode is Mode.AUTO and _asks_for_summary(text, before)):
        return _summary(text, before)
    return Plan(Mode.ASK, text, _asked(text, before))


def _asked(text: str, before: Before) -> str:
    """A plain question as it reads on its own."""
    if before.subjects:
        text = _NTH.sub(lambda found: _nth(found["place"], before.subjects) or found[0], text)
    if not (before.papers or before.asked) or not follows(text):
        return text
    if before.asked and (not (before.cited and before.papers) or ONE_OF_SEVERAL.match(text)):
        return f"{before.asked.rstrip(' ?!.')}: {text}"
    return standalone(text, before.papers[0])


# --- Comparisons ----------------------------------------------------------------------------------------------------


def _comparison(text: str, before: Before, *, chosen: bool) -> Plan | None:
    """The plan of a comparison, or None; `chosen` says that it must be one."""
    found = comparison(text) or _again(text, before) or (_meant(text) if chosen else None)
    if found is None:
        return None
    names = [name for subject in found.subjects for name in _resolved(subject, before)]
    if chosen and len(set(names)) == 1:
        names = [*_resolved("it", before), *names]
    everything = tuple(dict.fromkeys(clean_subject(name) for name in names))
    subjects, left_out = everything[:MOST_SUBJECTS], everything[MOST_SUBJECTS:]
    if len(subjects) < 2 and not chosen:
        return None
    if len(subjects) < 2:
        raise InvalidQuestion(
            "A comparison needs two things or more. Name them, for example: compare MiniCache and ZipCache."
        )
    literal = all(name in text for name in subjects)
    read_as = text if literal else compared(subjects, found.aspects)
    return Plan(Mode.COMPARE, text, read_as, subjects, found.aspects, left_out=left_out)


def _meant(text: str) -> Comparison:
    """What is to be compared in a message that does not ask for it itself: what it names, else what it lists."""
    if len(names := method_names(text)) > 1 or (names and text.endswith("?")):
        return Comparison(tuple(names))
    return listed(topic_of(text) if summary(text) else text)


def _again(text: str, before: Before) -> Comparison | None:
    """A follow-up that compares what was spoken of: in another respect, or with something else."""
    stripped = text.strip(" .?!")
    if found := _THEY_DIFFER.match(stripped):
        return Comparison((found["they"],)) if _LIKENESS.search(stripped) else None
    if (found := _HOW_COMPARES.match(stripped)) and before.spoken_of:
        return Comparison(("it", found["name"]))
    if not before.subjects:
        return None
    if found := _ADD.match(stripped):
        return Comparison((*before.subjects, found["name"]))
    for pattern in (_WHICH_OF_THEM, _DO_THEY, _AND_ASPECT):
        found = pattern.match(stripped)
        if not found or len(content_terms(found["aspect"])) > _LONGEST_ASPECT:
            continue
        aspect = re.sub(r"^(?:(?:is|are|has|have|does|do|can)\s+)+", "", found["aspect"], flags=re.IGNORECASE)
        if pattern is _AND_ASPECT and looks_like_name(aspect) and any(letter.isupper() for letter in aspect):
            return Comparison((*before.subjects, aspect))
        return Comparison(before.subjects, (aspect,) if content_terms(aspect) else ())
    return None


def _resolved(subject: str, before: Before) -> tuple[str, ...]:
    """What a subject stands for: itself, or for a pronoun what the turns before spoke of."""
    if not is_pronoun(subject):
        return (subject,)
    if before.subjects:
        chosen = next((_nth(word, before.subjects) for word in _PLACES if word in subject.lower().split()), "")
        return (chosen,) if chosen else before.subjects
    if _SEVERAL.match(subject):
        return before.spoken_of[-2:]
    return before.spoken_of[-1:]


def _nth(word: str, subjects: Sequence[str]) -> str:
    """The subject that a word such as `former` counts out, or an empty text."""
    place = _PLACES[word.lower()]
    return subjects[place] if place < len(subjects) else ""


# --- Summaries ------------------------------------------------------------------------------------------------------


def _asks_for_summary(text: str, before: Before) -> bool:
    if summary(text) is not None:
        return True
    after_one = before.plan is not None and before.plan.mode is Mode.SUMMARISE
    found = _WHAT_ABOUT.match(text.strip(" .?!")) if after_one else None
    return bool(found and (found["what"] or not _VERB.search(text)))


def _summary(text: str, before: Before) -> Plan:
    found = _WHAT_ABOUT.match(text.strip(" .?!")) if summary(text) is None else None
    topic = topic_of((found["what"] or found["also"]) if found else text)
    if found is None and summary(text) is None:
        topic = _topic_in(text) or topic
    if not is_pronoun(topic):
        if before.asked and _SUCH.search(topic):
            topic = f"{topic} ({before.asked.strip(' ?!.')})"
        return Plan(Mode.SUMMARISE, text, text, topic=topic)
    named = _topic_before(before)
    within = tuple(paper.id for paper in before.papers) if before.subjects else ()
    return Plan(Mode.SUMMARISE, text, f"Summarise {named}" if named else text, topic=named, within=within)


def _topic_in(text: str) -> str:
    """The topic of a message that asks something else: what it compares, or what it names."""
    compares = comparison(text)
    return " and ".join(compares.subjects if compares else method_names(text))


def _topic_before(before: Before) -> str:
    """What the turn before was about: its topic, what it compared, or what its question names."""
    if before.plan and before.plan.topic:
        return before.plan.topic
    names = method_names(before.asked)
    return " and ".join(before.subjects) or (names[0] if names else before.asked.strip(" .?!"))


def spoken_of(question: str, papers: Sequence[Paper]) -> str:
    """What a plain question and its answer were about: the name that the question gives it, else the first paper's."""
    if not papers:
        return ""
    text = f"{papers[0].title} {papers[0].abstract}".casefold()
    named = [word for word in re.findall(r"[\w+.-]+", question) if _NAME.search(word) and word.casefold() in text]
    return named[0].strip(".") if named else short_name(papers[0])
