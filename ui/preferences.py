"""The panel in which a reader says how answers should be, and sees what else is set; kept in the reader's browser."""

from html import escape
from typing import Any

import gradio as gr

from assistant import Assistant, InvalidQuestion, Length, Preferences, fixed_settings

from . import render, words
from .session import Desk

_PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
_KEPT_AS = "footnote-preferences"
_NO_SECRET = "not a secret"  # Gradio encrypts what it keeps, with a key of each start unless it is given one


class PreferencesPanel:
    """Fields for the length of answers, their sources and language, and for the theme."""

    def __init__(self, assistant: Assistant) -> None:
        self._settings, self._usual = assistant.settings, assistant.settings.search_papers
        self._kept = gr.BrowserState({}, storage_key=_KEPT_AS, secret=_NO_SECRET)
        with gr.Accordion(words.PREFERENCES, open=False, elem_id="preferences"):
            self._length = gr.Radio(
                [(text, length) for length, text in words.LENGTHS.items()],
                value=Length.NORMAL.value,
                label=words.LENGTH,
                elem_id="length",
            )
            self._papers = gr.Number(
                self._usual,
                label=words.PAPERS_READ,
                precision=0,
                minimum=1,
                maximum=Preferences.MOST_PAPERS,
                elem_id="papers-read",
            )
            self._language = gr.Dropdown(
                [(words.SAME_LANGUAGE, ""), *((name, of) for of, name in words.LANGUAGES.items())],
                value="",
                label=words.LANGUAGE,
            )
            gr.HTML(f'<p class="hint">{words.LANGUAGE_HINT}</p>')
            gr.HTML(_themes(), elem_id="themes")
            self._said = gr.HTML(elem_id="preferences-said")
            self._fixed = gr.HTML(elem_id="fixed-settings")
        self._fields = [self._length, self._papers, self._language]

    def wire(self, blocks: gr.Blocks, desk: gr.State) -> None:
        """Has what is chosen count from the next question on, and be there again when the page is next opened."""
        blocks.load(self._restore, [self._kept, desk], self._fields, **_PRIVATE)
        blocks.load(self._told, desk, self._fixed, **_PRIVATE)
        changes = [self._length.input, self._papers.change, self._language.input]
        gr.on(
            changes,
            self._choose,
            [*self._fields, desk],
            [self._kept, self._said],
            trigger_mode="always_last",
            **_PRIVATE,
        )

    def _told(self, desk: Desk) -> str:
        """The other settings, for admins. Not part of the page as it is sent, which is the same for everybody."""
        return _fixed(fixed_settings(self._settings)) if desk.reader and desk.reader.admin else ""

    def _restore(self, kept: Any, desk: Desk) -> tuple[str, int, str]:
        """What this browser keeps; it may be of another version or changed by hand."""
        kept = kept if isinstance(kept, dict) else {}
        try:
            chosen = Preferences(
                Length(kept.get("length", Length.NORMAL)), kept.get("papers"), kept.get("language", "")
            )
        except (InvalidQuestion, ValueError, TypeError):
            chosen = Preferences()
        desk.preferences = chosen
        return chosen.length.value, chosen.papers or self._usual, chosen.language

    def _choose(self, length: str, papers: float | None, language: str, desk: Desk) -> tuple[dict[str, Any], str]:
        """Takes over what the fields say; a number that cannot be used leaves all as it was."""
        wanted = None if papers is None or papers == self._usual else int(papers)
        try:
            desk.preferences = Preferences(Length(length), wanted, language or "")
        except InvalidQuestion as error:
            return _kept(desk.preferences), render.notice(str(error))
        return _kept(desk.preferences), ""


def _kept(chosen: Preferences) -> dict[str, Any]:
    return {"length": chosen.length.value, "papers": chosen.papers, "language": chosen.language}


def _themes() -> str:
    """Which theme the page has; the script keeps and applies it."""
    choices = "".join(
        f'<label><input type="radio" name="theme" value="{theme}">{name}</label>'
        for theme, name in words.THEMES.items()
    )
    return f'<fieldset id="theme"><legend>{words.THEME}</legend>{choices}</fieldset>'


def _fixed(settings: dict[str, str]) -> str:
    """The settings that this page does not change."""
    lines = "".join(
        f"<dt><code>{escape(name)}</code></dt><dd>{escape(value) or words.EMPTY}</dd>"
        for name, value in settings.items()
    )
    return (
        f'<details class="fixed"><summary>{words.FIXED}</summary><p class="hint">{words.FIXED_HINT}</p>'
        f"<dl>{lines}</dl></details>"
    )
