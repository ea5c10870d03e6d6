"""What the library looks like to a reader: lists, sources, and named collections of papers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import delete, func, literal, select
from sqlalchemy.orm import Session

from .database import Database
from .engines import inserting
from .filters import Filter
from .listing import Listing, Order, Selection, chosen, ordered
from .papers import Paper
from .rows import as_paper, parts, present
from .schema import CollectedRow, PaperRow, RecordRow


class Shelf(Database):
    """The part of the catalogue that is read by lists, and the collections that a reader makes."""

    def listing(
        self,
        selection: Selection,
        order: Order = Order.ADDED,
        descending: bool = False,
        limit: int = 50,
        offset: int = 0,
    ) -> Listing:
        """One page of the papers that are selected, and how many there are in all."""
        conditions = chosen(selection)
        statement = select(PaperRow.position).where(*conditions).order_by(*ordered(order, descending))
        with self._transaction() as session:
            total = session.scalar(select(func.count()).select_from(PaperRow).where(*conditions)) or 0
            positions = [*session.scalars(statement.limit(limit).offset(offset))]
            shown = select(PaperRow).where(PaperRow.position.in_(positions))
            rows = {row.position: row for row in session.scalars(shown)}
            return Listing(tuple(as_paper(rows[position]) for position in positions), total)

    def selected_ids(self, selection: Selection) -> list[str]:
        """The ids of all papers that are selected, in the order they were added."""
        with self._transaction() as session:
            return [*session.scalars(select(PaperRow.id).where(*chosen(selection)).order_by(PaperRow.position))]

    def resolved(self, within: Filter) -> Filter:
        """The filter with its collection put as the ids of the papers in it."""
        if not within.collection:
            return within
        ids = self.selected_ids(Selection(collection=within.collection))
        named = ids if within.papers is None else [paper_id for paper_id in ids if paper_id in set(within.papers)]
        return replace(within, collection="", papers=tuple(named))

    def sources(self) -> dict[str, int]:
        """How many papers each source has a record of, by its name."""
        joined = PaperRow.position == RecordRow.position
        statement = select(RecordRow.source, func.count(RecordRow.position.distinct()).label("papers"))
        statement = statement.join(PaperRow, joined).where(present()).group_by(RecordRow.source)
        with self._transaction() as session:
            return {row.source: row.papers for row in session.execute(statement.order_by(RecordRow.source))}

    def count_from(self, source: str) -> int:
        """How many papers a source has a record of."""
        joined = PaperRow.position == RecordRow.position
        statement = select(func.count(RecordRow.position.distinct())).join(PaperRow, joined)
        with self._transaction() as session:
            return session.scalar(statement.where(present(), RecordRow.source == source)) or 0

    # -- collections ----------------------------------------------------------------------------------------------

    def collections(self) -> dict[str, int]:
        """How many papers each named collection has."""
        joined = PaperRow.position == CollectedRow.position
        statement = select(CollectedRow.name, func.count().label("papers")).join(PaperRow, joined).where(present())
        with self._transaction() as session:
            rows = session.execute(statement.group_by(CollectedRow.name).order_by(CollectedRow.name))
            return {row.name: row.papers for row in rows}

    def collections_of(self, paper_id: str) -> tuple[str, ...]:
        """The names of the collections that a paper is in."""
        statement = select(CollectedRow.name).join(PaperRow, PaperRow.position == CollectedRow.position)
        with self._transaction() as session:
            return tuple(session.scalars(statement.where(PaperRow.id == paper_id).order_by(CollectedRow.name)))

    def collect(self, name: str, paper_ids: Sequence[str]) -> int:
        """Puts papers into a named collection, made if need be; returns how many were not in it before."""
        found = 0
        with self._writing() as session:
            for part in parts(paper_ids):
                members = select(literal(name), PaperRow.position).where(PaperRow.id.in_(part), present())
                into = inserting(session, CollectedRow).from_select(["name", "position"], members)
                into = into.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
                found += max(0, session.connection().execute(into).rowcount)
        return found

    def uncollect(self, name: str, paper_ids: Sequence[str]) -> int:
        """Takes papers out of a named collection; returns how many were in it."""
        found = 0
        with self._writing() as session:
            for part in parts(paper_ids):
                positions = select(PaperRow.position).where(PaperRow.id.in_(part))
                gone = delete(CollectedRow).where(CollectedRow.name == name, CollectedRow.position.in_(positions))
                found += session.connection().execute(gone).rowcount
        return found

    def delete_collection(self, name: str) -> None:
        """Forgets a named collection; its papers stay."""
        with self._writing() as session:
            session.execute(delete(CollectedRow).where(CollectedRow.name == name))

    def rename_collection(self, old: str, new: str) -> None:
        """Gives a named collection another name; one that has it already takes the papers in."""
        with self._writing() as session:
            members = select(literal(new), CollectedRow.position).where(CollectedRow.name == old)
            into = inserting(session, CollectedRow).from_select(["name", "position"], members).on_conflict_do_nothing()
            session.connection().execute(into)
            if new != old:
                session.execute(delete(CollectedRow).where(CollectedRow.name == old))

    def each(self, selection: Selection, batch: int = 500) -> Iterator[Paper]:
        """The selected papers in the order they were added, with their collections, read in batches."""
        after = 0
        while True:
            with self._transaction() as session:
                conditions = (*chosen(selection), PaperRow.position > after)
                rows = session.scalars(
                    select(PaperRow).where(*conditions).order_by(PaperRow.position).limit(batch)
                ).all()
                if not rows:
                    return
                after = rows[-1].position
                papers = with_collections(session, rows)
            yield from papers


def with_collections(session: Session, rows: Sequence[PaperRow]) -> list[Paper]:
    """The papers of rows, each with the names of the collections that it is in."""
    collected: dict[int, list[str]] = {}
    for part in parts([row.position for row in rows]):
        of_rows = select(CollectedRow).where(CollectedRow.position.in_(part)).order_by(CollectedRow.name)
        for each in session.scalars(of_rows):
            collected.setdefault(each.position, []).append(each.name)
    return [replace(as_paper(row), collections=tuple(collected.get(row.position, ()))) for row in rows]
