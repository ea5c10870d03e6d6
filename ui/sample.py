"""The sample collection on the page: removed with one click, brought back with another."""

from typing import Any

import gradio as gr
from gradio.events import Dependency

from assistant import Assistant

from . import render, words
from .rights import for_admins

Updates = dict[gr.components.Component, Any]


class SampleButtons:
    """Two buttons and the line beside them, of which at most one button shows."""

    def __init__(self, assistant: Assistant) -> None:
        self._library, self._background = assistant.library, assistant.background
        with gr.Row(elem_id="sample"):
            self._notice = gr.HTML(elem_id="notice")
            self._remove = gr.Button(words.REMOVE_SAMPLE, visible=False, size="sm", elem_id="remove-sample")
            self._add = gr.Button(words.ADD_SAMPLE, visible=False, size="sm", elem_id="add-sample")
        self.parts = (self._remove, self._add, self._notice)

    def wire(self, blocks: gr.Blocks) -> list[Dependency]:
        """Connects the buttons; returns the events after which the library is another."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        blocks.load(self.show, None, self.parts, **private)
        return [
            self._remove.click(self.remove, None, self.parts, **private),
            self._add.click(self.add, None, self.parts, **private),
        ]

    def show(self) -> Updates:
        """The buttons as the library stands."""
        status = self._library.status()
        return {
            self._remove: gr.update(visible=status.sample > 0),
            self._add: gr.update(value=words.ADD_SAMPLE, visible=not status.papers),
            self._notice: "",
        }

    @for_admins
    def remove(self) -> Updates:
        """Removes the sample papers and offers to bring them back."""
        self._library.remove_sample()
        return self.show() | {
            self._add: gr.update(value=words.ADD_SAMPLE_BACK, visible=True),
            self._notice: render.notice(words.REMOVED_SAMPLE),
        }

    @for_admins
    def add(self) -> Updates:
        """Adds the sample papers, found by their words at once; the page's head tells how far the embedding is."""
        self._library.add_sample()
        self._background.wake()
        return self.show()
