"""What the page says, in one place."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

NAME = "Footnote"
TAGLINE = "Ask your papers. Every sentence shows its source."
WRITTEN_BY = "Written by"
QUOTING_MODE = "Quoting mode"
QUOTING_MODE_MEANS = "No language model is set up: answers are sentences of the abstracts, word for word."

QUESTION_LABEL = "Your question"
QUESTION_HINT = "Ask your papers …"
SEND, STOP, RETRY, NEW = "Ask", "Stop", "Try again", "New conversation"

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
EMPTY_LIBRARY_MORE = "Add your own in the Library, or start there with a sample collection of 97 papers."
GO_TO_LIBRARY = "Open the Library"

CONVERSATIONS, FIND, FIND_HINT = "Conversations", "Search the conversations", "Search …"
NO_CONVERSATIONS = "What you ask is kept here."
NOTHING_FOUND = "No conversation has these words."
MORE_CONVERSATIONS, RENAME, NEW_NAME, DELETE = "Show more", "Rename", "New name", "Delete"
UNDO_DELETION, READ_IN = "Undo", "Open a saved one (JSON)"
EDIT, EARLIER_VERSION, LATER_VERSION = "Edit this question", "Version before", "Version after"
EARLIER_TURNS = "Show earlier questions"
SAVE_TURN, SAVE_CONVERSATION, COPY_TURN = "Save this answer", "Save the conversation", "Copy with references"
FILES = {"markdown": "Markdown", "html": "Web page (HTML)", "bibtex": "References (BibTeX)", "json": "JSON"}
NO_SUCH_FORMAT = "Conversations are saved as markdown, html, bibtex and json."
NO_SUCH_TURN = "There is no such answer in this conversation; it may be another version of it."
LIKE, LIKE_TITLE, NONE_LIKE = "More like this", "Nearest in meaning", "Nothing in this library comes near it."
PAPER_GONE = "That paper is not in the library any more."
COPY_REFERENCE, PLAIN = "Copy the reference", "Plain"
NOT_COPIED = "Your browser did not let the page copy"

VIEWS = {"chat": "Chat", "library": "Library"}
VIEWS_LABEL = "Views"

KEYS = "Keyboard shortcuts"
KEYS_OF = {
    "/": "Go to the question; in the Library, to the search",
    "g c": "Open the chat",
    "g l": "Open the Library",
    "n": "Next source of the newest answer",
    "p": "Previous source of the newest answer",
    "Esc": "Stop the answer that is being written, go back from a source, close what is open",
    "?": "Show these shortcuts",
}
KEYS_WHEN = "Letters and signs work while you are not typing in a field."
KEYS_ON = "Use letters and signs as shortcuts"

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

PREFERENCES = "Settings"
LENGTH, LENGTHS = "Length of answers and summaries", {"short": "Short", "normal": "Usual", "long": "Long"}
PAPERS_READ = "Papers that a question looks at"
LANGUAGE, SAME_LANGUAGE = "Language of written answers", "That of the question"
LANGUAGE_HINT = (
    "Needs a language model: quotations stay in the language of the paper. Claims in another language than the paper's "
    "are often marked as partly supported or not found, as the check compares their words."
)
LANGUAGES = {
    "Arabic": "العربية",
    "Chinese": "中文",
    "Dutch": "Nederlands",
    "English": "English",
    "French": "Français",
    "German": "Deutsch",
    "Hindi": "हिन्दी",
    "Indonesian": "Bahasa Indonesia",
    "Italian": "Italiano",
    "Japanese": "日本語",
    "Korean": "한국어",
    "Polish": "Polski",
    "Portuguese": "Português",
    "Russian": "Русский",
    "Spanish": "Español",
    "Turkish": "Türkçe",
    "Ukrainian": "Українська",
    "Vietnamese": "Tiếng Việt",
}
THEME, THEMES = "Theme", {"system": "As the device", "light": "Light", "dark": "Dark"}
FIXED = "What needs a restart"
FIXED_HINT = (
    "These come from the environment, from .env, or from settings.toml in the home folder. Change one there, then "
    "start the page again; the README says what each does."
)
EMPTY = "empty"

LIMITS = "Limit the search"
FROM_YEAR, TO_YEAR, AUTHOR, SOURCE, COLLECTION = "From year", "To year", "Author", "Source", "Collection"
AUTHOR_HINT, ANY_SOURCE, ANY_COLLECTION = "One or more words of a name", "Any", "Any"
ONLY_CITED, CLEAR_LIMITS = "Only the papers cited in this conversation", "Clear the limits"
NONE_CITED = "No paper is cited in this conversation yet; clear that limit, or ask without it first."
NONE_CITED_OF_CHOSEN = "None of the chosen papers is cited in this conversation; clear one of the two limits."
SEARCHED_ONLY = "Searched only"
BY_WORDS_ONLY = "The others are found by their words until then."

BUSY = "An answer is being written in this conversation, on another page; ask again when it is there."
STEPS = "How it was answered"
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
CITED_AT = "Cited at"
FACTS_UNKNOWN = "Authors and year are not known"
OPEN_PAPER = "Open the paper"

DROP = "Drop files here, or choose them"
DROP_HINT = (
    "Exports of Zotero, Mendeley, EndNote, PubMed, Scopus or Web of Science; BibTeX, RIS, CSV, JSON, plain text; "
    "also as gzip or ZIP."
)
IDENTIFIERS = "Or paste identifiers, one a line"
IDENTIFIERS_HINT = "arXiv:2309.17453, 10.1038/nature14539, https://arxiv.org/abs/…"
ADD, CANCEL = "Add", "Cancel"
NO_IDENTIFIERS = "Paste an arXiv id, a DOI or a link first."
CANCELLED = "Cancelled. What went in until then stays."
LOOKING_UP = "Looking up the identifiers"
FINISHING = "Ending after the papers at work …"
SKIPPED_FIRST = 50
NOTHING_READ = "No paper was found in it."

SEARCH, SEARCH_HINT = "Search", "Words of a title, an author, a venue …"
NO_ABSTRACT, NO_ABSTRACT_MARK = "Without an abstract", "no abstract"
TABLE_OF_PAPERS = "Papers of the library"
COLUMNS = {"title": "Title", "author": "Authors", "year": "Year", "added": "Added from"}
SORT_BY = "Sort by"
SELECT_PAGE = "Select all on this page"
PREVIOUS, NEXT, PAGE = "Previous", "Next", "Page"
NOTHING_MATCHES = "No paper matches. Change the words or the filters."
SHELF_EMPTY = "There are no papers here yet"
SHELF_EMPTY_MORE = (
    "Drop a file above, as your reference manager exports it (Zotero, Mendeley, EndNote …), paste an arXiv id or a "
    "DOI, or begin with the sample collection of 97 papers."
)
ET_AL = "et al."
ASK_THESE, ASK_THIS = "Ask about these", "Ask about this paper"
TO_COLLECTION, FROM_COLLECTION = "Add to collection", "Remove from collection"
COLLECTION_MISSING = "Choose a collection, or type the name of a new one."
REMOVE, UNSELECT, CLOSE = "Remove", "None", "Close"
NO_ABSTRACT_MEANS = "This record has no abstract; it is found by its title."
CAME_FROM, IN_COLLECTIONS, BIBTEX, COPY = "Added from", "Collections", "BibTeX", "Copy"
GONE = "This paper is no longer in the library."
COPIED, BACK_TO_ANSWER, COLLECTION_HINT = "Copied", "↑ Back to the answer", "Name of a collection"

ADD_SAMPLE, REMOVE_SAMPLE, ADD_SAMPLE_BACK = (
    "Load the sample papers",
    "Remove the sample papers",
    "Undo: bring them back",
)
SAMPLE_SOURCE = "Sample paper, abstract restated"
REMOVED_SAMPLE = "The sample papers were removed."

OF_SCRIPT = {
    "question": QUESTION_LABEL,
    "mode": MODE_LABEL,
    "back": BACK_TO_ANSWER,
    "copied": COPIED,
    "notCopied": NOT_COPIED,
    "collection": COLLECTION_HINT,
    "keys": KEYS,
    "keysOf": KEYS_OF,
    "keysWhen": KEYS_WHEN,
    "keysOn": KEYS_ON,
    "close": CLOSE,
}
"""What the scripts say, which is handed this with the page."""


def day(of: date, today: date) -> str:
    """A day as a heading."""
    if of >= today:
        return "Today"
    if of == today - timedelta(days=1):
        return "Yesterday"
    year = "" if of.year == today.year else f" {of.year}"
    return f"{of:%A}, {of.day} {of:%B}{year}"


def version(place: int, total: int) -> str:
    """Which of the versions of a question and its answer is shown."""
    return f"{place} of {total}"


def deleted(title: str) -> str:
    """That a conversation was deleted."""
    return f"“{title}” was deleted."


def searched_for(what: Sequence[str], count: int) -> str:
    """What was searched for, and in how many papers."""
    return f"Searched {papers(count)} for {' and for '.join(f'“{one}”' for one in what)}"


def read(count: int) -> str:
    """How many papers are behind an answer."""
    return f"Read {'1 abstract' if count == 1 else f'{count:,} abstracts'}" if count else "Found nothing on it"


def took(seconds: float) -> str:
    """How long an answer took."""
    return f"Took {seconds:.1f} s"


def place(number: int) -> str:
    """The name of a link from a source back to the answer."""
    return f"Citation {number} of this paper in the answers"


def editing() -> str:
    """The line above the question while an earlier one is edited, which is also the button that leaves it as it was."""
    return "Editing an earlier question; the answer before is kept  ✕"


def too_large(most: int) -> str:
    """That a file is not read in."""
    return f"The file is larger than {most // 1_000_000} MB."


def papers(count: int) -> str:
    """A number of papers in words."""
    return "1 paper" if count == 1 else f"{count:,} papers"


def no_year(typed: str) -> str:
    """That a field holds no year."""
    return f"{typed!r} is no year; write it with four digits, or leave the field empty."


def source(name: str, count: int) -> str:
    """A source that papers came from."""
    return f"{source_name(name)} ({count:,})"


def collection(name: str, count: int) -> str:
    """A collection in a list to choose from."""
    return f"{name} ({count:,})"


def source_name(name: str) -> str:
    """A source as a reader knows it."""
    return "Sample papers" if name == "sample" else name


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


def adding(what: str, read: int) -> str:
    """What is being added, and how far it is."""
    return f"Adding {what} … {read:,} read"


def file_of(name: str, place: int, total: int) -> str:
    """A file, and which of how many it is."""
    return name if total == 1 else f"{name} ({place} of {total})"


def added(new: int, updated: int, same: int, left_out: int) -> str:
    """What adding did, in numbers."""
    return f"{new:,} new · {updated:,} updated · {same:,} already there · {left_out:,} skipped"


def skipped(count: int) -> str:
    """The heading of what was left out."""
    return f"Why {'1 record was' if count == 1 else f'{count:,} records were'} skipped"


def more_skipped(count: int) -> str:
    """That the list of what was left out goes on."""
    return f"… and {count:,} more"


def bad_identifier(line: int, problem: str) -> str:
    """What is wrong with a line of the identifiers."""
    return f"Line {line}: {problem}"


def rows(first: int, last: int, total: int) -> str:
    """Which rows of the table are shown."""
    return f"{first:,}–{last:,} of {total:,}"


def of_pages(total: int) -> str:
    """How many pages the table has."""
    return f"of {total:,}"


def select_paper(title: str) -> str:
    """The name of a row's box."""
    return f"Select {title}"


def chosen(count: int) -> str:
    """How many papers are selected."""
    return f"{count:,} selected"


def select_all(total: int) -> str:
    """The button that selects all that match."""
    return f"Select all {total:,}"


def asking_about(what: str) -> str:
    """The limit above the question, which is also the button that clears it."""
    return f"Asking about {what}  ✕"


def removed(count: int) -> str:
    """That papers were removed."""
    return f"{papers(count)} removed."


def undo_removal(count: int) -> str:
    """The button that brings removed papers back."""
    return f"Undo: bring {papers(count)} back"


def restored(count: int) -> str:
    """That removed papers are back."""
    return f"{papers(count)} brought back."


def collected(count: int, name: str) -> str:
    """That papers are in a collection now."""
    return f"{papers(count)} added to “{name}”."


def uncollected(count: int, name: str) -> str:
    """That papers are no longer in a collection."""
    return f"{papers(count)} taken out of “{name}”."


# -- what an exported file says

REFERENCES = "References"
CITED_IN = "Cited in"
WRITTEN_WITH = f"Made with {NAME}. Every number leads to the sentence of the paper that it rests on."
EXPORTED_MAP_HINT = "Point at a dot for its title; those of cited papers lead to their reference."


def question_of(place: int) -> str:
    """Which question of a conversation this is."""
    return f"Question {place}"


def cited_in(answer: int, place: int, places: int) -> str:
    """The way back from a sentence to a place that cites it."""
    return f"answer {answer}" if places == 1 else f"answer {answer}, place {place}"


NOT_BEGUN = "Stopped before it was begun."


def ahead(count: int) -> str:
    """That a question waits for those asked before it."""
    return f"Many ask at once. {'You are next' if count == 0 else f'{count:,} ahead of you'}."


# -- signing in, and what is refused before the page

SIGN_IN, SIGN_OUT, SIGNED_IN_AS = "Sign in", "Sign out", "Signed in as"
USER_NAME, PASSWORD = "Name", "Password"
WRONG_PASSWORD = "That name and password do not belong together."
SIGN_IN_FIRST = "Sign in first."
NO_SIGN_IN = "Nobody can sign in at the moment; the log of the server says why."
NOT_A_FORM = "This is not what the sign-in page sends."
ADMINS_ONLY = "Only an admin may do this."
NOT_YOURS = "This page was opened by somebody else. Reload it."
NO_PAGE = "This does not say for which page it is."
NOT_THERE = "There is nothing at this address."
FOREIGN_ORIGIN = "This was sent by another site's page, and was not done."
FOREIGN_HOST = (
    "Without sign-in the page answers on this machine only, as localhost or 127.0.0.1. To offer it under a name, add a "
    "user: research-assistant user add NAME --admin"
)

THROUGH_PROXY = (
    "This came through a proxy, and without sign-in everybody behind it could do everything. Add a user first: "
    "research-assistant user add NAME --admin"
)
NO_HOST = "The Host header of this request names no host."


def locked_out(seconds: float) -> str:
    """That attempts to sign in are refused for so long."""
    minutes = max(1, round(seconds / 60))
    return f"Too many failed attempts. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def too_much(megabytes: int) -> str:
    """That what was sent is too large."""
    return f"This is larger than {megabytes:,} MB, which is the most that can be sent at once."
