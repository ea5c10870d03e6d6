"""The list of conversations as HTML."""

import re
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import cast

import gradio as gr
import pytest

from assistant import Assistant, Listed
from ui import words
from ui.conversations import Sidebar
from ui.session import Desk
from ui.sidebar import conversations

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


def item(name: str, updated: datetime = NOW, snippet: tuple[tuple[str, bool], ...] = ()) -> Listed:
    return Listed(id=name, title=f"Title {name}", updated=updated, turns=1, snippet=snippet)


def test_they_are_under_the_days_on_which_they_were_last_gone_on_with() -> None:
    days = [NOW, NOW - timedelta(hours=2), NOW - timedelta(days=1), NOW - timedelta(days=3), NOW - timedelta(days=400)]
    markup = conversations([item(str(place), day) for place, day in enumerate(days)], NOW)
    headings = re.findall(r"<h3>(.*?)</h3>", markup)
    assert headings == ["Today", "Yesterday", "Monday, 23 November", "Wednesday, 22 October 2025"]
    assert markup.index("Title 1") < markup.index("Yesterday") < markup.index("Title 2")


def test_a_day_is_that_of_the_reader() -> None:
    late = datetime(2026, 11, 25, 23, 30, tzinfo=UTC)
    here = NOW.astimezone(timezone(timedelta(hours=1)))
    assert "Today" in conversations([item("a", late)], here)
    assert "Yesterday" in conversations([item("a", late)], NOW)


def test_the_open_one_is_marked_and_one_that_is_renamed_is_a_field() -> None:
    markup = conversations([item("a"), item("b")], NOW, current="a", renaming="b")
    assert re.findall(r'<a href="\?c=(\w)"[^>]* aria-current="page"', markup) == ["a"]
    assert re.findall(r'<input[^>]* data-of="(\w)" value="([^"]*)"', markup) == [("b", "Title b")]


def test_hits_are_marked_and_hostile_text_stays_text() -> None:
    hostile = '<img src=x onerror=alert(1)>"\u202e'
    found = Listed("a", hostile, NOW, 1, ((f"so {hostile} is ", False), ("<b>hit", True)))
    markup = conversations([found], NOW)
    assert "<mark>&lt;b&gt;hit</mark>" in markup
    assert "<img" not in markup
    assert "\u202e" not in markup
    assert not re.search(r"<[^>]* onerror", re.sub(r'"[^"]*"', '""', markup))


@pytest.mark.parametrize(("search", "said"), [("", words.NO_CONVERSATIONS), ("x", words.NOTHING_FOUND)])
def test_an_empty_list_says_why(search: str, said: str) -> None:
    assert said in conversations([], NOW, search=search)


def test_more_are_offered_where_there_are_more() -> None:
    assert words.MORE_CONVERSATIONS in conversations([item("a")], NOW, more=True)
    assert words.MORE_CONVERSATIONS not in conversations([item("a")], NOW)


async def test_a_search_whose_event_was_lost_is_made_at_the_second_look_and_one_that_was_made_is_not_undone() -> None:
    every = [item("TabPFN"), item("MiniCache")]
    kept = SimpleNamespace(list=lambda search, _: every[:1] if search else every)
    assistant = SimpleNamespace(conversations=SimpleNamespace(of=lambda _: kept))
    with gr.Blocks():
        beside, desk = Sidebar(cast(Assistant, assistant)), Desk()
    beside.noticed(desk, "")
    assert beside.noticed(desk, "tab") == {}, "it may be on its way"
    (painted,) = beside.noticed(desk, "tab").values()
    assert "TabPFN" in painted and "MiniCache" not in painted
    beside._search("", desk)
    for typed in ("tab", "", ""):  # a look that began before the field was emptied, and those after it
        assert beside.noticed(desk, typed) == {}
    assert desk.searched == ""
