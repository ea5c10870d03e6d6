"""A folder in BEIR's shape, read: the papers of the corpus, the questions of a split, and which paper answers which.

    corpus.jsonl      {"_id": "d1", "title": "...", "text": "the abstract"}
    queries.jsonl     {"_id": "q1", "text": "the question"}
    qrels/test.tsv    query-id, corpus-id and score, tab between them, that line on top; also as qrels_test.tsv

Each file may be packed with gzip (.gz), `id` stands for `_id` as well, and judgements may be TREC's: four columns, no
head (Thakur et al., NeurIPS 2021, https://github.com/beir-cellar/beir; https://trec.nist.gov/data/qrels_eng/).
"""

import gzip
import json
import zlib
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from index_store import Paper

from .errors import AssistantError

SPLIT = "test"
_TITLE_LENGTH = 80  # of the beginning of a text that has no title
_HEADS = {"score", "rel", "relevance", "label"}


class InvalidDataset(AssistantError):
    """A folder lacks a file of BEIR's shape, or a line of one has another form."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """The questions of one split. `qrels`: question -> document of the corpus -> grade; 0 is not relevant.

    `queries` are those with a relevant document, by id; of the others judged, `irrelevant` have none and `unknown`
    are not among the questions.
    """

    folder: Path
    split: str
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]
    irrelevant: int = 0
    unknown: int = 0


def has_corpus(folder: Path) -> bool:
    """Whether a folder is one of BEIR's shape."""
    return _found(folder, "corpus.jsonl") is not None


def read_dataset(folder: Path, split: str = SPLIT) -> Dataset:
    """The questions and judgements of a split. Raises `InvalidDataset`, with the line that is wrong."""
    judged = _read_qrels(folder, split)
    relevant = {query: grades for query, grades in judged.items() if max(grades.values()) > 0}
    queries = _read_queries(folder, relevant.keys())
    if not queries:
        raise InvalidDataset(f"No question of {folder} has a relevant document in the split {split!r}.")
    qrels = {query: relevant[query] for query in queries}
    return Dataset(folder, split, queries, qrels, len(judged) - len(relevant), len(relevant) - len(queries))


def read_corpus(folder: Path) -> Iterator[tuple[str, Paper | None]]:
    """The id and the paper of each entry, one at a time; None for an entry without any text.

    A text without a title is called by its beginning. Raises `InvalidDataset`, with the line that is wrong.
    """
    path = _required(folder, "corpus.jsonl")
    for place, document, row in _entries(path):
        title, text = _text(row, "title", place), _text(row, "text", place)
        # The DOI keeps apart what the collection holds to be two documents, though they bear one title.
        doi = f"collection:{document}"
        paper = Paper(title or text[:_TITLE_LENGTH], text, doi=doi, source=path.name) if title or text else None
        yield document, paper


def _read_queries(folder: Path, wanted: Container[str]) -> dict[str, str]:
    """The text of each wanted question, by id."""
    found: dict[str, str] = {}
    for place, query, row in _entries(_required(folder, "queries.jsonl")):
        if query in wanted:
            found[query] = _text(row, "text", place)
            if not found[query]:
                raise InvalidDataset(f"{place}: the question {query!r} has no `text`.")
    return found


def _read_qrels(folder: Path, split: str) -> dict[str, dict[str, int]]:
    """Question -> document -> grade; the highest where a pair is judged twice."""
    found: dict[str, dict[str, int]] = {}
    path = _qrels_path(folder, split)
    for number, line in _lines(path):
        fields = [field.strip() for field in (line.split("\t") if "\t" in line else line.split())]
        if number == 1 and fields[-1].casefold() in _HEADS:
            continue
        if len(fields) == 4:  # TREC's, whose second column is of no use
            del fields[1]
        place = f"{path}, line {number}"
        if len(fields) != 3 or not all(fields):
            raise InvalidDataset(f"{place} is not a question's id, a document's id and a grade: {line[:60]!r}.")
        query, document, grade = fields[0], fields[1], _grade(fields[2], place)
        grades = found.setdefault(query, {})
        grades[document] = max(grade, grades.get(document, 0))
    if not found:
        raise InvalidDataset(f"{path} holds no judgements.")
    return found


def _grade(text: str, place: str) -> int:
    """A whole number; TREC's negative grades say not relevant, too."""
    with suppress(ValueError, OverflowError):
        if float(text) == int(float(text)):
            return max(0, int(float(text)))
    raise InvalidDataset(f"{place}: the grade {text!r} is not a whole number.")


# -- files ------------------------------------------------------------------------------------------------------------


def _found(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _required(folder: Path, name: str) -> Path:
    if path := _found(folder, name):
        return path
    raise InvalidDataset(f"{folder} has no {name} (or {name}.gz).")


def _qrels_path(folder: Path, split: str) -> Path:
    for name in (f"qrels/{split}.tsv", f"qrels_{split}.tsv"):
        if path := _found(folder, name):
            return path
    paths = [*folder.glob("qrels/*.tsv*"), *folder.glob("qrels_*.tsv*")]
    others = sorted({path.name.removeprefix("qrels_").partition(".tsv")[0] for path in paths})
    hint = f" It has {', '.join(others)}; choose with --split." if others else ""
    raise InvalidDataset(f"{folder} has neither qrels/{split}.tsv nor qrels_{split}.tsv (or .gz).{hint}")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1; one at a time, as a corpus may not fit into memory."""
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if text := line.decode("utf-8-sig" if number == 1 else "utf-8").strip():
                    yield number, text
    except UnicodeDecodeError as error:
        raise InvalidDataset(f"{path}, line {number} is not UTF-8 text.") from error
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidDataset(f"{path} cannot be read after line {number}: {reason}.") from error


def _entries(path: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """For each line the file and line to name in an error, the entry's id, and the JSON object."""
    seen = set()
    for number, line in _lines(path):
        place = f"{path}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InvalidDataset(f"{place} is not JSON: {getattr(error, 'msg', error)}.") from error
        if not isinstance(value, dict):
            raise InvalidDataset(f"{place} is not a JSON object.")
        name = _id(value, place)
        if name in seen:
            raise InvalidDataset(f"{place}: the id {name!r} is there for the second time.")
        seen.add(name)
        yield place, name, value


def _id(row: dict[str, Any], place: str) -> str:
    value = row.get("_id", row.get("id"))
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise InvalidDataset(f"{place} has no `_id` (or `id`).")
    return str(value).strip()


def _text(row: dict[str, Any], name: str, place: str) -> str:
    value = row.get(name)
    if not isinstance(value, str | None):
        raise InvalidDataset(f"{place}: `{name}` is not text.")
    # A lone surrogate is legal JSON but cannot be stored or embedded.
    return (value or "").encode("utf-8", "replace").decode().replace("\0", " ").strip()
