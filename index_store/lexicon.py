"""The index of words: BM25 over titles and abstracts. The only module that imports tantivy."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import tantivy

from .failures import emptied, panicked, require_room, told
from .filters import Filter, author_keys, everything
from .papers import Paper
from .seal import Seal

_ANALYSER = "abstracts"
_WRITER_HEAP_BYTES = 64_000_000  # tantivy refuses less than 15 MB a thread
_LAST_YEAR = 9999
_MAX_TERM_BYTES = 64  # longer "words" are encoded data or noise
_FILES = "*"  # all that tantivy keeps in its folder


@cache
def _analyser() -> tantivy.TextAnalyzer:
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(_MAX_TERM_BYTES))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.stopword("english"))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


# Words that ask rather than name; tantivy's own stop words are articles, pronouns and the like.
_ASKING = (
    "what which who whom whose when where why how do does did can could should would may might must tell me about "
    "say says said "
    "explain describe give list show find paper papers abstract abstracts study studies work works author authors "
    "approach approaches method methods use used using uses make makes made we our us you your i my is are was were "
    "have has had been be being between from than then them they these those some any also more most such other"
)


def terms(text: str) -> list[str]:
    """The stemmed words of a text, in order, as the index stores them."""
    return list(_terms(text))


@lru_cache(2048)  # a comparison looks at the same abstracts for every side, and a follow-up at those of before
def _terms(text: str) -> tuple[str, ...]:
    return tuple(_analyser().analyze(text))


def content_terms(text: str) -> list[str]:
    """The distinct terms of a question that name something, in order: no stop words, no asking words."""
    asking = _asking_terms()
    return [term for term in dict.fromkeys(terms(text)) if term not in asking]


@cache
def _asking_terms() -> frozenset[str]:
    return frozenset(terms(_ASKING))


class Lexicon:
    """A tantivy index in one folder, with one document per paper: its words, and what it can be filtered by."""

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        """Opens the index in `folder`, or makes an empty one. Raises `LibraryUnreadable` if it is damaged.

        With `shared`, what other processes put in is seen by the next search.
        """
        self._folder, self._name, self._seal = folder, f"The word index in {folder}", Seal(folder, _FILES)
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
        schema = (
            tantivy.SchemaBuilder()
            .add_text_field("id", stored=True, tokenizer_name="raw")
            .add_text_field("text", stored=False, tokenizer_name=_ANALYSER)
            .add_text_field("author", stored=False, tokenizer_name="raw", index_option="basic")
            .add_text_field("source", stored=False, tokenizer_name="raw", index_option="basic")
            .add_integer_field("year", stored=False, indexed=True)
            .build()
        )
        self._shared, self._writing = shared, threading.Lock()  # tantivy takes one writer at a time
        with self._explained():
            self._index = tantivy.Index(schema, path=str(folder))
            self._schema = schema
            self._index.register_tokenizer(_ANALYSER, _analyser())
            self._index.reload()
            if not self.count:
                self._seal.renew()

    @staticmethod
    def whole(folder: Path) -> bool:
        """Whether the index's files are as they were left; not all damage shows when they are opened."""
        return Seal(folder, _FILES).whole

    @staticmethod
    def delete(folder: Path) -> None:
        """Removes the index's files; the next open makes an empty one."""
        emptied(folder)

    def put(self, papers: Iterable[Paper], removed: Iterable[str] = ()) -> None:
        """Adds or replaces papers by id and drops the `removed` ids, in one commit."""
        require_room(self._name, self._folder)
        with self._writing, self._explained():
            writer = self._index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
            for paper_id in removed:
                writer.delete_documents_by_term("id", paper_id)
            for paper in papers:
                writer.delete_documents_by_term("id", paper.id)
                writer.add_document(_document(paper))
            writer.commit()
            writer.wait_merging_threads()
            self._index.reload()
            self._seal.renew()

    def search(self, question: str, limit: int, within: Filter = everything) -> list[tuple[str, float]]:
        """At most `limit` pairs of paper id and BM25 score, best first; papers without a common word are absent."""
        query = self._any_of(question)
        if query is None:
            return []
        return self._found(self._limited(query, self._conditions(within)), limit)

    def scores(self, question: str, paper_ids: Sequence[str]) -> dict[str, float]:
        """The BM25 scores of the given papers; those without a common word are absent."""
        query = self._any_of(question)
        if query is None or not paper_ids:
            return {}
        these = tantivy.Query.term_set_query(self._schema, "id", list(paper_ids))
        return dict(self._found(self._limited(query, [these]), len(paper_ids)))

    def ids_of_author(self, within: Filter) -> list[str]:
        """The ids of all papers by the filter's author."""
        every = max(1, self.count)
        return [paper_id for paper_id, _ in self._found(self._limited(None, self._by_author(within)), every)]

    def count_of(self, within: Filter) -> int:
        """How many papers pass a filter."""
        if not within:
            return self.count
        with self._explained():
            found: Any = self._searcher().search(self._limited(None, self._conditions(within)), limit=1)
        return int(found.count or 0)  # on the object, not in its stubs

    def document_frequencies(self, wanted: Sequence[str]) -> dict[str, int]:
        """How many papers hold each of the given terms."""
        with self._explained():
            searcher = self._searcher()
            return {term: searcher.doc_freq("text", term) for term in wanted}

    def known(self, paper_ids: Sequence[str]) -> set[str]:
        """Those of the given papers that are found by their id."""
        these = tantivy.Query.term_set_query(self._schema, "id", list(paper_ids))
        return {paper_id for paper_id, _ in self._found(these, max(1, len(paper_ids)))}

    def ids(self) -> set[str]:
        """The ids of all papers in the index."""
        return {paper_id for paper_id, _ in self._found(tantivy.Query.all_query(), max(1, self.count))}

    @property
    def count(self) -> int:
        """The number of papers in the index."""
        return int(self._searcher().num_docs)

    def _searcher(self) -> tantivy.Searcher:
        if self._shared:
            self._index.reload()
        return self._index.searcher()

    def _found(self, query: tantivy.Query, limit: int) -> list[tuple[str, float]]:
        with self._explained():
            searcher = self._searcher()
            hits = searcher.search(query, limit=limit, count=False).hits
            return [(str(searcher.doc(address)["id"][0]), float(score)) for score, address in hits]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turns what tantivy raises into one line that says what to do."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, ValueError | OSError) and not panicked(error):
                raise
            raise told(self._name, error) from error

    def _any_of(self, question: str) -> tantivy.Query | None:
        """Papers that hold any content word of the question, or any word if it has only asking words."""
        wanted = content_terms(question) or list(dict.fromkeys(terms(question)))
        clauses = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", term)) for term in wanted]
        return tantivy.Query.boolean_query(clauses) if clauses else None

    def _conditions(self, within: Filter) -> list[tantivy.Query]:
        found = self._by_author(within)
        if within.source:
            found.append(tantivy.Query.term_query(self._schema, "source", within.source))
        if within.papers is not None:
            found.append(tantivy.Query.term_set_query(self._schema, "id", list(within.papers)))
        if within.from_year is not None or within.to_year is not None:
            bounds = (within.from_year or 0, _LAST_YEAR if within.to_year is None else within.to_year)
            found.append(tantivy.Query.range_query(self._schema, "year", tantivy.FieldType.Integer, *bounds))
        return found

    def _by_author(self, within: Filter) -> list[tantivy.Query]:
        return [tantivy.Query.term_query(self._schema, "author", key) for key in within.author_keys]

    @staticmethod
    def _limited(query: tantivy.Query | None, conditions: Sequence[tantivy.Query]) -> tantivy.Query:
        """The query among the papers that meet all conditions, which add nothing to the score."""
        must = [tantivy.Query.const_score_query(condition, 0.0) for condition in conditions]
        must = [query, *must] if query else must or [tantivy.Query.all_query()]
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, each) for each in must])


def _document(paper: Paper) -> tantivy.Document:
    fields = {"id": paper.id, "text": f"{paper.title}\n{paper.abstract}"}
    keys = {"author": sorted(author_keys(paper.authors))} if paper.authors else {}
    year = {"year": paper.year} if paper.year is not None else {}
    return tantivy.Document(**fields, **keys, **year, source=[*(paper.sources or (paper.source,))])
