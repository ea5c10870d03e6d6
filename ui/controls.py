"""Which of the buttons around the question can be used now.

The page holds all of them, and the style sheet hides those that the line made here does not name. Gradio's own
`visible` takes a part out of the page and puts it back, and of two such changes in quick succession it may lose the
second, so that an answer that is found at once would leave its reader with nothing but Stop.
"""

from collections.abc import Iterable

from assistant import Length, Mode, Outcome, Turn

from . import words

EXAMPLES = 4
_INSTEAD = {Mode(kind): f"instead-{kind}" for kind in words.INSTEAD}
_ALL = (
    *("send", "stop", "editing", "retry", "quote", "shorter", "longer", *_INSTEAD.values()),
    *("examples", *(f"example-{number}" for number in range(EXAMPLES))),
)
STYLE = "".join(
    f'#chat-view:not(:has([data-can~="{name}"])) #{name} {{ display: none !important; }}\n' for name in _ALL
)


def controls(last: Turn | None = None, *, writing: bool = False, editing: bool = False, examples: int = 0) -> str:
    """The line that names what can be used.

    `last` is the last turn of the conversation, `examples` how many questions are suggested. While an answer is written
    it can only be stopped.
    """
    if writing:
        return _line(["stop"])
    can = ["send", *(["editing"] if editing else [])]
    if last is None:
        return _line([*can, *(["examples"] if examples else []), *(f"example-{number}" for number in range(examples))])
    return _line([*can, "retry", *(["quote"] if _wants_quotations(last) else []), *_kinds(last), *_lengths(last)])


def is_writing(line: str) -> bool:
    """Whether a line says that an answer is being written."""
    return line == _line(["stop"])


def _line(can: Iterable[str]) -> str:
    return f'<span data-can="{" ".join(can)}"></span>'


def _kinds(last: Turn) -> list[str]:
    """The other kinds of answer that the last question could get; a map of topics has no two sides to compare."""
    is_map = last.topic_map is not None
    return [name for kind, name in _INSTEAD.items() if kind is not last.mode and not (is_map and kind is Mode.COMPARE)]


def _lengths(last: Turn) -> list[str]:
    """The lengths that a summary of a topic does not have now."""
    if last.mode is not Mode.SUMMARISE or last.topic_map is not None or not last.papers:
        return []
    return [
        name for length, name in ((Length.SHORT, "shorter"), (Length.LONG, "longer")) if last.plan.length is not length
    ]


def _wants_quotations(turn: Turn) -> bool:
    """Whether a written answer went wrong in a way that quotations would not."""
    return turn.llm is not None and (turn.outcome is Outcome.FAILED or bool(turn.note))
