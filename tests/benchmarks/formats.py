"""Every format that is read: records a second and peak memory, on files that are made here."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TextIO

from assistant.retrieval_evaluation import peak_memory_mb
from index_store import Paper, write
from index_store.readers import read_file

RECORDS = 100_000
DUMP = 1_000_000

_WORDS = (
    "attention retrieval citation abstract sentence passage vector sparse dense answer evidence model measured over "
    "several collections which shows that longer contexts need fewer tokens when papers are ranked by their best one"
).split()


def papers(count: int) -> Iterator[Paper]:
    """Papers with an abstract of some 130 words each, all different."""
    for number in range(count):
        turned = _WORDS[number % len(_WORDS) :] + _WORDS[: number % len(_WORDS)]
        abstract = " ".join(f"{' '.join(turned).capitalize()} in case {number} of part {part}." for part in range(4))
        yield Paper(
            f"Title number {number} on {turned[0]} and {turned[1]}",
            abstract,
            ("Ada Lovelace", "Émilie du Châtelet"),
            1990 + number % 35,
            "Journal of Examples",
            doi=f"10.1000/{number}",
        )


def _arxiv_dump(paper: Paper, number: int) -> str:
    fields = {
        "id": f"{number // 100_000 + 2001:04d}.{number % 100_000:05d}",
        "authors_parsed": [["Lovelace", "Ada", ""], ["du Châtelet", "Émilie", ""]],
        "title": paper.title,
        "journal-ref": None,
        "doi": None,
        "abstract": f"  {paper.abstract}\n",
        "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}],
        "update_date": "2008-11-26",
    }
    return json.dumps(fields) + "\n"


def _openalex(paper: Paper, number: int) -> str:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(paper.abstract.split()):
        index.setdefault(word, []).append(place)
    fields = {
        "id": f"https://openalex.org/W{number}",
        "doi": f"https://doi.org/{paper.doi}",
        "display_name": paper.title,
        "publication_year": paper.year,
        "authorships": [{"author": {"display_name": name}} for name in paper.authors],
        "abstract_inverted_index": index,
    }
    return json.dumps(fields) + "\n"


def _semantic_scholar(paper: Paper, number: int) -> str:
    fields = {
        "paperId": f"{number:040x}",
        "externalIds": {"DOI": paper.doi},
        "title": paper.title,
        "abstract": paper.abstract,
        "year": paper.year,
        "venue": paper.venue,
        "authors": [{"authorId": "1", "name": name} for name in paper.authors],
    }
    return json.dumps(fields) + "\n"


def _nbib(paper: Paper, number: int) -> str:
    names = "".join(f"FAU - {name}\n" for name in ("Lovelace, Ada", "du Châtelet, Émilie"))
    return (
        f"PMID- {number + 1}\nDP  - {paper.year} Jan\nTI  - {paper.title}\nAB  - {paper.abstract}\n{names}"
        f"JT  - {paper.venue}\nAID - {paper.doi} [doi]\n\n"
    )


def _pubmed_xml(paper: Paper, number: int) -> str:
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number + 1}</PMID><Article><Journal><JournalIssue><PubDate><Year>"
        f"{paper.year}</Year></PubDate></JournalIssue><Title>{paper.venue}</Title></Journal><ArticleTitle>{paper.title}"
        f"</ArticleTitle><Abstract><AbstractText>{paper.abstract}</AbstractText></Abstract><AuthorList><Author>"
        "<LastName>Lovelace</LastName><ForeName>Ada</ForeName></Author></AuthorList></Article></MedlineCitation>"
        f'<PubmedData><ArticleIdList><ArticleId IdType="doi">{paper.doi}</ArticleId></ArticleIdList></PubmedData>'
        "</PubmedArticle>\n"
    )


def _atom(paper: Paper, number: int) -> str:
    return (
        f"<entry><id>http://arxiv.org/abs/{number // 100_000 + 2001:04d}.{number % 100_000:05d}v1</id>"
        f"<published>{paper.year}-01-02T00:00:00Z</published><title>{paper.title}</title>"
        f"<summary>  {paper.abstract}\n</summary><author><name>Ada Lovelace</name></author></entry>\n"
    )


def _row(paper: Paper, _number: int) -> str:
    return f'"{paper.title}","{paper.abstract}","{"; ".join(paper.authors)}",{paper.year},{paper.doi}\n'


_LINES: dict[str, tuple[str, str, Callable[[Paper, int], str], str]] = {
    "arXiv metadata dump": (".json", "", _arxiv_dump, ""),
    "OpenAlex": (".jsonl", "", _openalex, ""),
    "Semantic Scholar": (".jsonl", "", _semantic_scholar, ""),
    "PubMed .nbib": (".nbib", "", _nbib, ""),
    "PubMed XML": (".xml", '<?xml version="1.0"?>\n<PubmedArticleSet>\n', _pubmed_xml, "</PubmedArticleSet>\n"),
    "arXiv Atom": (
        ".xml",
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n',
        _atom,
        "</feed>\n",
    ),
    "CSV": (".csv", "Title,Abstract,Authors,Year,DOI\n", _row, ""),
    "Markdown": (".md", "", lambda paper, _: f"## {paper.title}\n\n{paper.abstract}\n\n", ""),
    "Hugging Face listing": (".txt", "", lambda paper, _: f"{paper.title}\n\n{paper.abstract}\n\n", ""),
    "plain text": (".text", "", lambda paper, _: f"{paper.title}\n{paper.abstract}\n\n\n", ""),
}
_WRITTEN = {"bibtex": ".bib", "ris": ".ris", "csl-json": ".json", "jsonl": ".jsonl"}


def every_format(count: int = RECORDS) -> dict[str, Any]:
    """Records a second and peak memory of reading each format, each in a process of its own."""
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in (*_WRITTEN, *_LINES):
            path = Path(folder) / f"papers{_WRITTEN.get(name) or _LINES[name][0]}"
            with path.open("w", encoding="utf-8") as file:
                _make(name, count, file)
            rows |= _measured(name, path, count)
            path.unlink()
    return rows


def dump(count: int = DUMP) -> dict[str, Any]:
    """The shape of arXiv's metadata dump, a tenth of it and the whole: the memory must not grow with the lines."""
    rows: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for lines in (count // 10, count):
            path = Path(folder) / "arxiv-metadata.json"
            with path.open("w", encoding="utf-8") as file:
                _make("arXiv metadata dump", lines, file)
            rows |= _measured(f"{lines:,} lines", path, lines)
    return rows


def _make(name: str, count: int, file: TextIO) -> None:
    if name in _WRITTEN:
        write(papers(count), name, file)
        return
    _, head, line, foot = _LINES[name]
    file.write(head)
    for number, paper in enumerate(papers(count)):
        file.write(line(paper, number))
    file.write(foot)


def _measured(name: str, path: Path, count: int) -> dict[str, Any]:
    with get_context("spawn").Pool(1) as pool:
        read, seconds, base, peak = pool.apply(_read, (path,))
    assert read == count, f"{name}: {read} of {count} records were read"
    return {f"{name} (records/s)": count / seconds, f"{name} (peak MB; {base:.0f} before)": peak}


def _read(path: Path) -> tuple[int, float, float, float]:
    before, started = peak_memory_mb(), time.perf_counter()
    read = sum(isinstance(record, Paper) for record in read_file(path))
    return read, time.perf_counter() - started, before, peak_memory_mb()


if __name__ == "__main__":
    for table in (every_format(), dump()):
        for row, value in table.items():
            print(f"{row:<52} {value:,.0f}", flush=True)
