"""The panel in which a reader limits what is searched: years, an author, a source, a collection, or chosen papers."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from assistant import Assistant, Conversation, Filter, InvalidQuestion, limited, limits

from . import words
from .text import visible

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_LONGEST_NAME = 60  # characters of a title above the question


class LimitsPanel:
    """Fields that every question is asked with; the panel's own name tells which limits are set.

    `papers` holds the ids that questions are limited to from the Library, `narrowed` says so above the question and
    clears it.
    """

    def __init__(self, assistant: Assistant, narrowed: gr.Button) -> None:
        self._catalogue, self._narrowed = assistant.library.catalogue, narrowed
        self.papers = gr.State(())
        with gr.Accordion(words.LIMITS, open=False, elem_id="limits") as self._panel:
            with gr.Row():
                # Not gr.Number, which takes an empty field for 0.
                self._from = gr.Textbox(label=words.FROM_YEAR, max_lines=1, min_width=90)
                self._to = gr.Textbox(label=words.TO_YEAR, max_lines=1, min_width=90)
            self._author = gr.Textbox(label=words.AUTHOR, placeholder=words.AUTHOR_HINT, max_lines=1)
            self._source = gr.Dropdown([(words.ANY_SOURCE, "")], value="", label=words.SOURCE)
            self._collection = gr.Dropdown([(words.ANY_COLLECTION, "")], value="", label=words.COLLECTION)
            self._cited = gr.Checkbox(False, label=words.ONLY_CITED)
            self._clear = gr.Button(words.CLEAR_LIMITS, size="sm", elem_id="clear-limits")
        shown = [self._from, self._to, self._author, self._source, self._collection, self._cited]
        self.fields: list[Any] = [*shown, self.papers]
        self.choices = [self._source, self._collection]

    def wire(self, blocks: gr.Blocks) -> None:
        """Fills the lists when the page is opened, and keeps the panel's name true."""
        blocks.load(self.known, None, self.choices, **_PRIVATE)
        gr.on([field.change for field in self.fields], self._named, self.fields, self._panel, **_PRIVATE)
        cleared = [*self.fields, self._narrowed]
        self._clear.click(lambda: ("", "", "", "", "", False, (), _hidden()), None, cleared, **_PRIVATE)
        self._narrowed.click(lambda: ((), _hidden()), None, [self.papers, self._narrowed], **_PRIVATE)

    def narrow(self, button: gr.Button, these: Callable[[Any], list[str]], given: gr.State) -> Dependency:
        """Has a button limit the questions to papers, which `these` gets from a state."""

        def limit(state: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
            ids = these(state)
            said = words.papers(len(ids))
            if len(ids) == 1:
                title = visible(self._catalogue.paper(ids[0]).display_title)
                said = f"“{title if len(title) <= _LONGEST_NAME else f'{title[:_LONGEST_NAME].rstrip()} …'}”"
            return tuple(ids), gr.update(value=words.asking_about(said), visible=True) if ids else _hidden()

        event: Dependency = button.click(limit, given, [self.papers, self._narrowed], **_PRIVATE)
        return event

    def known(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The sources and collections that there are, to choose from."""
        sources = [(words.source(name, count), name) for name, count in self._catalogue.sources().items() if name]
        named = [(words.collection(name, count), name) for name, count in self._catalogue.collections().items()]
        return (
            gr.update(choices=[(words.ANY_SOURCE, ""), *sources]),
            gr.update(choices=[(words.ANY_COLLECTION, ""), *named]),
        )

    @staticmethod
    def _named(*values: Any) -> dict[str, Any]:
        from_year, to_year, author, source, collection, only_cited, papers = values
        try:
            within = chosen((from_year, to_year, author, source, collection, False, papers))
            said = limited(within)
        except InvalidQuestion as error:
            said = str(error)
        parts = [words.LIMITS, said, words.ONLY_CITED.lower() if only_cited else ""]
        update: dict[str, Any] = gr.update(label=" · ".join(part for part in parts if part))
        return update


def chosen(values: Any, conversation: Conversation | None = None) -> Filter:
    """The filter that the panel's fields describe. Raises `InvalidQuestion` if nothing could pass it."""
    from_year, to_year, author, source, collection, only_cited, papers = values
    ids = tuple(papers) or None
    if conversation and only_cited:
        cited = conversation.references.cited
        if not cited:
            raise InvalidQuestion(words.NONE_CITED)
        ids = tuple(paper_id for paper_id in cited if ids is None or paper_id in ids)
        if not ids:
            raise InvalidQuestion(words.NONE_CITED_OF_CHOSEN)
    return limits(year(from_year), year(to_year), author or "", source or "", ids, collection or "")


def year(typed: str | None) -> int | None:
    """The year in a field; None if it is empty. Raises `InvalidQuestion`."""
    text = (typed or "").strip()
    if text and not (text.isdecimal() and len(text) <= 4):
        raise InvalidQuestion(words.no_year(text))
    return int(text) if text else None


def _hidden() -> dict[str, Any]:
    update: dict[str, Any] = gr.update(visible=False)
    return update
