"""Questions to begin with, that the collection can answer."""

import re

from index_store import Library, Paper

from .followups import short_name

_CURATED = {
    "MiniCache: KV Cache Compression in Depth Dimension for Large Language Models": "How does MiniCache compress the "
    "KV cache, and how much memory does it save?",
    "Efficient Streaming Language Models with Attention Sinks": "Why do attention sinks let a language model handle "
    "endless text?",
    "ZipCache: Accurate and Efficient KV Cache Quantization with Salient Token Identification": "How does ZipCache "
    "differ from DuoAttention?",
}
_NAMED = re.compile(r"^[\w+.-]*[A-Z][\w+.-]*$")
_MANY_ENOUGH = 4
_OVERVIEW = "What is in this collection?"
_WORTH_A_MAP = 10  # papers
_LOOKED_AT = 200


def examples(library: Library) -> list[str]:
    """Up to four questions, each naming or describing a paper that is in the library now; the last asks for the map."""
    papers = library.catalogue.page(limit=_LOOKED_AT)
    titles = {paper.title for paper in papers}
    chosen = [question for title, question in _CURATED.items() if title in titles]
    chosen += [f"What is {short_name(paper)}?" for paper in papers if _has_name(paper)]
    if len(papers) < _WORTH_A_MAP:
        return chosen[:_MANY_ENOUGH]
    return [*chosen[: _MANY_ENOUGH - 1], _OVERVIEW]


def _has_name(paper: Paper) -> bool:
    return short_name(paper) != paper.display_title and bool(_NAMED.match(short_name(paper)))
