"""Ingest beside its peers, and a collection of 57,491 abstracts: speed, memory, search."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
from chromadb.config import Settings
from llama_index.core import Document
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import TextNode
from llama_index.vector_stores.chroma import ChromaVectorStore

from assistant.beir import read_corpus
from assistant.retrieval_evaluation import SHOWN, peak_memory_mb, percentiles, search_milliseconds
from index_store import Embedder, Library, Paper, open_embedder, passages, sentences
from index_store.passages import PASSAGE_TOKENS

_PIPELINE_ABSTRACTS = 400
_QUESTIONS = 300


_RANDOM = np.random.default_rng(0).normal(size=(60_000, 384)).astype(np.float32)
_RANDOM /= np.linalg.norm(_RANDOM, axis=1, keepdims=True)


class Recalled(Embedder):
    """Vectors that are looked up and not computed: what is left of an ingest is everything else."""

    def embed(self, texts: Sequence[str], *, behind: bool = False) -> Any:
        """As `Embedder.embed`: any vectors will do, but they must differ, as equal ones are quick to index."""
        start = self.__dict__.setdefault("taken", 0)
        self.__dict__["taken"] = start + len(texts)
        return np.take(_RANDOM, range(start, start + len(texts)), axis=0, mode="wrap")


def against_upsert(folder: Path) -> dict[str, Any]:
    """The whole ingest with vectors that cost nothing, beside Chroma alone taking in the same passages."""
    papers = _papers(folder)
    _cut(papers[0])  # what splits texts is loaded once in a process
    costless = Recalled(open_embedder("wordllama").model, 0.3, batch=512)
    with tempfile.TemporaryDirectory() as home, Library(Path(home), costless) as library:
        started = time.perf_counter()
        library.add_records(papers)
        library.index()
        ours = time.perf_counter() - started
        rows = library.vectors.count
        ids = [f"{paper.id}:{n}" for paper in library.catalogue.page() for n in range(1, len(_cut(paper)) + 1)]
        vectors = costless.embed(ids)
    with tempfile.TemporaryDirectory() as bare:
        client = chromadb.PersistentClient(bare, Settings(anonymized_telemetry=False))
        collection = client.create_collection(
            "passages", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )
        facts = [{"paper": one.partition(":")[0], "source": "corpus.jsonl"} for one in ids]
        started, size = time.perf_counter(), client.get_max_batch_size()
        for start in range(0, rows, size):
            part = slice(start, start + size)
            collection.upsert(ids=ids[part], embeddings=vectors[part], metadatas=facts[part])
        alone = time.perf_counter() - started
    return {
        "abstracts; passages": f"{len(papers):,}; {rows:,}",
        "ingest without embedding (s)": ours,
        "chromadb's upsert alone (s)": alone,
        "ratio (aim 0.8)": alone / ours,
    }


def against_pipeline(folder: Path) -> dict[str, Any]:
    """Abstracts a second with the default model, beside LlamaIndex's pipeline with that model and splitter.

    The product embeds sentences too; `the same texts` gives the pipeline those as well, as nodes that are cut already.
    """
    papers = _papers(folder)[:_PIPELINE_ABSTRACTS]
    embedder = open_embedder("minilm")
    embedder.embed(["warm up"])
    with tempfile.TemporaryDirectory() as home, Library(Path(home), embedder) as library:
        started = time.perf_counter()
        library.add_records(papers)
        library.index()
        ours = time.perf_counter() - started
    whole = [Document(text=f"{paper.title}\n{paper.abstract}") for paper in papers]
    cut = [TextNode(text=text) for paper in papers for text in (*_cut(paper), *_sentences(paper))]
    splitter = SentenceSplitter(chunk_size=PASSAGE_TOKENS, chunk_overlap=0)
    passages_only = _pipeline_seconds([splitter, embedder.model], whole)
    same_texts = _pipeline_seconds([embedder.model], cut)
    return {
        "product, passages and sentences (abstracts/s)": len(papers) / ours,
        "pipeline, passages only (abstracts/s)": len(papers) / passages_only,
        "pipeline, the same texts (abstracts/s)": len(papers) / same_texts,
        "ratio, passages only": passages_only / ours,
        "ratio, the same texts (aim 1.5)": same_texts / ours,
    }


def collection(file: Path) -> dict[str, Any]:
    """57,491 abstracts with WordLlama: how long until they are found, what memory it takes, how quick a search is."""
    with tempfile.TemporaryDirectory() as home:
        with Library(Path(home), open_embedder("wordllama")) as library:
            started = time.perf_counter()
            report = library.add_files([file])
            by_words = time.perf_counter() - started
            library.index()
            wholly = time.perf_counter() - started
            memory = peak_memory_mb()
            rng = np.random.default_rng(0)
            papers = library.catalogue.page()
            chosen = [papers[int(i)].title for i in rng.choice(len(papers), _QUESTIONS, replace=False)]
            took = percentiles(search_milliseconds(library, chosen, SHOWN))
        cold = [_cold_search(home) for _ in range(3)]
    return {
        "papers": report.new,
        "found by words after (s)": by_words,
        "embedded after (s)": wholly,
        "peak memory of the ingest (MB)": memory,
        **{f"search {name.removesuffix('_ms')} (ms)": value for name, value in took.items()},
        "search from the shell, cold, best of three (s)": min(cold),
    }


def _papers(folder: Path) -> list[Paper]:
    return [paper for _, paper in islice(read_corpus(folder), None) if paper]


def _cut(paper: Paper) -> list[str]:
    return [f"{paper.title}\n{passage.text}" for passage in passages(paper.abstract)]


def _sentences(paper: Paper) -> Iterator[str]:
    return (sentence.text for sentence in sentences(paper.abstract))


def _pipeline_seconds(steps: list[Any], nodes: Sequence[Any]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        client = chromadb.PersistentClient(folder, Settings(anonymized_telemetry=False))
        made = client.create_collection("nodes", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
        pipeline = IngestionPipeline(transformations=steps, vector_store=ChromaVectorStore(chroma_collection=made))
        started = time.perf_counter()
        pipeline.run(nodes=list(nodes))
        return time.perf_counter() - started


def _cold_search(home: str) -> float:
    command = [Path(sys.executable).with_name("research-assistant"), "search", "machine translation", "--home", home]
    started = time.perf_counter()
    environment = os.environ | {"RESEARCH_ASSISTANT_EMBEDDING_MODEL": "wordllama"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - started
