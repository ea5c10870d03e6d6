"""What the page says, in one place."""

from collections.abc import Mapping

NAME = "Footnote"
TAGLINE = "Ask your papers. Every sentence shows its source."
WRITTEN_BY = "Written by"
QUOTING_MODE = "Quoting mode"
QUOTING_MODE_MEANS = "No language model is set up: answers are sentences of the abstracts, word for word."

QUESTION_LABEL = "Your question"
QUESTION_HINT = "Ask your papers …"
SEND, STOP, RETRY, CLEAR, UNDO = "Ask", "Stop", "Try again", "New conversation", "Undo"

MODE_LABEL = "Kind of answer"
MODES = {"auto": "Auto", "ask": "Ask", "compare": "Compare", "summarise": "Summarise"}
KINDS = {"ask": "Answer", "compare": "Comparison", "summarise": "Summary"}
CHOSEN = "chosen from the question"
INSTEAD = {"ask": "Answer it instead", "compare": "Compare instead", "summarise": "Summarise instead"}
SHORTER, LONGER = "Shorter", "Longer"
NOT_STATED = "not stated"  # as the comparison itself puts it; such a cell is set apart
TABLE = "Comparison, scrolls sideways"
SAVE_CSV, SAVE_MARKDOWN = "Save the table (CSV)", "Save the comparison (Markdown)"
MAP_HINT = "Point at a dot for its title; select it to open the paper."

WELCOME = "What do you want to know?"
WELCOME_MORE = (
    "Answers come only from the abstracts in this collection. Every sentence carries a number; "
    "select it to see the very sentence of the paper."
)
EMPTY_LIBRARY = "There are no papers here yet"
EMPTY_LIBRARY_MORE = "Add your own on the command line, or start with the sample collection of 97 papers:"
ADD_COMMAND = "research-assistant add FILE"

SUPPORT = {
    "verbatim": "the sentence itself",
    "supported": "supports the claim",
    "partly": "supports the claim partly",
    "not found": "the claim was not found in it",
}
NO_SOURCE = "No sentence of the papers was found for this claim"

MODEL_PANEL = "Language model"
MODEL_INTRO = (
    "With a model the answers are written, and every claim is checked against the sentence it cites. "
    "Without one they are quotations."
)
MODEL, ADDRESS, KEY, CONTEXT, LONGEST = "Model", "Address", "Key", "Context window (tokens)", "Longest answer (tokens)"
TEMPERATURE, TIMEOUT, RETRIES = "Temperature", "Timeout (s)", "Retries"
MODEL_HINT, KEY_HINT = "llama3.1:8b, gpt-4o-mini, ...", "kept in memory only"
CONNECT, DISCONNECT = "Check and use", "Use quotations"
MODEL_MISSING = "Give the name of a model."
DISCONNECTED = "Answers are quotations now."
QUOTE_INSTEAD = "Answer with quotations"

LIMITS = "Limit the search"
FROM_YEAR, TO_YEAR, AUTHOR, SOURCE = "From year", "To year", "Author", "Source"
AUTHOR_HINT, ANY_SOURCE = "One or more words of a name", "Any"
ONLY_CITED, CLEAR_LIMITS = "Only the papers cited in this conversation", "Clear the limits"
NONE_CITED = "No paper is cited in this conversation yet; clear that limit, or ask without it first."
SEARCHED_ONLY = "Searched only"
BY_WORDS_ONLY = "The others are found by their words until then."

SEARCHING = "Searching the papers …"
READING = "Reading the papers …"
WRITING = "Writing …"
READ_AS = "Read as"
YOU_ASKED = "You asked"
STOPPED = "Stopped. This is what was written until then."
REFUSED_STATUS = "Nothing found in this collection."

SOURCES = "Sources"
SOURCES_EMPTY = "The papers behind an answer appear here, with the cited sentences marked."
CITED_NOW, FOUND_NOT_CITED, CITED_BEFORE = "Cited in this answer", "Found, not cited", "Cited earlier"
FACTS_UNKNOWN = "Authors and year are not known"
OPEN_PAPER = "Open the paper"

ADD_SAMPLE, REMOVE_SAMPLE, ADD_SAMPLE_BACK = (
    "Load the sample papers",
    "Remove the sample papers",
    "Undo: bring them back",
)
SAMPLE_SOURCE = "Sample paper, abstract restated"
REMOVED_SAMPLE = "The sample papers were removed."
INDEXING = "Indexing papers"


def papers(count: int) -> str:
    """A number of papers in words."""
    return "1 paper" if count == 1 else f"{count:,} papers"


def no_year(typed: str) -> str:
    """That a field holds no year."""
    return f"{typed!r} is no year; write it with four digits, or leave the field empty."


def source(name: str, count: int) -> str:
    """A source that papers came from."""
    return f"{'Sample papers' if name == 'sample' else name} ({count:,})"


def embedding(ready: int, total: int, seconds_left: float | None) -> str:
    """How far the embedding is, in the page's head."""
    left = "" if seconds_left is None else f" · {minutes(seconds_left)} left"
    return f"{ready:,} of {total:,} papers searchable by meaning{left}"


def minutes(seconds: float) -> str:
    """A time that is not known better than this."""
    if seconds < 60:
        return "less than a minute"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600)} h"


def cited(sentences: int, count: int) -> str:
    """The line that a screen reader hears when an answer is complete."""
    of = "1 sentence" if sentences == 1 else f"{sentences} sentences"
    return f"Answer complete: {of} from {papers(count)}."


def estimated(count: int, calls: int, tokens: int, cost: float | None) -> str:
    """What a large summary will take, before it starts."""
    price = f", ${cost:.4f}" if cost is not None else ""
    return f"{papers(count)} to read: at most {calls} calls and about {tokens:,} tokens{price}"


def reading(done: int, total: int) -> str:
    """How far the reading is."""
    return f"Reading {done} of {total} …"


def map_label(drawn: int, total: int, themes: int) -> str:
    """What the map shows."""
    shown = papers(total) if drawn == total else f"{drawn:,} of {papers(total)}"
    return f"Map of {shown} in {'1 theme' if themes == 1 else f'{themes} themes'}."


def connected(model: str, seconds: float) -> str:
    """That the model answers."""
    return f"{model} answers; first word after {seconds:.1f} s. It writes the next answers."


def checked(support: Mapping[str, int]) -> str:
    """The line under a written answer: how many claims it makes and what the check found."""
    total = sum(support.values())
    parts = [f"{support[label]} {label}" for label in ("supported", "partly", "not found") if support.get(label)]
    return f"{total} claim{'' if total == 1 else 's'}: {', '.join(parts)}"


def spent(tokens: int, estimated: bool, cost: float | None, first_word: float | None) -> str:
    """What a written answer took."""
    parts = [f"{'about ' if estimated else ''}{tokens:,} tokens"]
    if cost is not None:
        parts.append(f"${cost:.4f}")
    if first_word is not None:
        parts.append(f"first word after {first_word:.1f} s")
    return " · ".join(parts)
