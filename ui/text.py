"""Text of others made safe to show, and the ids that parts of the page refer to each other by."""

import re

from assistant import Paper

_NO_TEXT = re.compile(r"[\ud800-\udfff\ue000-\uf8ff]")  # halves of characters, and those for private use
# Invisible characters that reorder or hide what a reader sees (Unicode TR36).
_DECEPTIVE = re.compile(
    r"[\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_NOT_OF_AN_ID = re.compile(r"[^\w-]")


def visible(text: str) -> str:
    """Text without the characters that hide or reorder other text, and without what is no text, or only ours."""
    return _NO_TEXT.sub("", _DECEPTIVE.sub("", text))


def card_id(paper: Paper) -> str:
    """The id of a paper's card in the source panel."""
    return f"paper-{_NOT_OF_AN_ID.sub('', paper.id)}"
