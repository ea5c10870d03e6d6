"""The words of a question, weighted by how few papers use them."""

import math
from collections.abc import Mapping

from .lexicon import terms


class TermWeights:
    """The naming words of one question with their inverse document frequencies."""

    def __init__(self, frequencies: Mapping[str, int], papers: int) -> None:
        """`frequencies` says of each term how many of the collection's `papers` use it."""
        self._weights = {term: math.log(1 + max(1, papers) / (1 + count)) for term, count in frequencies.items()}
        self._total = sum(self._weights.values())
        self.unknown = tuple(term for term, count in frequencies.items() if not count)
        """The terms that no paper uses, in the question's order."""

    def share_in(self, text: str) -> float:
        """The share, between 0 and 1, of the weighted words that a text holds."""
        held = set(terms(text))
        return sum(weight for term, weight in self._weights.items() if term in held) / (self._total or 1.0)
