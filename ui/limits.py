"""The panel in which a reader limits what is searched: years, an author, a source, or the papers cited so far."""

from typing import Any

import gradio as gr

from assistant import Assistant, Conversation, Filter, InvalidQuestion, limited, limits

from . import words


class LimitsPanel:
    """Fields that every question is asked with; the panel's own name tells which limits are set."""

    def __init__(self, assistant: Assistant) -> None:
        self._library = assistant.library
        with gr.Accordion(words.LIMITS, open=False, elem_id="limits") as self._panel:
            with gr.Row():
                # Not gr.Number, which takes an empty field for 0.
                self._from = gr.Textbox(label=words.FROM_YEAR, max_lines=1, min_width=90)
                self._to = gr.Textbox(label=words.TO_YEAR, max_lines=1, min_width=90)
            self._author = gr.Textbox(label=words.AUTHOR, placeholder=words.AUTHOR_HINT, max_lines=1)
            self._source = gr.Dropdown([(words.ANY_SOURCE, "")], value="", label=words.SOURCE)
            self._cited = gr.Checkbox(False, label=words.ONLY_CITED)
            self._clear = gr.Button(words.CLEAR_LIMITS, size="sm", elem_id="clear-limits")
        self.fields: list[Any] = [self._from, self._to, self._author, self._source, self._cited]

    def wire(self, blocks: gr.Blocks) -> None:
        """Fills the list of sources when the page is opened, and keeps the panel's name true."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        blocks.load(self._sources, None, self._source, **private)
        gr.on([field.change for field in self.fields], self._named, self.fields, self._panel, **private)
        self._clear.click(lambda: ("", "", "", "", False), None, self.fields, **private)

    def _sources(self) -> dict[str, Any]:
        found = [(words.source(name, count), name) for name, count in self._library.catalogue.sources().items() if name]
        update: dict[str, Any] = gr.update(choices=[(words.ANY_SOURCE, ""), *found])
        return update

    @staticmethod
    def _named(*values: Any) -> dict[str, Any]:
        try:
            said = limited(chosen(values[:4])) if any(values[:4]) else ""
        except InvalidQuestion as error:
            said = str(error)
        parts = [words.LIMITS, said, words.ONLY_CITED.lower() if values[4] else ""]
        update: dict[str, Any] = gr.update(label=" · ".join(part for part in parts if part))
        return update


def chosen(values: Any, conversation: Conversation | None = None) -> Filter:
    """The filter that the panel's fields describe. Raises `InvalidQuestion` if nothing could pass it."""
    from_year, to_year, author, source, *only_cited = values
    papers = None
    if conversation and any(only_cited):
        papers = conversation.references.cited
        if not papers:
            raise InvalidQuestion(words.NONE_CITED)
    return limits(_year(from_year), _year(to_year), author or "", source or "", papers)


def _year(typed: str | None) -> int | None:
    text = (typed or "").strip()
    if text and not (text.isdecimal() and len(text) <= 4):
        raise InvalidQuestion(words.no_year(text))
    return int(text) if text else None
