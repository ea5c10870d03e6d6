"""Pure builders of the list of conversations: grouped by day, the places of a search marked."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from itertools import groupby

from assistant import Listed

from . import icons, words
from .text import visible


def toggle() -> str:
    """The button that unfolds the list on a narrow page."""
    return (
        '<button type="button" id="show-conversations" aria-expanded="false" aria-controls="conversations">'
        f"{words.CONVERSATIONS}</button>"
    )


def conversations(
    listed: Sequence[Listed],
    now: datetime,
    *,
    current: str = "",
    renaming: str = "",
    search: str = "",
    more: bool = False,
) -> str:
    """The conversations, newest first, under the days on which they were last gone on with.

    `now` is the reader's own time, with its zone. `current` is the one that is open, `renaming` the one whose name is
    a field to type in. `more` says that there are others behind these.
    """
    if not listed:
        return f'<p class="hint">{words.NOTHING_FOUND if search.strip() else words.NO_CONVERSATIONS}</p>'
    days = groupby(listed, lambda item: item.updated.astimezone(now.tzinfo).date())
    groups = "".join(_day(words.day(day, now.date()), items, current, renaming) for day, items in days)
    rest = f'<button type="button" class="more" data-do="more">{words.MORE_CONVERSATIONS}</button>' if more else ""
    return f'<nav aria-label="{words.CONVERSATIONS}">{groups}{rest}</nav>'


def _day(name: str, items: Iterable[Listed], current: str, renaming: str) -> str:
    rows = "".join(_item(item, item.id == current, item.id == renaming) for item in items)
    return f"<h3>{escape(name)}</h3><ul>{rows}</ul>"


def _item(item: Listed, is_current: bool, is_renamed: bool) -> str:
    title, of = escape(visible(item.title)), escape(item.id)
    if is_renamed:
        return (
            f'<li class="renaming"><input type="text" data-do="name" data-of="{of}" value="{title}" maxlength="120" '
            f'dir="auto" aria-label="{words.NEW_NAME}"></li>'
        )
    here = ' aria-current="page"' if is_current else ""
    hit = f' data-value="{escape(item.hit)}"' if item.hit else ""
    tools = "".join(
        f'<button type="button" data-do="{deed}" data-of="{of}" title="{name}" aria-label="{name}: {title}">{icon}'
        "</button>"
        for deed, name, icon in (("rename", words.RENAME, icons.EDIT), ("delete", words.DELETE, icons.DELETE))
    )
    return (
        f'<li><a href="?c={of}" data-do="open" data-of="{of}"{hit}{here} title="{title}" dir="auto">{title}</a>'
        f'<span class="tools">{tools}</span>{_snippet(item)}</li>'
    )


def _snippet(item: Listed) -> str:
    """The place at which a search found it."""
    parts = "".join(
        f"<mark>{escape(visible(text))}</mark>" if is_hit else escape(visible(text)) for text, is_hit in item.snippet
    )
    return f'<p class="snippet" dir="auto">{parts}</p>' if parts else ""
