"""A folder in BEIR's shape: how it is read, what is said about a broken one, and the measures by hand."""

import gzip
import json
import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.beir import InvalidDataset, has_corpus, read_corpus, read_dataset
from assistant.retrieval_evaluation import MEASURES, TimedEmbedder, bootstrap, evaluate, per_query, summary
from index_store import Embedder

from .conftest import Run

HEARTS = {"_id": "d1", "title": "Zebrafish hearts", "text": "Zebrafish hearts regrow after injury."}
CLOCKS = {"_id": "d2", "title": "Yeast clocks", "text": "Yeast keeps time without light.", "metadata": {}}
WINGS = {"_id": "d3", "title": "Swept wings", "text": "Lift falls as the sweep of a wing grows."}
BARE = {"_id": "d4", "title": "Boundary layers on cones", "text": ""}
CORPUS = [HEARTS, CLOCKS, WINGS, BARE]
QUERIES = [
    {"_id": "q1", "text": "Do zebrafish hearts regrow after an injury?"},
    {"_id": "q2", "text": "How does yeast keep time without light?"},
    {"_id": "q3", "text": "Which questions are not judged?"},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t2\n"


def lines(rows: Iterable[object]) -> str:
    return "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)


def dataset(
    folder: Path,
    *,
    corpus: Iterable[object] = CORPUS,
    queries: Iterable[object] = QUERIES,
    qrels: str = QRELS,
    place: str = "qrels/test.tsv",
) -> Path:
    """A folder in BEIR's shape. A `place` at the top makes it ours: `id` for `_id`."""
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    texts = {"corpus.jsonl": lines(corpus), "queries.jsonl": lines(queries), place: qrels}
    for name, text in texts.items():
        own = "/" not in place
        (folder / name).write_text(text.replace('"_id"', '"id"') if own else text, encoding="utf-8")
    return folder


def pack(folder: Path) -> Path:
    """The same with every file packed."""
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


# -- the folder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("place", ["qrels/test.tsv", "qrels_test.tsv"])
def test_both_layouts_are_read_packed_or_not(tmp_path: Path, place: str, packed: bool) -> None:
    folder = dataset(tmp_path / "data", place=place)
    read = read_dataset(pack(folder) if packed else folder)
    assert has_corpus(folder) and not has_corpus(tmp_path)
    assert read.queries == {"q1": QUERIES[0]["text"], "q2": QUERIES[1]["text"]}
    assert read.qrels == {"q1": {"d1": 1}, "q2": {"d2": 2}}
    papers = dict(read_corpus(folder))
    assert list(papers) == ["d1", "d2", "d3", "d4"]
    assert [(paper.title, paper.abstract) for paper in papers.values() if paper] == [
        (row["title"], row["text"]) for row in CORPUS
    ]


def test_a_text_without_a_title_is_called_by_its_beginning_and_nothing_at_all_is_no_paper(tmp_path: Path) -> None:
    text = "A wing in a slipstream. " * 9
    rows = [{"_id": 7, "title": None, "text": text}, {"_id": "8", "title": "", "text": " "}, {"_id": "9", "text": "a"}]
    papers = dict(read_corpus(dataset(tmp_path, corpus=rows)))
    assert papers["7"] and papers["7"].title == text[:80] and papers["7"].abstract == text.strip()
    assert papers["8"] is None
    assert papers["9"] and papers["9"].title == "a"


@pytest.mark.parametrize(
    "qrels",
    [
        "q1 0 d1 1\nq2 0 d2 2\n",
        "q1\tQ0\td1\t1\nq2\tQ0\td2\t2\n",
        "q1 d1 1\n\nq2 d2 2\n",
        "\ufeffquery-id\tcorpus-id\tscore\r\nq1\td1\t1\r\nq2\td2\t2.0\r\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td1\t0\nq1\td3\t-1\nq2\td2\t2\n",
    ],
)
def test_judgements_in_trecs_form_or_without_a_head_are_read_too(tmp_path: Path, qrels: str) -> None:
    read = read_dataset(dataset(tmp_path, qrels=qrels))
    assert {query: {doc: grade for doc, grade in each.items() if grade} for query, each in read.qrels.items()} == {
        "q1": {"d1": 1},
        "q2": {"d2": 2},
    }


def test_questions_that_cannot_be_scored_are_counted(tmp_path: Path) -> None:
    read = read_dataset(dataset(tmp_path, qrels=QRELS + "q3\td3\t0\nq9\td3\t1\n"))
    assert (list(read.queries), read.irrelevant, read.unknown) == (["q1", "q2"], 1, 1)


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"corpus": [HEARTS, "{broken"]}, "corpus.jsonl, line 2 is not JSON: "),
        ({"corpus": [HEARTS, "", "[1]"]}, "corpus.jsonl, line 3 is not a JSON object."),
        ({"corpus": [{"title": "T", "text": "A."}]}, "corpus.jsonl, line 1 has no `_id` (or `id`)."),
        ({"corpus": [{"_id": True, "text": "A."}]}, "corpus.jsonl, line 1 has no `_id` (or `id`)."),
        ({"corpus": [{"_id": "1", "text": ["A."]}]}, "corpus.jsonl, line 1: `text` is not text."),
        ({"corpus": [HEARTS, HEARTS]}, "corpus.jsonl, line 2: the id 'd1' is there for the second time."),
        ({"queries": [QUERIES[2], "nothing"]}, "queries.jsonl, line 2 is not JSON: "),
        ({"queries": [{"_id": "q1"}]}, "queries.jsonl, line 1: the question 'q1' has no `text`."),
        ({"queries": [QUERIES[2]]}, "No question of "),
        ({"qrels": "q1\td1\t1\nq2\td2\n"}, "test.tsv, line 2 is not a question's id, a document's id and a grade: "),
        ({"qrels": "q1\td1\thigh\n"}, "test.tsv, line 1: the grade 'high' is not a whole number."),
        ({"qrels": "q1\td1\t1\nq2\td2\t0.5\n"}, "test.tsv, line 2: the grade '0.5' is not a whole number."),
        ({"qrels": "q1\td1\tinf\n"}, "test.tsv, line 1: the grade 'inf' is not a whole number."),
        ({"qrels": "query-id\tcorpus-id\tscore\n"}, "test.tsv holds no judgements."),
        ({"qrels": "q1\td1\t0\n"}, "No question of "),
        ({"qrels": "q1\tx1\t1\nq2\tx2\t1\n"}, "holds none of the 2 documents that are judged in the split 'test'"),
    ],
)
def test_a_broken_folder_is_one_line_that_says_where(tmp_path: Path, run: Run, parts: Any, said: str) -> None:
    ran = run("evaluate", dataset(tmp_path / "data", **parts))
    assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert said in ran.err


@pytest.mark.parametrize("gone", ["queries.jsonl", "qrels/test.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, run: Run, gone: str) -> None:
    folder = dataset(tmp_path / "data")
    (folder / gone).unlink()
    ran = run("evaluate", folder)
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert gone in ran.err and str(folder) in ran.err


def test_a_split_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    folder = dataset(tmp_path, place="qrels/train.tsv")
    (folder / "qrels_dev.tsv.gz").write_bytes(gzip.compress(QRELS.encode()))
    with pytest.raises(InvalidDataset, match=r"It has dev, train; choose with --split\."):
        read_dataset(folder)
    assert read_dataset(folder, "train").qrels == read_dataset(folder, "dev").qrels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(lines(CORPUS).encode())[:-12], "cannot be read after line "),
        (b"not packed at all", "cannot be read after line 0: Not a gzipped file"),
        (gzip.compress(b'{"_id": "1", "text": "a"}\n{"_id": "2", "text": "caf\xe9"}\n'), "line 2 is not UTF-8 text."),
    ],
    ids=["cut off", "not packed", "Latin-1"],
)
def test_a_file_that_is_damaged_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    folder = dataset(tmp_path)
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(content)
    with pytest.raises(InvalidDataset, match=r"corpus\.jsonl\.gz") as raised:
        list(read_corpus(folder))
    assert said in str(raised.value)


# -- the measures -----------------------------------------------------------------------------------------------------


def test_the_measures_are_those_computed_by_hand() -> None:
    qrels = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"d": 1}, "q3": {"e": 1}, "q4": {"f": 1, "g": 1}}
    far = [f"x{number}" for number in range(10)]
    run = {"q1": ["b", "c", "a"], "q2": ["x", "d"], "q3": [], "q4": [*far, "f"]}
    found = per_query(qrels, run)
    ideal = 2 + 1 / math.log2(3)
    assert found["ndcg@10"] == pytest.approx([(1 + 2 / math.log2(4)) / ideal, 1 / math.log2(3), 0, 0])
    assert found["recall@10"] == [1, 1, 0, 0]
    assert found["recall@100"] == [1, 1, 0, 0.5]
    assert found["mrr@10"] == [1, 0.5, 0, 0]
    means = summary(found)
    assert list(means) == [*MEASURES, "interval"]
    assert (means["recall@10"], means["mrr@10"]) == (0.5, 0.375)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_holds_its_mean_and_is_the_same_each_time(values: list[float]) -> None:
    low, high = bootstrap(values, 50)
    assert 0 <= low <= sum(values) / len(values) + 1e-12
    assert sum(values) / len(values) - 1e-12 <= high <= 1
    assert bootstrap(values, 50) == (low, high)


def test_an_interval_has_no_width_for_one_question_and_narrows_with_more() -> None:
    assert bootstrap([0.3]) == (0.3, 0.3)
    few, many = bootstrap([0.0, 1.0] * 5), bootstrap([0.0, 1.0] * 200)
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert many == pytest.approx((0.451, 0.549), abs=0.01)  # 0.5 ± 1.96 * 0.5 / sqrt(400)


# -- the whole --------------------------------------------------------------------------------------------------------


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files of this test alone, to see what is left in it."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_data_set_is_measured_in_an_index_that_is_thrown_away(
    tmp_path: Path, temporary: Path, embedder: Embedder
) -> None:
    read = read_dataset(dataset(tmp_path / "data"))
    said: list[tuple[str, int, int | None]] = []
    found = evaluate(read, embedder, lambda *each: said.append(each))
    for ranking in ("bm25", "dense", "fused"):
        assert {name: found[ranking][name] for name in MEASURES} == dict.fromkeys(MEASURES, 1.0)
        assert found[ranking]["interval"] == {name: [1.0, 1.0] for name in MEASURES}
    assert (found["queries"], found["split"], found["ingest"]["abstracts"]) == (2, "test", 4)
    assert 0 < found["ingest"]["embedding_share"] <= 1 and found["ingest"]["peak_memory_mb"] > 50
    assert 0 < found["search"]["p50_ms"] <= found["search"]["p95_ms"] <= found["search"]["p99_ms"]
    assert list(temporary.iterdir()) == []
    stages = ["Reading the corpus", "Indexing papers", "Asking, bm25", "Asking, dense", "Asking, fused"]
    assert list(dict.fromkeys(stage for stage, _, _ in said)) == [*stages, "Timing the search"]
    assert ("Indexing papers", 4, 4) in said and ("Asking, fused", 2, 2) in said


def test_entries_of_one_title_stay_two_and_those_without_text_are_left_out(tmp_path: Path, embedder: Embedder) -> None:
    twin = {"_id": "d5", "title": "YEAST CLOCKS.", "text": "Yeast keeps time without light, and in the cold."}
    nothing = {"_id": "d6", "title": "", "text": ""}
    qrels = QRELS + "q2\td5\t1\nq1\td6\t1\nq1\tx1\t1\n"
    found = evaluate(read_dataset(dataset(tmp_path, corpus=[*CORPUS, twin, nothing], qrels=qrels)), embedder)
    assert found["ingest"]["abstracts"] == 5
    assert found["left_out"] == {
        "empty_entries": 1,
        "missing_documents": 2,
        "unknown_queries": 0,
        "queries_without_relevant": 0,
    }
    # q2 has two relevant papers, both found; of the three of q1 two cannot be.
    assert found["fused"]["recall@100"] == pytest.approx((1 + 1 / 3) / 2, abs=1e-6)
    assert found["fused"]["mrr@10"] == 1


def test_a_measurement_that_is_stopped_leaves_nothing(tmp_path: Path, temporary: Path, embedder: Embedder) -> None:
    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "Asking, dense":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(read_dataset(dataset(tmp_path / "data")), embedder, stop)
    assert list(temporary.iterdir()) == []


def test_a_timed_model_is_the_same_model(embedder: Embedder) -> None:
    timed = TimedEmbedder.of(embedder)
    assert (timed.embed(["wings"]) == embedder.embed(["wings"])).all()
    assert (timed.fingerprint, timed.word_weight, len(timed.seconds)) == (embedder.fingerprint, embedder.word_weight, 1)


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch, embedder: Embedder) -> None:
    """The model that is loaded already, for the command too."""
    monkeypatch.setattr("index_store.open_embedder", lambda *_, **__: embedder)


@pytest.mark.usefixtures("loaded")
def test_the_command_prints_the_documented_object(tmp_path: Path, run: Run) -> None:
    ran = run("evaluate", pack(dataset(tmp_path / "data", place="qrels_dev.tsv")), "--split", "dev", "--json")
    assert (ran.code, ran.err) == (0, "")
    rankings = {"bm25", "dense", "fused"}
    assert ran.json.keys() == rankings | {"split", "queries", "embedding_model", "ingest", "search", "left_out"}
    for ranking in rankings:
        assert ran.json[ranking].keys() == {*MEASURES, "interval"}
        assert all(isinstance(ran.json[ranking][name], float) for name in MEASURES)
        assert all(
            low <= ran.json[ranking][name] <= high for name, (low, high) in ran.json[ranking]["interval"].items()
        )
    assert ran.json["ingest"].keys() == {
        *("abstracts", "seconds", "abstracts_per_second", "embedding_share", "peak_memory_mb")
    }
    assert ran.json["search"].keys() == {"questions", "p50_ms", "p95_ms", "p99_ms"}
    assert (ran.json["split"], ran.json["search"]["questions"]) == ("dev", 2)
    assert not (tmp_path / "home").exists()


@pytest.mark.usefixtures("loaded")
def test_people_get_a_table_and_what_was_left_out(tmp_path: Path, run: Run) -> None:
    ran = run("evaluate", dataset(tmp_path / "data", qrels=QRELS + "q1\tx1\t1\n"))
    assert (ran.code, ran.err) == (0, "")
    printed = ran.out.splitlines()
    assert printed[0].startswith("2 questions of the split test, 4 abstracts, all-MiniLM-L6-v2")
    assert printed[1].split() == ["bm25", "dense", "fused"]
    assert [line.split()[0] for line in printed[2:6]] == list(MEASURES)
    assert printed[5].count("1.000 (1.000–1.000)") == 3
    assert printed[6].startswith("ingest: ") and printed[7].startswith("search: p50 ")
    assert printed[8:] == ["judged documents that the corpus lacks or has no text of, not found: 1"]


@pytest.mark.usefixtures("loaded")
def test_ctrl_c_is_told_in_one_line(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("assistant.retrieval_evaluation.search_milliseconds", stop)
    ran = run("evaluate", dataset(tmp_path / "data"), "--json")
    assert (ran.code, ran.out, ran.err.count("\n")) == (130, "", 1)
    assert ran.err.startswith("Stopped. The throw-away index is removed")


def test_a_folder_that_is_neither_names_what_was_looked_for(tmp_path: Path, run: Run) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        ran = run("evaluate", folder)
        assert (ran.code, ran.out, ran.err.count("\n")) == (1, "", 1)
        assert all(said in ran.err for said in (str(folder), "corpus.jsonl", "scifact/claims.jsonl"))


def test_a_folder_with_scifacts_claims_measures_the_support_check(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scifact").mkdir()
    (tmp_path / "scifact" / "claims.jsonl").touch()
    found = {"confusion": {}, "paraphrases": {}, "auroc": {}, "rationale_f1": {"ours": 0.5, "cosine": 0.4}}
    monkeypatch.setattr("assistant.support_training.evaluate", lambda folder, embed: found)
    assert run("evaluate", tmp_path, "--json").json == found
    assert run("evaluate", tmp_path, "--split", "test").code == 2
