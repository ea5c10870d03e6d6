"""An answer without an LLM: the sentences of the best papers that answer the question, word for word.

Sentences are ranked by closeness in meaning and by the question's words they hold, and chosen one after the other so
that each adds something (maximal marginal relevance, Carbonell and Goldstein, SIGIR 1998).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from index_store import Paper, PaperHit, SearchResult, SentenceMatch

from .citations import References, escape_markdown
from .intent import Length

MAX_SENTENCES = {Length.SHORT: 2, Length.NORMAL: 6, Length.LONG: 12}
MAX_PAPERS = {Length.SHORT: 1, Length.NORMAL: 4, Length.LONG: 8}
MAX_SENTENCES_OF_PAPER = 3
_MEANING, _WORDS = 0.65, 0.35  # shares of a sentence's score
_RANK_BONUS = 0.08  # for a sentence of the first paper, falling with the rank
# A sentence is quoted when its score is at least this share of the best one's.
_NEAR_BEST = {Length.SHORT: 0.72, Length.NORMAL: 0.72, Length.LONG: 0.6}
_REPEATS = 0.35  # how much likeness to what is already chosen costs
_SAME = 0.9  # above this cosine two sentences say the same


@dataclass(frozen=True, slots=True)
class _Candidate:
    hit: PaperHit
    match: SentenceMatch
    score: float


def answer(result: SearchResult, references: References, length: Length = Length.NORMAL) -> Iterator[str]:
    """The answer in Markdown with markers, paper by paper; every quoted sentence is followed by its marker."""
    chosen = _choose(_candidates(result), length)
    by_paper: dict[str, list[_Candidate]] = {}
    for candidate in chosen:
        by_paper.setdefault(candidate.hit.paper.id, []).append(candidate)
    for candidates in by_paper.values():
        paper = candidates[0].hit.paper
        key = references.key(paper.id)
        yield f"**{escape_markdown(paper.display_title)}**\n\n"
        for candidate in sorted(candidates, key=lambda item: item.match.sentence.number):
            sentence = candidate.match.sentence
            yield f"> {escape_markdown(sentence.text)} [{key}.{sentence.number}]\n>\n"
        yield "\n"
    yield footer(len(by_paper), result.searched)


def refusal(said: str, nearest: Sequence[Paper], searched: int) -> Iterator[str]:
    """What is not there, in the words of `said`, and what the collection holds that comes nearest; nothing is cited."""
    if not searched:
        yield "**The collection is empty.** Add papers first, then ask again.\n"
        return
    looked_at = "1 paper was" if searched == 1 else f"{searched:,} papers were"
    yield f"**{said}** {looked_at} searched.\n\n"
    titles = [escape_markdown(paper.display_title) for paper in nearest]
    if titles:
        yield "The nearest topics here are:\n\n" + "".join(f"- {title}\n" for title in titles)


def footer(papers: int, searched: int) -> str:
    """The last line of an answer in quotations."""
    of = "1 paper" if papers == 1 else f"{papers} papers"
    return f"*Quoted word for word from {of} of the {searched:,} searched.*\n"


def _candidates(result: SearchResult) -> list[_Candidate]:
    found = [
        _Candidate(hit, match, _MEANING * match.similarity + _WORDS * match.overlap + _RANK_BONUS / hit.rank)
        for hit in result.hits
        for match in hit.sentences
    ]
    return sorted(found, key=lambda candidate: -candidate.score)


def _choose(candidates: list[_Candidate], length: Length) -> list[_Candidate]:
    chosen: list[_Candidate] = []
    near = _NEAR_BEST[length]
    remaining = [item for item in candidates if candidates and item.score >= near * candidates[0].score]
    while remaining and len(chosen) < MAX_SENTENCES[length]:
        best = max(remaining, key=lambda item: item.score - _REPEATS * _likeness(item, chosen) * item.score)
        remaining.remove(best)
        if _likeness(best, chosen) < _SAME and _has_room(best, chosen, MAX_PAPERS[length]):
            chosen.append(best)
    return chosen


def _likeness(candidate: _Candidate, chosen: list[_Candidate]) -> float:
    return max((float(candidate.match.vector @ other.match.vector) for other in chosen), default=0.0)


def _has_room(candidate: _Candidate, chosen: list[_Candidate], most: int) -> bool:
    papers = {item.hit.paper.id for item in chosen}
    of_this = sum(item.hit.paper.id == candidate.hit.paper.id for item in chosen)
    return of_this < MAX_SENTENCES_OF_PAPER and (candidate.hit.paper.id in papers or len(papers) < most)
