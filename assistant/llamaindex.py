"""The assistant for LlamaIndex users: a retriever and a chat engine."""

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from typing import Any, TypeVar

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.types import AgentChatResponse, BaseChatEngine, StreamingAgentChatResponse
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from index_store import PaperHit, Ranking

from .conversations import Conversation, from_messages
from .errors import AssistantError
from .events import Cited, Delta, Done, Event, Failed, Retrieved

Ask = Callable[[str, Conversation, asyncio.Event], AsyncIterator[Event]]
Search = Callable[[str, int, Ranking], Sequence[PaperHit]]

T = TypeVar("T")


class PaperRetriever(BaseRetriever):
    """Passages of the best papers. Scores are cosines with `Ranking.MEANING`, reciprocal-rank sums with `FUSED`."""

    def __init__(self, search: Search, k: int, ranking: Ranking) -> None:
        super().__init__()
        self._search, self._k, self._ranking = search, k, ranking

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return nodes(self._search(query_bundle.query_str, self._k, self._ranking))


class PaperChatEngine(BaseChatEngine):
    """The assistant's turns behind LlamaIndex's chat interface. Answers are Markdown with `[n]`.

    A failed turn raises `AssistantError`; a stream that is closed early stops the model, and what was written until
    then is the turn.
    """

    def __init__(self, ask: Ask, papers: Callable[[Sequence[str]], Any]) -> None:
        self._ask, self._papers = ask, papers
        self.conversation = Conversation()

    def reset(self) -> None:
        """Begins a new conversation."""
        self.conversation = Conversation()

    @property
    def chat_history(self) -> list[ChatMessage]:
        """The conversation as messages."""
        return [
            ChatMessage(role=role, content=content)
            for turn in self.conversation.turns
            for role, content in ((MessageRole.USER, turn.question), (MessageRole.ASSISTANT, turn.answer))
        ]

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """One whole turn."""
        streamed = await self.astream_chat(message, chat_history)
        async for _ in streamed.async_response_gen():
            pass
        return AgentChatResponse(response=streamed.response, source_nodes=streamed.source_nodes)

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        """One whole turn."""
        return _run(self.achat(message, chat_history))

    async def astream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> "StreamedTurn":
        """One turn as it is written; returns once the sources are known."""
        turn = StreamedTurn(self, message, chat_history)
        await turn.find_sources()
        return turn

    def stream_chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> "ThreadedTurn":
        """One turn as it is written, read from another thread; returns once the sources are known."""
        return ThreadedTurn(self, message, chat_history)

    def begin(self, message: str, chat_history: list[ChatMessage] | None, stop: asyncio.Event) -> AsyncIterator[Event]:
        """The events of a turn after the conversation, or after the history that is given in its stead."""
        if chat_history is not None:
            messages = [{"role": item.role.value, "content": item.content or ""} for item in chat_history]
            self.conversation = from_messages(messages, self._papers)
        return self._ask(message, self.conversation, stop)


class StreamedTurn(StreamingAgentChatResponse):
    """A turn that is read with `async_response_gen`."""

    def __init__(self, engine: PaperChatEngine, message: str, chat_history: list[ChatMessage] | None) -> None:
        super().__init__()
        self._engine = engine
        self.stop = asyncio.Event()
        self._events = engine.begin(message, chat_history, self.stop)
        self._waiting: list[Event] = []

    async def find_sources(self) -> None:
        """Reads on until it is known what was found."""
        async for event in self._events:
            if isinstance(event, Retrieved):
                self.source_nodes = nodes(event.hits)
                return
            if isinstance(event, Done | Failed):
                self._waiting.append(event)
                return

    async def async_response_gen(self) -> AsyncGenerator[str, None]:
        """The answer in pieces. Closing it stops the turn."""
        try:
            for event in self._waiting:
                self._finish(event)
            async for event in self._events:
                if isinstance(event, Delta | Cited):
                    piece = event.text if isinstance(event, Delta) else f"[{event.citation.number}]"
                    self.response += piece
                    yield piece
                self._finish(event)
        finally:
            self.stop.set()  # what was written until here becomes the turn
            async for event in self._events:
                self._finish(event)

    def _finish(self, event: Event) -> None:
        if isinstance(event, Done | Failed):
            self._engine.conversation, self.is_done = event.conversation, True
            self.response = event.turn.answer
        if isinstance(event, Failed):
            raise AssistantError(event.message)


class ThreadedTurn(StreamingAgentChatResponse):
    """A turn that is read with `response_gen`, while another thread runs it."""

    def __init__(self, engine: PaperChatEngine, message: str, chat_history: list[ChatMessage] | None) -> None:
        super().__init__()
        self._pieces: queue.Queue[str | BaseException | None] = queue.Queue()
        self._found = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._turn = StreamedTurn(engine, message, chat_history)
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._found.wait()
        self.source_nodes = self._turn.source_nodes

    @property
    def response_gen(self) -> Generator[str, None, None]:
        """The answer in pieces. Closing it stops the turn."""
        try:
            while (piece := self._pieces.get()) is not None:
                if isinstance(piece, BaseException):
                    raise piece
                self.response += piece
                yield piece
            self.response, self.is_done = self._turn.response, True
        finally:
            self.close()

    def close(self) -> None:
        """Stops the turn if it still runs, and waits until the connection to the model is closed."""
        with suppress(RuntimeError):  # the loop has ended by itself
            self._loop.call_soon_threadsafe(self._turn.stop.set)
        self._thread.join()

    def _work(self) -> None:
        try:
            self._loop.run_until_complete(self._read())
        finally:
            self._found.set()
            self._loop.close()

    async def _read(self) -> None:
        try:
            await self._turn.find_sources()
            self._found.set()
            async with aclosing(self._turn.async_response_gen()) as pieces:
                async for piece in pieces:
                    self._pieces.put(piece)
            self._pieces.put(None)
        except Exception as error:  # handed to the reader's thread
            self._pieces.put(error)


def nodes(hits: Sequence[PaperHit]) -> list[NodeWithScore]:
    """One node per paper: its best passage, with the paper's id, title and the passage's place in the abstract."""
    return [
        NodeWithScore(
            node=TextNode(
                id_=f"{hit.paper.id}:{hit.passages[0].number}",
                text=hit.passages[0].text,
                metadata={
                    "paper_id": hit.paper.id,
                    "title": hit.paper.title,
                    "start": hit.passages[0].start,
                    "end": hit.passages[0].end,
                },
            ),
            score=hit.score,
        )
        for hit in hits
    ]


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine to its end, also from inside a running loop such as a notebook's."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
