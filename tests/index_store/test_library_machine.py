"""Adding, updating, removing, reopening and rebuilding in any order, against a plain dictionary."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from index_store import AddReport, Embedder, Library, Paper, Ranking, State, passages, search

NUMBERS = st.integers(0, 2)
LENGTHS = st.sampled_from([1, 30])  # one passage, or several


def token(number: int, version: int) -> str:
    """A word that only one version of one paper holds."""
    return f"word{number}x{version}"


def make_paper(number: int, version: int, length: int) -> Paper:
    title = f"Paper number {number}"
    return Paper(title, " ".join(f"This sentence speaks of {token(number, version)}." for _ in range(length)))


class LibraryMachine(RuleBasedStateMachine):
    """`papers` is the model: what was put last under each number.

    `pending` are the numbers not yet indexed by meaning.
    """

    def __init__(self, home: Path, embedder: Embedder) -> None:
        super().__init__()
        self.home, self.embedder = home, embedder
        self.library = Library(home, embedder)
        self.papers: dict[int, Paper] = {}
        self.versions: dict[int, int] = {}
        self.pending: set[int] = set()

    def teardown(self) -> None:
        self.library.close()

    def put(self, number: int, paper: Paper) -> AddReport:
        self.papers[number] = paper
        self.pending.add(number)
        return self.library.add_records([paper])

    def stored_ids(self, numbers: set[int]) -> set[str]:
        titles = {self.papers[number].title for number in numbers}
        return {paper.id for paper in self.library.catalogue.page() if paper.title in titles}

    @initialize(length=LENGTHS)
    def start_with_papers(self, length: int) -> None:
        for number in range(3):
            self.add_or_update(number, length, index=number == 2)

    @rule(number=NUMBERS, length=LENGTHS, index=st.booleans())
    def add_or_update(self, number: int, length: int, index: bool) -> None:
        known = number in self.papers
        version = self.versions[number] = self.versions.get(number, 0) + 1
        report = self.put(number, make_paper(number, version, length))
        assert (report.new, report.updated) == ((0, 1) if known else (1, 0))
        if index:
            self.index()

    @precondition(lambda self: self.papers)
    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        paper = self.papers[data.draw(st.sampled_from(sorted(self.papers)))]
        assert self.library.add_records([paper]) == AddReport(same=1)

    @precondition(lambda self: self.papers)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.papers)))
        self.library.remove(sorted(self.stored_ids({number})))
        del self.papers[number]
        self.pending.discard(number)

    def index(self) -> None:
        assert self.library.index() == len(self.pending)
        self.pending = set()

    @rule()
    def reopen(self) -> None:
        self.library.close()
        self.library = Library(self.home, self.embedder)

    @rule()
    def rebuild(self) -> None:
        self.library.close()
        self.library = Library(self.home, self.embedder, rebuild=True)
        self.pending = set(self.papers)  # their words are indexed again as it is opened

    @invariant()
    def the_catalogue_holds_the_papers(self) -> None:
        stored = {paper.title: paper.abstract for paper in self.library.catalogue.page()}
        assert stored == {paper.title: paper.abstract for paper in self.papers.values()}
        assert set(self.library.catalogue.ids(State.PENDING)) == self.stored_ids(self.pending)

    @invariant()
    def both_indexes_hold_what_is_indexed_and_nothing_removed(self) -> None:
        indexed, all_papers = self.stored_ids(set(self.papers) - self.pending), self.stored_ids(set(self.papers))
        assert indexed <= self.library.vectors.ids() <= all_papers
        assert self.library.lexicon.ids() == self.stored_ids(set(self.papers))
        if not self.pending:
            assert self.library.vectors.count == sum(len(passages(paper.abstract)) for paper in self.papers.values())

    @invariant()
    def a_paper_is_found_by_its_own_word_from_its_adding_on_and_no_other_by_it(self) -> None:
        for number in set(self.papers):
            abstracts = {
                ranking: [
                    hit.paper.abstract
                    for hit in search(self.library, token(number, self.versions[number]), 5, ranking=ranking).hits
                ]
                for ranking in (Ranking.WORDS, Ranking.FUSED)
            }
            assert abstracts[Ranking.WORDS] == [self.papers[number].abstract]
            assert self.papers[number].abstract in abstracts[Ranking.FUSED]

    @invariant()
    def nothing_else_is_ever_found(self) -> None:
        for ranking in Ranking:
            hits = search(self.library, "this sentence speaks of a paper", 9, ranking=ranking).hits
            assert {hit.paper.title for hit in hits} <= {paper.title for paper in self.papers.values()}

    @invariant()
    def a_text_that_was_replaced_or_removed_is_not_found_by_its_words(self) -> None:
        for number, version in self.versions.items():
            gone = version if number not in self.papers else version - 1
            assert not search(self.library, token(number, gone), 5, ranking=Ranking.WORDS).hits


def test_any_order_of_changes_leaves_the_library_as_a_dictionary_would_be(
    tmp_path_factory: pytest.TempPathFactory, make_embedder: Callable[..., Embedder]
) -> None:
    run_state_machine_as_test(
        lambda: LibraryMachine(tmp_path_factory.mktemp("machine"), make_embedder()),
        # A failure is twelve steps at most: reading them takes less time than looking for fewer.
        settings=settings(max_examples=8, stateful_step_count=12, phases=[Phase.generate]),
    )
