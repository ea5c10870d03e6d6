"""The sample collection on the page: removed with one click, brought back with another."""

from typing import Any

import gradio as gr

from assistant import Assistant

from . import render, words

Updates = dict[gr.components.Component, Any]


class SampleButtons:
    """Two buttons and the line beside them, of which at most one button shows."""

    def __init__(self, assistant: Assistant, remove: gr.Button, add: gr.Button, notice: gr.HTML) -> None:
        self._library, self._background = assistant.library, assistant.background
        self._remove, self._add, self._notice = self.parts = (remove, add, notice)

    def show(self) -> Updates:
        """The buttons as the library stands."""
        status = self._library.status()
        return {
            self._remove: gr.update(visible=status.sample > 0),
            self._add: gr.update(value=words.ADD_SAMPLE, visible=not status.papers),
            self._notice: "",
        }

    def remove(self) -> Updates:
        """Removes the sample papers and offers to bring them back."""
        self._library.remove_sample()
        return self.show() | {
            self._add: gr.update(value=words.ADD_SAMPLE_BACK, visible=True),
            self._notice: render.notice(words.REMOVED_SAMPLE),
        }

    def add(self) -> Updates:
        """Adds the sample papers, found by their words at once; the page's head tells how far the embedding is."""
        self._library.add_sample()
        self._background.wake()
        return self.show()
