"""What is worked out of the catalogue, and again only after that has changed."""

from collections.abc import Callable
from typing import Generic, TypeVar

from .catalogue import Catalogue

T = TypeVar("T")


class AsOfChange(Generic[T]):
    """A value of the catalogue as it now is. Safe in threads; two of them may work it out at the same time."""

    def __init__(self, catalogue: Catalogue, make: Callable[[], T]) -> None:
        """`make` works the value out."""
        self._catalogue, self._make = catalogue, make
        self._known: tuple[int, T] | None = None

    def __call__(self) -> T:
        """The value. Raises `LibraryUnreadable`, and what `make` raises."""
        changes = self._catalogue.changes()  # before it is made: what is written meanwhile is looked at next time
        known = self._known
        if known is None or known[0] != changes:
            known = self._known = changes, self._make()
        return known[1]
