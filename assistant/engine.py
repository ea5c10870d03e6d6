"""The assistant that the page, the command line and programs ask: an open library, and the one way to an answer."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

from index_store import (
    AddReport,
    AsOfChange,
    Background,
    ChromaServer,
    Embedder,
    EndpointReranker,
    Filter,
    Identifier,
    Library,
    Paper,
    Ranking,
    SearchResult,
    add_fetched,
    everything,
    fetch,
    like,
    open_embedder,
    search,
    sentences,
)

from .answering import Answering
from .archive import Archive
from .archive_file import place_of
from .connection import Connection
from .conversations import Conversation, Turn, new_id
from .draft import Draft
from .events import Done, Event, Failed
from .examples import examples
from .intent import Length
from .keeping import Keeper, kept
from .llamaindex import PaperChatEngine, PaperRetriever
from .llm import warm_up
from .logs import log_turn
from .preferences import Preferences, usual
from .prompts import Prompts
from .references import reference
from .routing import Mode, plan
from .settings import Settings, load_settings
from .support import SupportChecker


class Assistant:
    """An open library and the settings it is asked with. Close it, or use it as a context manager."""

    def __init__(self, library: Library, settings: Settings) -> None:
        self.library, self.settings = library, settings
        self.background = Background(library)
        self.reranker = (
            EndpointReranker(url=settings.rerank_url, model=settings.rerank_model, api_key=settings.rerank_api_key)
            if settings.rerank_url
            else None
        )
        # The check was calibrated with MiniLM, whatever model the index uses.
        self._shares_vectors = settings.embedding_model == "minilm"
        self._support = SupportChecker(lambda texts: self._minilm.embed(texts))
        self._answering = Answering(
            library,
            settings,
            self.search,
            Prompts(settings.prompts_folder),
            self._support,
            shares_vectors=self._shares_vectors,
        )
        self._archive: Archive | None = None
        self._examples = AsOfChange(library.catalogue, lambda: examples(library))
        self._opening = threading.Lock()

    @property
    def conversations(self) -> Archive:
        """The conversations that are kept in the home folder or the database, opened when they are first asked for.

        Raises `ArchiveUnreadable`.
        """
        with self._opening:
            self._archive = self._archive or Archive(place_of(self.library.home, self.settings.database))
            return self._archive

    @cached_property
    def _minilm(self) -> Embedder:
        """Loaded when a claim is first checked, as a search from the shell needs none."""
        return self.library.embedder if self._shares_vectors else open_embedder("minilm")

    @classmethod
    def open(cls, home: Path | None = None, settings: Settings | None = None, *, rebuild: bool = False) -> "Assistant":
        """Opens the library of a home folder, or of the settings; finishes nothing that is pending.

        Raises `LibraryError` and its kinds, or `InvalidSettings`.
        """
        chosen = settings or load_settings(home=home)
        embedder = open_embedder(chosen.embedding_model, api_base=chosen.openai_base_url, api_key=chosen.openai_api_key)
        server = (
            ChromaServer(chosen.chroma_url, chosen.chroma_token, chosen.chroma_tenant, chosen.chroma_database)
            if chosen.chroma_url
            else None
        )
        library = Library(home or chosen.home, embedder, rebuild=rebuild, server=server, database=chosen.database)
        return cls(library, chosen)

    def __enter__(self) -> "Assistant":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends what runs behind, and gives back the library and the conversations."""
        self.background.stop()
        if self._archive:
            self._archive.close()
        self.library.close()

    def warm_up(self) -> None:
        """Loads what the first question would otherwise wait for."""
        search(self.library, "warm up", 1)
        self._support.check("warm up", ["warm up"])
        sentences("It warms up. It is warm.")
        reference(Paper("Warm up", ""), "bibtex")
        if self.connection:
            warm_up()

    def examples(self) -> list[str]:
        """Up to four questions that the library can answer now. Raises `LibraryError`."""
        return self._examples()

    def search(
        self, question: str, limit: int, ranking: Ranking = Ranking.FUSED, within: Filter = everything
    ) -> SearchResult:
        """The `limit` best papers for a question, of those that pass a filter."""
        reranker = self.reranker if ranking is Ranking.FUSED else None  # the parts are for measuring
        reranked = self.settings.rerank_papers if reranker else 0
        return search(
            self.library, question, limit, ranking=ranking, within=within, reranker=reranker, reranked=reranked
        )

    def like(self, paper_id: str, limit: int = 6) -> tuple[Paper, ...]:
        """The papers nearest in meaning to one of the library, nearest first; none if it is not there any more.

        Raises `EmbeddingError` if it is not embedded yet and cannot be.
        """
        paper = self.library.catalogue.papers([paper_id]).get(paper_id)
        return like(self.library, paper, limit) if paper else ()

    def add_identifiers(
        self,
        identifiers: Sequence[Identifier],
        progress: Callable[[AddReport], None] | None = None,
        stop: threading.Event | None = None,
        *,
        collection: str = "",
    ) -> AddReport:
        """Adds papers by their arXiv ids and DOIs, asked of the services of the settings; found by words at once.

        Raises `OnlineError` where a service cannot be reached; what came before is in.
        """
        records = fetch(identifiers, self.settings.services, stop)
        try:
            return add_fetched(self.library.catalogue, records, progress, stop, collection=collection)
        finally:
            self.library.take_in()

    def as_retriever(self, k: int = 10, ranking: Ranking = Ranking.FUSED) -> PaperRetriever:
        """A LlamaIndex retriever over the library; scores are cosines with `Ranking.MEANING`."""
        return PaperRetriever(lambda question, limit, by: self.search(question, limit, by).hits, k, ranking)

    def as_chat_engine(self) -> PaperChatEngine:
        """A LlamaIndex chat engine with a conversation of its own."""
        return PaperChatEngine(
            lambda message, past, stop: self.ask(message, past, stop=stop), self.library.catalogue.papers
        )

    @property
    def connection(self) -> Connection | None:
        """The language model that the settings name, or None for quoting mode."""
        return Connection.of(self.settings)

    async def answer(
        self,
        message: str,
        conversation: Conversation | None = None,
        mode: Mode = Mode.AUTO,
        *,
        connection: Connection | None = None,
        quoting_only: bool = False,
        length: Length | None = None,
        within: Filter = everything,
        preferences: Preferences = usual,
    ) -> Turn:
        """The whole turn at once; the same as the last event of `ask`."""
        events = self.ask(
            message,
            conversation,
            mode,
            connection=connection,
            quoting_only=quoting_only,
            length=length,
            within=within,
            preferences=preferences,
        )
        async for event in events:
            if isinstance(event, Done | Failed):
                return event.turn
        raise AssertionError("a turn always ends with Done or Failed")

    async def ask(
        self,
        message: str,
        conversation: Conversation | None = None,
        mode: Mode = Mode.AUTO,
        stop: asyncio.Event | None = None,
        *,
        connection: Connection | None = None,
        quoting_only: bool = False,
        length: Length | None = None,
        within: Filter = everything,
        owner: str = "",
        preferences: Preferences = usual,
    ) -> AsyncGenerator[Event, None]:
        """One turn as events. When `stop` is set the turn ends soon, keeping what was written.

        `connection` stands in for the model of the settings; with `quoting_only` none is asked. `length` is that of a
        summary or a plain answer, whatever the message and the `preferences` say. Only papers that pass `within` are
        searched. A conversation that has an id is kept as its `owner`'s, from the beginning of the turn on. Raises
        `InvalidQuestion`, or `UnknownConversation` for one that is somebody else's, before the first event; any later
        failure is a `Failed` event.
        """
        conversation = conversation or Conversation()
        longest = self.settings.max_question_characters
        planned = replace(plan(message, mode, conversation.before, longest=longest, wanted=length), limits=within)
        if planned.length is Length.NORMAL and length is None:
            planned = replace(planned, length=preferences.length)
        draft = Draft(planned, conversation.references, new_id() if conversation.id else "")
        stop = stop or asyncio.Event()
        chosen = None if quoting_only else connection or self.connection

        def turn(before: Conversation) -> AsyncGenerator[Event, None]:
            return self._answering.turn(draft, before, stop, chosen, preferences)

        keeper = Keeper(self.settings, lambda: self.conversations, owner)
        events = kept(turn, conversation, draft, keeper) if conversation.id else turn(conversation)
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Done | Failed):
                    log_turn(event.turn, owner, with_question=self.settings.log_questions)
                yield event
