"""The panel in which a reader names a language model for this session; what is typed there stays in memory."""

from dataclasses import replace
from typing import Any

import gradio as gr

from assistant import Assistant, Connection, check, describe

from . import render, words
from .rights import for_admins
from .session import Desk, Speaker

_Updates = tuple[Speaker, str, str, dict[str, Any]]


class ModelPanel:
    """Fields for a connection, filled from the settings (the key is not shown), with a check before it is used."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        with gr.Accordion(words.MODEL_PANEL, open=False, elem_id="model-panel"):
            gr.HTML(f'<p class="hint">{words.MODEL_INTRO}</p>')
            self._model = gr.Textbox(label=words.MODEL, placeholder=words.MODEL_HINT, max_lines=1)
            self._address = gr.Textbox(label=words.ADDRESS, max_lines=1)
            self._key = gr.Textbox(label=words.KEY, type="password", placeholder=words.KEY_HINT)
            with gr.Row():
                self._context = gr.Number(None, label=words.CONTEXT, precision=0, minimum=1)
                self._longest = gr.Number(None, label=words.LONGEST, precision=0, minimum=1)
            with gr.Row():
                self._temperature = gr.Number(
                    None, label=words.TEMPERATURE, minimum=0, maximum=2, step=0.1, min_width=90
                )
                self._timeout = gr.Number(None, label=words.TIMEOUT, minimum=1, min_width=90)
                self._retries = gr.Number(None, label=words.RETRIES, precision=0, minimum=0, maximum=10, min_width=90)
            with gr.Row(elem_id="model-actions"):
                self._connect = gr.Button(words.CONNECT, size="sm", elem_id="connect")
                self._disconnect = gr.Button(words.DISCONNECT, size="sm", elem_id="disconnect")
            self._outcome = gr.HTML(elem_id="model-outcome")

    def wire(self, speaker: gr.State, header: gr.HTML, blocks: gr.Blocks, desk: gr.State) -> None:
        """Connects the buttons to the session's speaker, and fills the fields when the page is opened."""
        numbers = [self._context, self._longest, self._temperature, self._timeout, self._retries]
        fields = [self._model, self._address, self._key, *numbers, speaker]
        filled = [self._model, self._address, *numbers]
        blocks.load(self._filled, desk, filled, api_visibility="private", show_progress="hidden")
        changed = [speaker, header, self._outcome, self._key]
        self._connect.click(
            self._use, fields, changed, api_visibility="private", show_progress="minimal", trigger_mode="once"
        )
        self._disconnect.click(self._drop, None, changed, api_visibility="private", show_progress="hidden")

    def _filled(self, desk: Desk) -> list[Any]:
        """What the settings say. Not part of the page as it is sent, which is the same for everybody."""
        known = self._assistant.settings
        values = [
            known.llm_model, known.shown_base_url, known.llm_context_window, known.llm_max_tokens,
            known.llm_temperature, known.llm_timeout, known.llm_retries,
        ]  # fmt: skip
        return values if desk.reader and desk.reader.admin else [gr.skip()] * len(values)

    @for_admins
    async def _use(
        self,
        model: str,
        address: str,
        key: str,
        context: float | None,
        longest: float | None,
        temperature: float | None,
        timeout: float | None,
        retries: float | None,
        speaker: Speaker,
    ) -> _Updates:
        """Checks the connection; only one that answers is used, otherwise the session's speaker stays."""
        settings = self._assistant.settings
        usual = Connection.of(settings, model.strip()) if model.strip() else None
        if not usual:
            return self._show(speaker, words.MODEL_MISSING)
        base_url = settings.base_url_of(address) or usual.base_url
        chosen = replace(
            usual,
            base_url=base_url,
            key=key.strip() or self._known_key(speaker, base_url),
            temperature=usual.temperature if temperature is None else temperature,
            context_window=int(context or usual.context_window),
            max_tokens=int(longest or usual.max_tokens),
            timeout=timeout or usual.timeout,
            retries=usual.retries if retries is None else int(retries),
        )
        try:
            seen = await check(chosen)
        except Exception as error:
            return self._show(speaker, describe(error).message)
        return self._show(Speaker(chosen), words.connected(chosen.model, seen["first_token_seconds"]))

    def _known_key(self, speaker: Speaker, base_url: str) -> str:
        """The key for an empty field: one given before for this very address, so that no other server gets it."""
        settings, before = self._assistant.settings, speaker.connection
        if before and before.base_url == base_url:
            return before.key
        return settings.openai_api_key if base_url == settings.openai_base_url else ""

    @for_admins
    def _drop(self) -> _Updates:
        return self._show(Speaker(quoting_only=True), words.DISCONNECTED)

    def _show(self, speaker: Speaker, outcome: str) -> _Updates:
        return speaker, speaker.head(self._assistant), render.notice(outcome), gr.update(value="")
