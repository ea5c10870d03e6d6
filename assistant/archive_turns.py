"""The turns of a conversation that is kept: a tree, of which one path is shown, with one row of numbers for all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session

from . import archive_search as words
from .archive_file import ConversationRow, OfferedRow, TurnRow
from .citations import Citation, Piece, References
from .conversations import Conversation, Turn, new_id
from .errors import UnknownConversation
from .turn_json import dump_paper, dump_turn, load_paper, load_turn

_OFFER = text(
    "INSERT INTO offered (conversation, place, paper, body) VALUES (:conversation, :place, :paper, :body) "
    "ON CONFLICT (conversation, place) DO UPDATE SET paper = excluded.paper, body = excluded.body"
)

Tree = dict[str, TurnRow]
"""The turns of a conversation by their ids, in the order of asking."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation as it is shown.

    `versions` has, for each turn shown that was asked anew or edited, the ids of all its versions in the order of
    asking.
    """

    conversation: Conversation
    title: str
    versions: Mapping[str, tuple[str, ...]]


def opened(session: Session, row: ConversationRow, title: str) -> Opened:
    """The conversation with the path that is shown."""
    tree = _tree(session, row.id)
    path = [*_path(row, tree)]
    shown = [turn.number for turn in path]
    bodies = session.scalars(select(TurnRow.body).where(TurnRow.number.in_(shown)).order_by(TurnRow.number)).all()
    # A child is always asked after its parent, so that the order of asking is that of the path.
    turns = tuple(load_turn(body) for body in bodies)
    return Opened(Conversation(turns, _references(session, row), row.id), title, _versions(tree, path))


def versions(session: Session, row: ConversationRow) -> Mapping[str, tuple[str, ...]]:
    """The versions of the turns that are shown, as `Opened` has them."""
    tree = _tree(session, row.id)
    return _versions(tree, [*_path(row, tree)])


def shown(session: Session, row: ConversationRow) -> tuple[str, ...]:
    """The ids of the turns that are shown, in order."""
    return tuple(turn.id for turn in _path(row, _tree(session, row.id)))


def turn_ids(session: Session, numbers: Sequence[int]) -> Mapping[int, str]:
    """The ids of turns by the numbers of their rows."""
    query = select(TurnRow.number, TurnRow.id).where(TurnRow.number.in_(numbers))
    return {row.number: row.id for row in session.execute(query)}


def is_kept(session: Session, row: ConversationRow, turn: Turn) -> bool:
    """Whether the turn is there already, whatever it was then."""
    query = select(TurnRow.number).where(TurnRow.conversation == row.id, TurnRow.id == turn.id)
    return session.scalars(query).first() is not None


def choose(session: Session, row: ConversationRow, turn_id: str) -> None:
    """Shows a turn, and behind it what was shown there last. Raises `UnknownConversation` for one that is not there."""
    tree = _tree(session, row.id)
    if turn_id not in tree:
        raise UnknownConversation("This version of the conversation is not there any more.")
    while turn_id:
        parent = tree[turn_id].parent
        _show(row, tree, parent, turn_id)
        turn_id = parent
    row.length = len([*_path(row, tree)])


def keep_turns(session: Session, row: ConversationRow, turns: Sequence[Turn]) -> None:
    """Keeps the last turn and those before it that are not there, and shows them."""
    tree, parent = _tree(session, row.id), ""
    for turn in turns:
        known = tree.get(turn.id)
        if known is not None and known.parent != parent:
            raise ValueError(f"the turn {turn.id} is kept behind another turn")
        if known is None:
            known = tree[turn.id] = TurnRow(conversation=row.id, id=turn.id, parent=parent, chosen="", body="")
            session.add(known)
        if turn is turns[-1] or not known.number:
            known.body = dump_turn(turn)
            session.flush()
            words.index(session, known.number, row.id, words.said(turn))
        _show(row, tree, parent, turn.id)
        parent = turn.id
    row.length = len([*_path(row, tree)])


def erase(session: Session, row: ConversationRow) -> None:
    """Deletes a conversation with all that is kept of it."""
    session.execute(text("DELETE FROM words WHERE conversation = :id"), {"id": row.id})
    session.execute(delete(TurnRow).where(TurnRow.conversation == row.id))
    session.execute(delete(OfferedRow).where(OfferedRow.conversation == row.id))
    session.delete(row)
    session.flush()


def _tree(session: Session, conversation: str) -> Tree:
    found = session.scalars(select(TurnRow).where(TurnRow.conversation == conversation).order_by(TurnRow.number))
    return {turn.id: turn for turn in found}


def _path(row: ConversationRow, tree: Tree) -> Iterator[TurnRow]:
    """The turns that are shown, in order."""
    shown = row.root
    while shown:
        yield tree[shown]
        shown = tree[shown].chosen


def _versions(tree: Tree, path: Sequence[TurnRow]) -> Mapping[str, tuple[str, ...]]:
    of_parent: dict[str, list[str]] = {}
    for turn in tree.values():
        of_parent.setdefault(turn.parent, []).append(turn.id)
    return {turn.id: tuple(siblings) for turn in path if len(siblings := of_parent[turn.parent]) > 1}


def _show(row: ConversationRow, tree: Tree, parent: str, turn_id: str) -> None:
    """Makes a turn the one that is shown behind its parent."""
    if parent:
        tree[parent].chosen = turn_id
    else:
        row.root = turn_id


# -- references -------------------------------------------------------------------------------------------------------


def keep_references(session: Session, row: ConversationRow, conversation: Conversation) -> References:
    """Keeps what a conversation may cite; returns it with what other pages were given meanwhile.

    Papers that the last turn found are kept as they are now.
    """
    given = conversation.references
    query = select(OfferedRow.paper).where(OfferedRow.conversation == row.id).order_by(OfferedRow.place)
    known = session.scalars(query).all()
    merged = given if _goes_on(given, known, row) else _merged(_references(session, row), given)
    last = conversation.turns[-1]
    fresh = {paper.id for paper in (*last.papers, *(citation.paper for citation in last.citations))}
    rows = [
        {"conversation": row.id, "place": place, "paper": paper.id, "body": dump_paper(paper)}
        for place, paper in enumerate(merged.offered)
        if place >= len(known) or paper.id in fresh
    ]
    if rows:
        session.execute(_OFFER, rows)
    row.cited, row.reserved = merged.cited, merged.reserved
    return merged


def with_numbers(conversation: Conversation, references: References) -> tuple[Turn, ...]:
    """The turns with the keys and numbers of these references, and each with an id."""
    turns = tuple(turn if turn.id else replace(turn, id=new_id()) for turn in conversation.turns)
    if references is conversation.references:
        return turns
    return tuple(replace(turn, pieces=tuple(_numbered(piece, references) for piece in turn.pieces)) for turn in turns)


def _goes_on(given: References, known: Sequence[str], row: ConversationRow) -> bool:
    """Whether nobody else gave a key or a number since the conversation was opened."""
    return (
        [paper.id for paper in given.offered[: len(known)]] == [*known]
        and given.cited[: len(row.cited)] == tuple(row.cited)
        and (given.reserved == row.reserved or not (known or row.cited or row.reserved))
    )


def _merged(kept: References, given: References) -> References:
    """What was kept first, with what was given beside it."""
    kept = kept.offer(given.offered)
    for paper_id in given.cited:
        if paper_id:
            kept, _ = kept.cite(paper_id)
    return kept


def _numbered(piece: Piece, references: References) -> Piece:
    if not isinstance(piece, Citation):
        return piece
    return replace(piece, number=references.cite(piece.paper.id)[1], key=references.key(piece.paper.id))


def _references(session: Session, row: ConversationRow) -> References:
    query = select(OfferedRow.body).where(OfferedRow.conversation == row.id).order_by(OfferedRow.place)
    return References(tuple(map(load_paper, session.scalars(query))), tuple(row.cited), row.reserved)
