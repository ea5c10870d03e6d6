"""What the page says, in one place."""

NAME = "Footnote"
TAGLINE = "Ask your papers. Every sentence shows its source."
QUOTING_MODE = "Quoting mode"
QUOTING_MODE_MEANS = "No language model is set up: answers are sentences of the abstracts, word for word."

QUESTION_LABEL = "Your question"
QUESTION_HINT = "Ask about these papers …"
SEND, STOP, RETRY, CLEAR, UNDO = "Ask", "Stop", "Try again", "New conversation", "Undo"
EXAMPLES = "Questions to begin with"

WELCOME = "What do you want to know?"
WELCOME_MORE = (
    "Answers come only from the abstracts in this collection. Every sentence carries a number; "
    "select it to see the very sentence of the paper."
)
EMPTY_LIBRARY = "There are no papers here yet"
EMPTY_LIBRARY_MORE = "Add your own on the command line, or start with the sample collection of 97 papers:"
ADD_COMMAND = "research-assistant add FILE"

SEARCHING = "Searching the papers …"
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


def cited(sentences: int, count: int) -> str:
    """The line that a screen reader hears when an answer is complete."""
    of = "1 sentence" if sentences == 1 else f"{sentences} sentences"
    return f"Answer complete: {of} from {papers(count)}."
