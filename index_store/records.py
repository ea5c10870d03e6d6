"""What sources say of a paper, one record each, and what their records make of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from .papers import Paper, author_key, listed_text, title_key
from .rows import FIELDS, State, next_change, parts, present, removal, rows_at, searched_by
from .sample import SOURCE as SAMPLE
from .schema import PaperRow, RecordRow

_PREPRINT_SERVERS = ("arxiv", "corr", "biorxiv", "medrxiv", "ssrn", "openreview", "preprint", "research square")


def records_of(session: Session, positions: Sequence[int]) -> Iterator[tuple[int, Paper]]:
    """The records of the papers at these positions, the latest last."""
    for part in parts(positions):
        statement = select(RecordRow.position, RecordRow.record_id, RecordRow.fields)
        for row in session.execute(statement.where(RecordRow.position.in_(part)).order_by(RecordRow.number)):
            known: Mapping[str, Any] = row.fields
            yield row.position, Paper.from_dict({**known, "id": row.record_id, "sources": (), "collections": ()})


def record_values(position: int, record: Paper) -> dict[str, Any]:
    """The columns of the row of a record."""
    return {
        "position": position,
        "source": record.source,
        "record_id": record.id,
        "doi": record.doi,
        "arxiv_id": record.arxiv_id,
        "title_key": title_key(record.title),
        "fields": record.to_dict(),
    }


def merged(records: Sequence[Paper]) -> Paper:
    """What the records of one paper make of it; they are in the order in which they came.

    A published record goes before a preprint's and a later one before an earlier, except that the longest abstract
    and the fullest list of authors win. The sample's texts give way to every other.
    """
    own = [record for record in records if record.source != SAMPLE] or list(records)
    best_first = sorted(own, key=lambda record: (_is_published(record), own.index(record)), reverse=True)
    fields = {
        name: next((value for record in best_first if (value := getattr(record, name))), getattr(own[0], name))
        for name in ("title", "year", "venue", "doi", "arxiv_id", "url")
    }
    abstract = max((record.abstract for record in best_first), key=len)
    authors = max((record.authors for record in best_first), key=lambda names: len("".join(names)))
    sources = tuple(dict.fromkeys(record.source for record in records if record.source))
    return Paper(abstract=abstract, authors=authors, source="".join(sources[:1]), sources=sources, **fields)


def fill(session: Session, row: PaperRow, records: Sequence[Paper]) -> None:
    """Writes what the records make of a paper; both indexes are behind from now on if they hold what has changed."""
    paper = merged(records)
    if row.state not in (State.PENDING, State.INDEXED) or searched_by(row) != searched_by(paper):
        row.state, row.worded, row.revision, row.removed_at = State.PENDING, False, (row.revision or 0) + 1, None
        row.change = next_change(session)
    for name in FIELDS:
        setattr(row, name, getattr(paper, name))
    row.title_key, row.content_hash = title_key(paper.title), paper.content_hash
    row.first_author = author_key(paper.authors)
    row.listed = listed_text(paper.title, paper.authors, paper.venue, paper.doi, paper.arxiv_id)


def take_away(session: Session, source: str) -> list[str]:
    """Forgets all records of a source; returns the ids of the papers that came from no other, which are removed."""
    positions = [*session.scalars(select(RecordRow.position).where(RecordRow.source == source).distinct())]
    left: dict[int, list[Paper]] = {position: [] for position in positions}
    for position, record in records_of(session, positions):
        if record.source != source:
            left[position].append(record)
    gone: list[str] = []
    for part in parts(positions):
        for row in session.scalars(rows_at(part).where(present())):
            if not left[row.position]:
                gone.append(row.id)
            else:
                fill(session, row, left[row.position])
    kept = [position for position, records in left.items() if records]
    for part in parts(kept):
        session.execute(delete(RecordRow).where(RecordRow.position.in_(part), RecordRow.source == source))
    for part in parts(gone):
        session.execute(update(PaperRow).where(PaperRow.id.in_(part)).values(**removal(session)))
    return gone


def _is_published(record: Paper) -> bool:
    """Whether it describes a paper in a journal or at a conference, rather than a preprint."""
    venue = record.venue.casefold()
    return bool(record.doi or venue) and not any(name in venue for name in _PREPRINT_SERVERS)
