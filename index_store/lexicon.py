"""The index of words: BM25 over titles and abstracts. The only module that imports tantivy."""

import shutil
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import tantivy

from .errors import LibraryUnreadable
from .papers import Paper

_ANALYSER = "abstracts"
_WRITER_HEAP_BYTES = 64_000_000  # tantivy refuses less than 15 MB a thread
_MAX_TERM_BYTES = 64  # longer "words" are encoded data or noise


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
    return list(_analyser().analyze(text))


def content_terms(text: str) -> list[str]:
    """The distinct terms of a question that name something, in order: no stop words, no asking words."""
    asking = _asking_terms()
    return [term for term in dict.fromkeys(terms(text)) if term not in asking]


@cache
def _asking_terms() -> frozenset[str]:
    return frozenset(terms(_ASKING))


class Lexicon:
    """A tantivy index in one folder, with one document per paper: its id, and its title and abstract."""

    def __init__(self, folder: Path) -> None:
        """Opens the index in `folder`, or makes an empty one. Raises `LibraryUnreadable` if it is damaged."""
        folder.mkdir(parents=True, exist_ok=True)
        schema = (
            tantivy.SchemaBuilder()
            .add_text_field("id", stored=True, tokenizer_name="raw")
            .add_text_field("text", stored=False, tokenizer_name=_ANALYSER)
            .build()
        )
        try:
            self._index = tantivy.Index(schema, path=str(folder))
        except ValueError as error:
            raise LibraryUnreadable(
                f"The word index in {folder} cannot be opened ({error}); run `research-assistant rebuild`."
            ) from error
        self._schema = schema
        self._index.register_tokenizer(_ANALYSER, _analyser())
        self._index.reload()

    @staticmethod
    def delete(folder: Path) -> None:
        """Removes the index's files; the next open makes an empty one."""
        shutil.rmtree(folder, ignore_errors=True)

    def put(self, papers: Iterable[Paper], removed: Iterable[str] = ()) -> None:
        """Adds or replaces papers by id and drops the `removed` ids, in one commit."""
        writer = self._index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
        for paper_id in removed:
            writer.delete_documents_by_term("id", paper_id)
        for paper in papers:
            writer.delete_documents_by_term("id", paper.id)
            writer.add_document(tantivy.Document(id=paper.id, text=f"{paper.title}\n{paper.abstract}"))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def search(self, question: str, limit: int) -> list[tuple[str, float]]:
        """At most `limit` pairs of paper id and BM25 score, best first; papers without a common word are absent."""
        wanted = content_terms(question) or list(dict.fromkeys(terms(question)))
        if not wanted:
            return []
        clauses = [(tantivy.Occur.Should, tantivy.Query.term_query(self._schema, "text", term)) for term in wanted]
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.boolean_query(clauses), limit=limit).hits
        return [(str(searcher.doc(address)["id"][0]), float(score)) for score, address in hits]

    def document_frequencies(self, wanted: Sequence[str]) -> dict[str, int]:
        """How many papers hold each of the given terms."""
        searcher = self._index.searcher()
        return {term: searcher.doc_freq("text", term) for term in wanted}

    def ids(self) -> set[str]:
        """The ids of all papers in the index."""
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.all_query(), limit=max(1, searcher.num_docs)).hits
        return {str(searcher.doc(address)["id"][0]) for _, address in hits}

    @property
    def count(self) -> int:
        """The number of papers in the index."""
        return int(self._index.searcher().num_docs)
