"""What can be said under a table of quotations without judging: words of one side only, sentences that come near each
other, and whether the figures name anything in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from index_store import content_terms, sentences, terms

from .cells import Row, Source
from .citations import References, escape_markdown
from .sides import Side
from .wording import names, quantities

_NEAR = 0.5  # cosine of two sentences that are worth reading side by side
_WORDS = 4
_SHORTEST = 4  # letters of a word that is worth naming
_FIGURES = 3


Frequencies = Callable[[Sequence[str]], Mapping[str, int]]
"""How many papers of the collection hold each of the given terms."""


def written(
    sides: Sequence[Side], rows: Sequence[Row], frequencies: Frequencies, references: References
) -> Iterator[str]:
    """The remarks as Markdown with markers; nothing where fewer than two sides have papers."""
    present = [side for side in sides if any(hit.sentences for hit in side.hits)]  # a title alone says too little
    if len(present) < 2:
        return
    yield from _differs(present, frequencies, references)
    yield from _agrees(present, references)
    yield from _figures(sides, rows, references)


def _differs(sides: Sequence[Side], frequencies: Frequencies, references: References) -> Iterator[str]:
    told = {side.name: _words(side) for side in sides}
    known = frequencies(sorted({term for words in told.values() for term in words}))
    parts = []
    for side in sides:
        others = {term for name, words in told.items() if name != side.name for term in words}
        # what a side says often and the collection seldom
        weights = {term: count / known[term] for term, (count, _) in told[side.name].items() if term not in others}
        own = sorted(weights, key=lambda term: (-weights[term], term))[:_WORDS]
        if own:
            shown = ", ".join(escape_markdown(told[side.name][term][1]) for term in own)
            parts.append(f"{escape_markdown(side.name)}: *{shown}* {_marker(_holding(side, own), references)}")
    if len(parts) > 1:
        yield f"**What differs.** Words that only one side's abstracts use again and again: {'; '.join(parts)}.\n\n"


def _agrees(sides: Sequence[Side], references: References) -> Iterator[str]:
    """The two sentences of two sides and two papers that are nearest in meaning."""
    pairs = [
        (float(one.vector @ other.vector), Source(first.paper, one.sentence), Source(second.paper, other.sentence))
        for left, right in combinations(sides, 2)
        for first in left.hits[:2]
        for second in right.hits[:2]
        if first.paper.id != second.paper.id
        for one in first.sentences
        for other in second.sentences
    ]
    if not pairs:
        return
    cosine, one, other = max(pairs, key=lambda pair: pair[0])
    if cosine >= _NEAR:
        yield "**What agrees.** The two sentences that come nearest to each other:\n\n"
        for source in (one, other):
            yield f"> {escape_markdown(source.sentence.text)} {_marker(source, references)}\n>\n"
        yield "\n"


def _figures(sides: Sequence[Side], rows: Sequence[Row], references: References) -> Iterator[str]:
    """Whether the sentences with figures that stand in the table name the same data, models or measures."""
    given: dict[int, list[Source]] = {}
    for row in rows:
        for place, cell in enumerate(row.cells):
            given.setdefault(place, []).extend(source for source in cell if _measures(source))
    sources = {sides[place].name: found[0] for place, found in given.items() if found}
    if len(sources) < 2:
        return
    own = {name.casefold() for side in sides for name in (*names(side.name), side.name)}
    named = {
        side: {name for name in names(source.sentence.text) if name.casefold() not in own}
        for side, source in sources.items()
    }
    shown = "; ".join(
        f"{escape_markdown(side)}: {_written(source)}{_on(named[side])} {_marker(source, references)}"
        for side, source in sources.items()
    )
    common = set.intersection(*({name.casefold() for name in found} for found in named.values()))
    if common:
        same = ", ".join(
            escape_markdown(name)
            for name in sorted(name for name in next(iter(named.values())) if name.casefold() in common)
        )
        verdict = f"All of them name {same}; the settings may still differ."
    else:
        verdict = "These sentences name no data or model in common, so their figures are not comparable as they stand."
    yield f"**Figures.** {shown}. {verdict}\n\n"


def _measures(source: Source) -> bool:
    return any(quantity.unit for quantity in quantities(source.sentence.text))


def _written(source: Source) -> str:
    found = [quantity.written.strip() for quantity in quantities(source.sentence.text) if quantity.unit]
    return ", ".join(dict.fromkeys(found[:_FIGURES]))


def _on(found: set[str]) -> str:
    return f" with {', '.join(escape_markdown(name) for name in sorted(found)[:_FIGURES])}" if found else ""


def _words(side: Side) -> Mapping[str, tuple[int, str]]:
    """For each naming term of a side's abstracts: how often it is there, and how it is written."""
    text = " ".join(f"{hit.paper.display_title} {hit.paper.abstract}" for hit in side.hits)
    own = {term for hit in side.hits[:1] for term in terms(side.name)}
    found: dict[str, tuple[int, str]] = {}
    for word in text.split():
        bare = word.strip(".,;:()[]\"'“”*")
        if len(bare) < _SHORTEST or not bare.replace("-", "").isalpha():
            continue
        for term in content_terms(bare):
            if term not in own:
                count, shown = found.get(term, (0, bare))
                found[term] = (count + 1, min(shown, bare, key=lambda form: (form != form.lower(), len(form))))
    return {term: pair for term, pair in found.items() if pair[0] > 1}


def _holding(side: Side, wanted: Sequence[str]) -> Source:
    """The sentence of a side that holds most of the words."""
    found = [Source(hit.paper, sentence) for hit in side.hits for sentence in sentences(hit.paper.abstract)]
    return max(found, key=lambda source: len(set(terms(source.sentence.text)) & set(wanted)))


def _marker(source: Source, references: References) -> str:
    return f"[{references.key(source.paper.id)}.{source.sentence.number}]"
