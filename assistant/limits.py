"""The reader's limits on what is searched: made from what was typed, and put into words."""

from collections.abc import Sequence

from index_store import Filter

from .errors import InvalidQuestion


def limits(
    from_year: int | None = None,
    to_year: int | None = None,
    author: str = "",
    source: str = "",
    papers: Sequence[str] | None = None,
    collection: str = "",
) -> Filter:
    """A filter. Raises `InvalidQuestion` if no paper could pass it."""
    for year in (from_year, to_year):
        if year is not None and not 0 <= year <= 9999:
            raise InvalidQuestion(f"{year} is no year; write it with four digits.")
    if from_year is not None and to_year is not None and from_year > to_year:
        raise InvalidQuestion(f"No year is both after {from_year - 1} and before {to_year + 1}; swap the two years.")
    found = Filter(from_year, to_year, author.strip(), source, collection, None if papers is None else tuple(papers))
    if found.author and not found.author_keys:
        raise InvalidQuestion(f"{found.author!r} is no name that an author could have.")
    return found


def limited(within: Filter) -> str:
    """What is searched, in words: `papers from 2015 to 2020 by “Manning”`; empty if it is everything."""
    if not within:
        return ""
    parts = [_years(within), f"by “{within.author}”" if within.author else ""]
    parts.append(f"in {within.source}" if within.source else "")
    parts.append(f"of the collection “{within.collection}”" if within.collection else "")
    count = len(within.papers) if within.papers is not None else 0
    chosen = f"{count:,} chosen papers" if count != 1 else "one chosen paper"
    return " ".join(part for part in ("papers" if within.papers is None else chosen, *parts) if part)


def _years(within: Filter) -> str:
    match within.from_year, within.to_year:
        case None, None:
            return ""
        case None, last:
            return f"up to {last}"
        case first, None:
            return f"since {first}"
        case first, last:
            return f"of {first}" if first == last else f"from {first} to {last}"
