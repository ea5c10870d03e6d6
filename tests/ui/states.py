"""Every state of the page that a reader meets, for the pictures of them and for what must hold in each."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect

from assistant.testing import Reply, ScriptedServer
from index_store import open_catalogue
from ui import words

from .browser import QUESTION, ask, opened, served

COMPARISON = "How does MiniCache differ from ZipCache on memory?"
SUMMARY = "Summarise state space models"
MAP = "What is in this collection?"
OFF_TOPIC = "What is the best recipe for lasagne?"
WRITTEN = (
    "MiniCache compresses the KV cache across layers [P1.2]. "
    "Bananas cost 12 dollars in Norway in 1950 [P1.5]. The moon is made of green cheese."
)
PAPERS = [
    {
        "title": "ضغط ذاكرة المفاتيح والقيم في النماذج اللغوية الكبيرة",
        "abstract": "نضغط ذاكرة المفاتيح والقيم بين الطبقات. النتيجة أسرع بمرتين.",
        "authors": ["ليلى حداد", "Omar Aziz"],
        "year": 2023,
        "venue": "مجلة الحاسوب",
    },
    {
        "title": "A title that goes on and on, as titles of benchmarks do: "
        + "measuring everything, " * 9
        + "and more",
        "abstract": "We measure everything. It takes long.",
        "authors": ["Maximiliana Featherstonehaugh-Cholmondeley"],
        "venue": "Proceedings of the International Conference on Conferences and Their Proceedings",
    },
    {"title": "A title without an abstract", "year": 1999},
]
NO_PAPERS = ["{", '{"abstract": "It has no title."}', "[]"]


class Servers:
    """The pages that the states are reached on, each started when it is first wanted."""

    def __init__(self, sample_home: Path, folder: Path, running: ExitStack) -> None:
        self._sample_home, self._folder, self._running = sample_home, folder, running
        self._addresses: dict[str, str] = {}
        self.model = running.enter_context(ScriptedServer())

    def __getitem__(self, name: str) -> str:
        """The address of the page over the sample, of one that a model writes on, or of one with an empty library."""
        if name not in self._addresses:
            home, settings = self._folder / name, dict[str, str]()
            if name in ("empty", "adding"):
                catalogue = open_catalogue(home)
                catalogue.set_meta("sample_offered", "yes")
                catalogue.close()
                settings = {"RESEARCH_ASSISTANT_EMBEDDING_MODEL": "wordllama"}
            else:
                shutil.copytree(self._sample_home, home)
            if name == "written":
                settings = {"OPENAI_BASE_URL": self.model.base_url, "RESEARCH_ASSISTANT_LLM_MODEL": "scripted"}
                settings |= {"RESEARCH_ASSISTANT_LLM_RETRIES": "0"}
            self._addresses[name] = self._running.enter_context(served(home, **settings))
        return self._addresses[name]

    def records(self) -> Path:
        """A file with papers, one of them in Arabic, and with records that are none."""
        file = self._folder / "records.jsonl"
        file.write_text("\n".join([*map(json.dumps, PAPERS), *NO_PAPERS]), encoding="utf-8")
        return file


@contextmanager
def servers(sample_home: Path, folder: Path) -> Iterator[Servers]:
    """Pages over copies of the sample collection and over empty libraries; they end together."""
    with ExitStack() as running:
        yield Servers(sample_home, folder, running)


def _library(page: Page) -> None:
    page.get_by_role("tab", name=words.VIEWS["library"]).click()
    expect(page.locator("#papers tbody tr, #papers .empty").first).to_be_visible()


def _cited(page: Page, servers: Servers) -> None:
    ask(page, "What is TabPFN?")
    ask(page, QUESTION).locator("a.cite").first.click()
    expect(page.locator("mark.here")).to_be_in_viewport()


def _written(page: Page, servers: Servers) -> None:
    servers.model.enqueue(WRITTEN)
    expect(ask(page, QUESTION).locator(".no-source")).to_be_visible()


def _failed(page: Page, servers: Servers) -> None:
    servers.model.enqueue(Reply(status=500, error="out of memory"))
    expect(ask(page, QUESTION).locator(".problem")).to_be_visible()


def _card(page: Page, servers: Servers) -> None:
    _library(page)
    for box in (1, 2):
        page.locator("#papers tbody [type=checkbox]").nth(box).check()
    expect(page.locator("#selected")).to_have_text(words.chosen(2))
    page.locator("#papers td.title > button").nth(1).click()
    expect(page.locator("#paper-title")).to_be_visible()


def _added(page: Page, servers: Servers) -> None:
    _library(page)
    page.locator("#drop input[type=file]").set_input_files(servers.records())
    page.get_by_text(words.skipped(len(NO_PAPERS))).click()
    expect(page.locator("#adding li")).to_have_count(len(NO_PAPERS))
    expect(page.locator("#papers tbody tr")).to_have_count(len(PAPERS))


def _panels(page: Page, servers: Servers) -> None:
    for panel in ("#limits", "#model-panel", "#preferences"):
        page.locator(f"{panel} > button").click()
    expect(page.get_by_label(words.RETRIES)).to_be_visible()
    expect(page.get_by_label(words.AUTHOR, exact=True)).to_be_visible()


def _keys(page: Page, servers: Servers) -> None:
    page.get_by_role("button", name=words.KEYS).click()
    expect(page.get_by_role("dialog")).to_be_visible()


STATES: dict[str, tuple[str, Callable[[Page, Servers], object]]] = {
    "empty": ("empty", lambda page, servers: None),
    "empty-library": ("empty", lambda page, servers: _library(page)),
    "welcome": ("sample", lambda page, servers: None),
    "answer": ("sample", _cited),
    "comparison": ("sample", lambda page, servers: ask(page, COMPARISON)),
    "summary": ("sample", lambda page, servers: ask(page, SUMMARY)),
    "map": ("sample", lambda page, servers: ask(page, MAP)),
    "refusal": ("sample", lambda page, servers: ask(page, OFF_TOPIC)),
    "written": ("written", _written),
    "failed": ("written", _failed),
    "library": ("sample", lambda page, servers: _library(page)),
    "card": ("sample", _card),
    "adding": ("adding", _added),
    "panels": ("sample", _panels),
    "keys": ("sample", _keys),
}
"""How each state is reached, from a page that was just opened: the server, and what a reader does there."""


def reach(page: Page, servers: Servers, state: str) -> Page:
    """Leads a page, which is empty or was opened already, to a state."""
    server, act = STATES[state]
    if not page.url.startswith(servers[server]):
        opened(page, servers[server])
    act(page, servers)
    return page
