"""The Library beside the chat: a table of papers, the card of one, and what can be done with those selected."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.events import Dependency

from assistant import Assistant, InvalidQuestion, LibraryError, Listing, Order, Selection, Standing, bibtex

from . import render, table, words
from .adding import AddPanel
from .limits import LimitsPanel, year
from .rights import for_admins
from .sample import SampleButtons

_CLICKS = Path(__file__).with_name("static") / "clicks.js"
_TO_QUESTION = "() => document.dispatchEvent(new Event('to-question'))"

Updates = dict[gr.components.Component, Any]


@dataclass
class Shelf:
    """What one session has before it in the Library. Changed in place, as the ids may be very many.

    `asked` counts the tables that were asked for, so that one that is overtaken is not shown. `papers` is how many
    there were when the table was last painted, `seen` how far the library had changed when it was last looked at,
    `listed` which papers the table shows, in which order, and whether there are any.
    """

    selection: Selection = field(default_factory=Selection)
    order: Order = Order.ADDED
    descending: bool = True
    offset: int = 0
    chosen: dict[str, None] = field(default_factory=dict)
    total: int = 0
    opened: str = ""
    removed: list[list[str]] = field(default_factory=list)
    asked: int = 0
    papers: int = 0
    seen: tuple[int, Standing | None] | None = None
    listed: tuple[Listing, Order, bool, bool] | None = None


class LibraryView:
    """The parts of the view, and the handlers of its events."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant, self._library = assistant, assistant.library
        self._catalogue = assistant.library.catalogue
        with gr.Column(elem_id="library-view"):
            self._adding = AddPanel(assistant)
            self._sample = SampleButtons(assistant)
            with gr.Row(elem_id="filters"):
                self._text = gr.Textbox(
                    label=words.SEARCH, placeholder=words.SEARCH_HINT, max_lines=1, scale=4, min_width=200
                )
                self._from = gr.Textbox(label=words.FROM_YEAR, max_lines=1, min_width=80)
                self._to = gr.Textbox(label=words.TO_YEAR, max_lines=1, min_width=80)
                self._source = gr.Dropdown([(words.ANY_SOURCE, "")], value="", label=words.SOURCE, min_width=130)
                self._collection = gr.Dropdown(
                    [(words.ANY_COLLECTION, "")], value="", label=words.COLLECTION, min_width=130
                )
                self._bare = gr.Checkbox(False, label=words.NO_ABSTRACT, min_width=120)
            self._wrong = gr.HTML(elem_id="wrong")
            with gr.Row(elem_id="selection"):
                self._said = gr.HTML(elem_id="selected")
                self._all = gr.Button(words.select_all(0), size="sm", elem_id="select-all")
                self._none = gr.Button(words.UNSELECT, size="sm", elem_id="select-none")
                self._ask_these = gr.Button(words.ASK_THESE, size="sm", elem_id="ask-these")
                self._name = gr.Dropdown(
                    [], value="", label=words.COLLECTION, show_label=False, container=False,
                    allow_custom_value=True, min_width=150, elem_id="collection-name",
                )  # fmt: skip
                self._collect = gr.Button(words.TO_COLLECTION, size="sm", elem_id="collect")
                self._uncollect = gr.Button(words.FROM_COLLECTION, size="sm", elem_id="uncollect")
                self._remove_these = gr.Button(words.REMOVE, size="sm", elem_id="remove-these")
            with gr.Row(elem_id="done"):
                self._done = gr.HTML(elem_id="done-said")
                self._undo = gr.Button(visible=False, size="sm", elem_id="undo-remove")
            with gr.Row(elem_id="shelf"):
                clicks = _CLICKS.read_text(encoding="utf-8")
                self._table = gr.HTML(elem_id="papers", js_on_load=clicks)
                with gr.Column(elem_id="card-panel", scale=0):
                    self._card = gr.HTML(elem_id="card", js_on_load=clicks)
                    with gr.Row(elem_id="card-actions"):
                        self._ask_this = gr.Button(words.ASK_THIS, size="sm", elem_id="ask-this")
                        self._remove_this = gr.Button(words.REMOVE, size="sm", elem_id="remove-this")
        self.shelf = gr.State(Shelf())
        self._as_it_is: Updates = {self._done: gr.skip()}  # an empty dictionary would be taken for a value
        self._filters: list[Any] = [self._text, self._from, self._to, self._source, self._collection, self._bare]
        self.parts: list[gr.components.Component] = [
            *self._filters, self._wrong, self._said, self._all, self._name, self._done, self._undo,
            self._table, self._card,
        ]  # fmt: skip

    def wire(self, blocks: gr.Blocks, limits: LimitsPanel) -> list[Dependency]:
        """Connects the view; returns the events after which the library is another."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        shelf, parts = self.shelf, self.parts
        blocks.load(self.show, shelf, parts, **private)
        typed = [part.change for part in (self._text, self._from, self._to)]  # `input` misses pasting and deleting
        picked = [part.input for part in (self._source, self._collection, self._bare)]
        gr.on([*typed, *picked], self._filter, [*self._filters, shelf], parts, trigger_mode="always_last", **private)
        self._table.click(self._use, shelf, parts, trigger_mode="multiple", **private)
        self._card.click(self._close, shelf, parts, **private)
        self._all.click(self._select_all, shelf, parts, **private)
        self._none.click(self._select_none, shelf, parts, **private)
        for button, these in ((self._ask_these, self._chosen), (self._ask_this, self._opened)):
            limits.narrow(button, these, shelf).then(None, None, None, js=_TO_QUESTION, **private)
        changed = [
            self._collect.click(self._put, [self._name, shelf], parts, **private),
            self._uncollect.click(self._take, [self._name, shelf], parts, **private),
            self._remove_these.click(self._remove, shelf, parts, **private),
            self._remove_this.click(self._remove_opened, shelf, parts, **private),
            self._undo.click(self._restore, shelf, parts, **private),
        ]
        others = [*self._adding.wire(), *self._sample.wire(blocks)]
        return [*changed, *(event.then(self.show, shelf, parts, **private) for event in others)]

    # -- the table ------------------------------------------------------------------------------------------------

    def show(self, shelf: Shelf) -> Updates:
        """The view as the library stands."""
        sources = [(words.source(name, count), name) for name, count in self._catalogue.sources().items() if name]
        named = self._catalogue.collections()
        collections = [(words.collection(name, count), name) for name, count in named.items()]
        return self._painted(shelf) | {
            self._source: gr.update(choices=[(words.ANY_SOURCE, ""), *sources]),
            self._collection: gr.update(choices=[(words.ANY_COLLECTION, ""), *collections]),
            self._name: gr.update(choices=list(named)),
        }

    def changed(self, shelf: Shelf) -> bool:
        """Whether anything was written to the library, here or elsewhere, since this was last asked for the session."""
        before, shelf.seen = shelf.seen, self._state()
        return shelf.seen != before

    def _state(self) -> tuple[int, Standing | None]:
        return self._catalogue.changes(), self._assistant.background.standing

    def noticed(self, shelf: Shelf) -> Updates:
        """The view again after a change; while papers are being embedded, only if there are more or fewer of them.

        A table that would be as it is stays, with whatever somebody does in it at that moment.
        """
        status, before = self._library.status(), shelf.listed
        if status.papers == shelf.papers and status.pending:
            return {}
        updates = self.show(shelf)
        if shelf.listed == before:
            updates.pop(self._table, None)
        return updates

    def _painted(self, shelf: Shelf) -> Updates:
        """The table and what is selected."""
        shelf.asked += 1
        shelf.seen = shelf.seen or self._state()  # what is painted first is no news a moment later
        number, papers = shelf.asked, self._catalogue.listing(Selection(), limit=0).total
        listing = self._catalogue.listing(shelf.selection, shelf.order, shelf.descending, table.ROWS, shelf.offset)
        if listing.total and not listing.papers:  # its last page is gone
            shelf.offset = (listing.total - 1) // table.ROWS * table.ROWS
            return self._painted(shelf)
        if number != shelf.asked:
            return self._as_it_is
        shelf.papers, shelf.total = papers, listing.total
        shelf.listed = listing, shelf.order, shelf.descending, papers > 0
        painted = table.table(listing, shelf.order, shelf.descending, shelf.offset, shelf.chosen)
        return self._selected(shelf) | {self._table: painted if papers else table.empty()}

    def _selected(self, shelf: Shelf) -> Updates:
        count = len(shelf.chosen)
        return {
            self._said: render.notice(words.chosen(count)) if count else "",
            self._all: gr.update(value=words.select_all(shelf.total), visible=count != shelf.total),
        }

    def _filter(
        self, text: str, from_year: str, to_year: str, source: str, collection: str, bare: bool, shelf: Shelf
    ) -> Updates:
        """Paints what passes the filters. While it does, the page waits with all but the last of what is typed.

        Gradio calls a dropdown changed when the keyboard merely leaves it; then the table stays, and on its page.
        """
        try:
            first, last = _whole(from_year), _whole(to_year)
        except InvalidQuestion as error:
            return {self._wrong: render.notice(str(error))}
        selection = Selection(text or "", first, last, source or "", collection or "", bare)
        if selection == shelf.selection:
            return {self._wrong: ""}
        before = shelf.selection, shelf.offset
        shelf.selection, shelf.offset = selection, 0
        try:
            return self._painted(shelf) | {self._wrong: ""}
        except LibraryError:  # else the same filters would be taken for those that are painted
            shelf.selection, shelf.offset = before
            raise

    def _use(self, shelf: Shelf, event: gr.EventData) -> Updates:
        """What was clicked in the table: a heading, a page, a box or a title."""
        deed, of, value = (getattr(event, name, "") for name in ("deed", "of", "value"))
        match deed:
            case "sort" if of in list(Order):
                shelf.descending = not shelf.descending if of == shelf.order else of == Order.ADDED
                shelf.order, shelf.offset = Order(of), 0
                return self._painted(shelf)
            case "page" if str(of or value).isdecimal() and len(str(of or value)) < 10:
                last = max(0, shelf.total - 1) // table.ROWS
                shelf.offset = min(max(int(of or value) - 1, 0), last) * table.ROWS
                return self._painted(shelf)
            case "tick":
                return self._tick(shelf, self._catalogue.papers([str(of)]), bool(value))
            case "tick-page":
                ids = self._catalogue.listing(
                    shelf.selection, shelf.order, shelf.descending, table.ROWS, shelf.offset
                ).papers
                self._tick(shelf, [paper.id for paper in ids], bool(value))
                return self._painted(shelf)
            case "open":
                return self._open(shelf, str(of))
        return self._as_it_is

    def _tick(self, shelf: Shelf, ids: Iterable[str], on: bool) -> Updates:
        for paper_id in ids:
            if on:
                shelf.chosen[paper_id] = None
            else:
                shelf.chosen.pop(paper_id, None)
        return self._selected(shelf)

    def _select_all(self, shelf: Shelf) -> Updates:
        shelf.chosen = dict.fromkeys(self._catalogue.selected_ids(shelf.selection))
        return self._painted(shelf)

    def _select_none(self, shelf: Shelf) -> Updates:
        shelf.chosen = {}
        return self._painted(shelf)

    # -- one paper ------------------------------------------------------------------------------------------------

    def _open(self, shelf: Shelf, paper_id: str) -> Updates:
        found = self._catalogue.papers([paper_id])
        if not found:
            return self._painted(shelf) | {self._card: "", self._done: render.notice(words.GONE)}
        shelf.opened, paper = paper_id, found[paper_id]
        return {self._card: table.card(paper, self._catalogue.collections_of(paper_id), bibtex(paper))}

    def _close(self, shelf: Shelf) -> Updates:
        shelf.opened = ""
        return {self._card: ""}

    # -- those selected -------------------------------------------------------------------------------------------

    def _chosen(self, shelf: Shelf) -> list[str]:
        """The ids of the selected papers that are still there."""
        there = set(self._catalogue.selected_ids(Selection()))
        return [paper_id for paper_id in shelf.chosen if paper_id in there]

    def _opened(self, shelf: Shelf) -> list[str]:
        return list(self._catalogue.papers([shelf.opened]))

    @for_admins
    def _put(self, name: str | None, shelf: Shelf) -> Updates:
        """Puts the selected papers into a collection."""
        return self._sorted(name, shelf, into=True)

    @for_admins
    def _take(self, name: str | None, shelf: Shelf) -> Updates:
        """Takes the selected papers out of a collection."""
        return self._sorted(name, shelf, into=False)

    def _sorted(self, name: str | None, shelf: Shelf, *, into: bool) -> Updates:
        known = " ".join((name or "").split())
        if not known:
            return {self._done: render.notice(words.COLLECTION_MISSING)}
        change = self._catalogue.collect if into else self._catalogue.uncollect
        said = words.collected if into else words.uncollected
        done = {self._done: render.notice(said(change(known, self._chosen(shelf)), known))}
        opened = self._open(shelf, shelf.opened) if shelf.opened else {}
        return self.show(shelf) | opened | done

    @for_admins
    def _remove(self, shelf: Shelf) -> Updates:
        return self._removed(shelf, self._chosen(shelf))

    @for_admins
    def _remove_opened(self, shelf: Shelf) -> Updates:
        return self._removed(shelf, self._opened(shelf))

    def _removed(self, shelf: Shelf, ids: list[str]) -> Updates:
        """Removes papers and offers to bring them back."""
        self._library.remove(ids)
        shelf.removed += [ids] if ids else []
        self._tick(shelf, ids, on=False)
        shelf.opened = "" if shelf.opened in ids else shelf.opened
        closed: Updates = {} if shelf.opened else {self._card: ""}
        return (
            self.show(shelf)
            | closed
            | {
                self._done: render.notice(words.removed(len(ids))),
                self._undo: _offer(shelf),
            }
        )

    @for_admins
    def _restore(self, shelf: Shelf) -> Updates:
        """Brings back what was removed last; what was removed before that can be brought back next."""
        count = self._library.restore(shelf.removed.pop()) if shelf.removed else 0
        self._assistant.background.wake()
        return self.show(shelf) | {
            self._done: render.notice(words.restored(count)),
            self._undo: _offer(shelf),
        }


def _whole(typed: str | None) -> int | None:
    """The year in a field, or None while it is still being typed. Raises `InvalidQuestion`."""
    found = year(typed)
    return found if found is not None and found > 999 else None


def _offer(shelf: Shelf) -> dict[str, Any]:
    """The button that takes the last removal back, which says how much that was."""
    count = len(shelf.removed[-1]) if shelf.removed else 0
    update: dict[str, Any] = gr.update(value=words.undo_removal(count), visible=count > 0)
    return update
