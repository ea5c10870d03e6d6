"""Adding papers on the page: files that are dropped, identifiers that are pasted, and how far it is."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import gradio as gr
from gradio.events import Dependency

from assistant import AddReport, Assistant, AssistantError, Identifier, LibraryError, describe, parse_identifier

from . import table, words
from .rights import for_admins

_log = logging.getLogger(__name__)
_PAINT_SECONDS = 0.3
# Of its own: adds that take long must not hold the threads in which questions are answered and readers signed in.
_THREADS = ThreadPoolExecutor(2, thread_name_prefix="adding")
# White space, but not before the subject class of an arXiv id; a comma, but not one inside a DOI.
_BETWEEN = re.compile(r"[,;]?\s+(?!\[)|[,;](?=https?:|arxiv:|doi:|10\.\d{4}|\d{4}\.\d{4}|$)", re.IGNORECASE)
_SCHEME = re.compile(r"\b(arxiv|doi):\s+", re.IGNORECASE)

Updates = dict[gr.components.Component, Any]
Progress = Callable[[AddReport], None]
Work = Callable[[Progress, Event], AddReport]


class AddPanel:
    """A place to drop files and a field for identifiers. Only the stop signals are kept here, by session."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant, self._library = assistant, assistant.library
        self._stops: dict[str, set[Event]] = {}
        with gr.Row(elem_id="add"):
            with gr.Column(min_width=260):
                self._files = gr.File(
                    label=words.DROP, file_count="multiple", show_label=False, height=104, elem_id="drop"
                )
                gr.HTML(f'<p class="hint">{words.DROP_HINT}</p>')
            with gr.Column(min_width=260):
                self._identifiers = gr.Textbox(
                    label=words.IDENTIFIERS,
                    placeholder=words.IDENTIFIERS_HINT,
                    lines=2,
                    max_lines=6,
                    elem_id="identifiers",
                )
                with gr.Row(elem_id="add-actions"):
                    self._add = gr.Button(words.ADD, size="sm", elem_id="add-identifiers")
                    self._cancel = gr.Button(words.CANCEL, visible=False, size="sm", elem_id="cancel-adding")
        self._said = gr.HTML(elem_id="adding")
        self._parts = [self._files, self._identifiers, self._add, self._cancel, self._said]

    def wire(self) -> list[Dependency]:
        """Connects the fields; returns the events after which the library may hold more."""
        private: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
        self._cancel.click(self._stop, None, None, queue=False, **private)
        return [
            self._files.upload(self._add_files, self._files, self._parts, trigger_mode="multiple", **private),
            self._add.click(self._add_identifiers, self._identifiers, self._parts, trigger_mode="once", **private),
        ]

    @for_admins
    async def _add_files(self, files: Sequence[str] | None, request: gr.Request) -> AsyncIterator[Updates]:
        """Adds uploaded files, one after the other; the place to drop files is empty again afterwards."""
        paths = [Path(file) for file in files or ()]
        works: list[tuple[str, Work]] = [
            (words.file_of(path.name, place, len(paths)), partial(self._add_file, path))
            for place, path in enumerate(paths, 1)
        ]
        async for updates, done in self._run(works, request):
            yield updates | ({self._files: None} if done else {})

    def _add_file(self, path: Path, progress: Progress, stop: Event) -> AddReport:
        """Adds one file; it is called by its own name, without the folder that uploads are put in."""
        report, folder = self._library.add_files([path], progress, stop), f"{path.parent}/"
        return replace(
            report,
            skipped=tuple(
                replace(each, file=each.file.removeprefix(folder), reason=each.reason.replace(folder, ""))
                for each in report.skipped
            ),
            remarks=tuple(replace(each, file=each.file.removeprefix(folder)) for each in report.remarks),
        )

    @for_admins
    async def _add_identifiers(self, typed: str, request: gr.Request) -> AsyncIterator[Updates]:
        """Adds the papers behind identifiers; what was typed goes when all of them were found."""
        try:
            wanted = identifiers(typed)
        except (AssistantError, LibraryError) as error:
            yield {self._said: table.added(AddReport(), str(error))}
            return
        work = partial(self._assistant.add_identifiers, wanted)
        async for updates, done in self._run([(words.LOOKING_UP, work)], request):
            yield updates | ({self._identifiers: ""} if done and done.read and not done.left_out else {})

    async def _run(
        self, works: Sequence[tuple[str, Work]], request: gr.Request
    ) -> AsyncIterator[tuple[Updates, AddReport | None]]:
        """Does the works in a thread, telling how far it is; the last one has the whole report."""
        session, stop = request.session_hash or "", Event()
        self._stops.setdefault(session, set()).add(stop)
        before, problem = AddReport(), ""
        try:
            for name, work in works:
                told = [AddReport()]

                def progress(report: AddReport, told: list[AddReport] = told) -> None:
                    told[0] = report

                doing = asyncio.get_running_loop().run_in_executor(_THREADS, work, progress, stop)
                while not doing.done():
                    said = table.adding(name, before + told[0], ending=stop.is_set())
                    yield self._at_work(True) | {self._said: said}, None
                    await asyncio.wait({doing}, timeout=_PAINT_SECONDS)
                try:
                    before += doing.result()
                except Exception as error:
                    if not isinstance(error, LibraryError):
                        _log.error("adding stopped", exc_info=error)
                    before, problem = before + told[0], describe(error).message
                if problem or stop.is_set():
                    before = replace(before, stopped=stop.is_set())
                    break
        finally:
            running = self._stops[session]
            running.remove(stop)
            if not running:
                del self._stops[session]
            self._assistant.background.wake()
        yield self._at_work(False) | {self._said: table.added(before, problem)}, before

    def _at_work(self, working: bool) -> Updates:
        return {self._add: gr.update(interactive=not working), self._cancel: gr.update(visible=working)}

    @for_admins
    def _stop(self, request: gr.Request) -> None:
        """Ends what this session is adding soon; what went in stays."""
        for stop in self._stops.get(request.session_hash or "", ()):
            stop.set()


def identifiers(typed: str) -> list[Identifier]:
    """What a field of identifiers names. Raises `AssistantError` that tells which line holds none."""
    found: list[Identifier] = []
    for number, line in enumerate(typed.splitlines(), 1):
        for part in _BETWEEN.split(_SCHEME.sub(r"\1:", line)):
            if part.strip():
                try:
                    found.append(parse_identifier(part))
                except LibraryError as error:
                    raise AssistantError(words.bad_identifier(number, str(error))) from error
    if not found:
        raise AssistantError(words.NO_IDENTIFIERS)
    return found
