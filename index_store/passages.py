"""Abstract -> numbered sentences -> passages.

Sentences come from NLTK's trained English Punkt model, passages from LlamaIndex's SentenceSplitter; the
files of both (and of its tokenizer) are inside the llama-index-core wheel, so neither needs a network.
"""

import re
import sys
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import get_ident
from types import ModuleType

from .papers import Passage, Sentence

PASSAGE_TOKENS = 200
"""Upper bound of a passage in tiktoken tokens: with a title it fits MiniLM's window of 256 word pieces."""

SPLITTER = f"punkt-english/sentence-splitter-{PASSAGE_TOKENS}"
"""Names the rules in this module; part of the index's fingerprint, so a change asks for a rebuild."""

# Beyond Punkt's own list: what scientific prose abbreviates before a capital letter or a digit.
_ABBREVIATIONS = "al approx ca cf e.g eq eqs etc fig figs i.e no ref refs resp sec tab viz vs w.r.t".split()
# Punkt still cuts after these when a frequent sentence starter follows ("vs. The ..."); they never end a sentence.
_NEVER_LAST = re.compile(r"\b(?:approx|cf|e\.g|eqs?|figs?|i\.e|vs|w\.r\.t)\.$", re.IGNORECASE)
_LONGEST = 10  # characters, of what the pattern above may match and one before


@lru_cache(maxsize=256)  # passages are cut between the same sentences, and answers are read from them again
def sentences(abstract: str) -> tuple[Sentence, ...]:
    """The sentences of an abstract in order, with character offsets; every non-space character is in one."""
    spans: list[tuple[int, int]] = []
    for start, end in _punkt().span_tokenize(abstract):
        if spans and _NEVER_LAST.search(abstract, max(0, spans[-1][1] - _LONGEST), spans[-1][1]):
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return tuple(
        Sentence(number, start, end, abstract[start:end]) for number, (start, end) in enumerate(spans, start=1)
    )


def passages(abstract: str) -> tuple[Passage, ...]:
    """Consecutive passages of at most `PASSAGE_TOKENS`, cut between sentences; usually one per abstract."""
    found: list[Passage] = []
    position = 0
    for chunk in _splitter().split_text(abstract):
        start = abstract.index(chunk, position)
        position = start + len(chunk)
        found.append(Passage(len(found) + 1, start, position, chunk))
    return tuple(found)


class _Without(MetaPathFinder):
    """Lets imports of these names fail within a `with`, in its own thread, unless they were made before.

    NLTK tries them for parts that have nothing to do with sentences, and they take more than a second. Another thread
    may want them meanwhile, for themes.
    """

    def __init__(self, *names: str) -> None:
        self._names, self._thread = names, get_ident()

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Passes everything else on to the other finders."""
        if name in self._names and get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is not needed", name=name)
        return None

    def __enter__(self) -> None:
        sys.meta_path.insert(0, self)

    def __exit__(self, *problem: object) -> None:
        sys.meta_path.remove(self)


@cache
def _punkt():  # type: ignore[no-untyped-def]  # NLTK has no types
    import llama_index.core

    with _Without("scipy.stats", "sklearn"):
        from nltk.data import path as nltk_path
        from nltk.tokenize.punkt import PunktTokenizer

    nltk_path.append(str(Path(llama_index.core.__file__).parent / "_static" / "nltk_cache"))
    tokenizer = PunktTokenizer("english")
    tokenizer._params.abbrev_types.update(_ABBREVIATIONS)
    return tokenizer


@cache
def _splitter():  # type: ignore[no-untyped-def]  # typed by the import inside
    from llama_index.core.node_parser import SentenceSplitter

    def whole_sentences(text: str) -> list[str]:
        found = sentences(text)
        ends = [sentence.start for sentence in found[1:]] + [len(text)]
        return [text[sentence.start : end] for sentence, end in zip(found, ends, strict=True)]

    return SentenceSplitter(
        chunk_size=PASSAGE_TOKENS,
        chunk_overlap=0,
        paragraph_separator="\n\n\n",
        chunking_tokenizer_fn=whole_sentences,
    )
