"""A cheap embedding model, for tests of the plumbing rather than of meaning."""

from collections.abc import Callable
from zlib import crc32

import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr

from index_store import Embedder

_DIMENSION = 64


class WordCounts(BaseEmbedding):
    """Counts the words of a text in 64 buckets; `seen` lists every text that was embedded."""

    _seen: list[str] = PrivateAttr(default_factory=list)

    @property
    def seen(self) -> list[str]:
        """The texts in the order they came, without the one that measures the dimension."""
        return [text for text in self._seen if text != "dimension"]

    def _get_text_embedding(self, text: str) -> list[float]:
        self._seen.append(text)
        counts = [0.0] * _DIMENSION
        for word in text.lower().split():
            counts[crc32(word.strip(".,").encode()) % _DIMENSION] += 1.0
        return counts

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


@pytest.fixture(scope="session")
def make_embedder() -> Callable[..., Embedder]:
    """Makes a cheap embedder of the given model name, with nothing seen yet."""
    return lambda name="word-counts": Embedder(WordCounts(model_name=name), word_weight=0.3)


@pytest.fixture
def cheap_embedder(make_embedder: Callable[..., Embedder]) -> Embedder:
    """A cheap embedder; `cheap_embedder.model.seen` lists what it was given."""
    return make_embedder()
