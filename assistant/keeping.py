"""A turn that is kept while it is written: from its question on, however it ends."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from .archive import Archive
from .conversations import Conversation, Outcome
from .draft import Draft
from .errors import ArchiveUnreadable
from .events import Done, Event, Failed
from .settings import Settings
from .streams import ahead

_log = logging.getLogger(__name__)
_NOT_KEPT = "This answer is not kept and will be gone after a reload. {problem}"


@dataclass(frozen=True, slots=True)
class Keeper:
    """Where the turns of one owner are kept. `opened` gives the archive, and raises `ArchiveUnreadable`."""

    settings: Settings
    opened: Callable[[], Archive]
    owner: str = ""

    @property
    def conversations(self) -> Archive:
        """The owner's conversations. Raises `ArchiveUnreadable`."""
        return self.opened().of(self.owner)


async def kept(
    turn: Callable[[Conversation], AsyncGenerator[Event, None]], before: Conversation, draft: Draft, keeper: Keeper
) -> AsyncGenerator[Event, None]:
    """The events of a turn behind the conversation `before`, kept there as it begins and as it ends.

    At first it is a stopped turn without a word, so that a killed process leaves the question. Where the reader leaves,
    what was written until then is kept. A turn that cannot be kept is shown all the same, with a note.
    """
    over = False
    try:
        before = await ahead(_begin, before, draft, keeper)
        draft.references = before.references
        async with aclosing(turn(before)) as events:
            async for event in events:
                if isinstance(event, Done | Failed):
                    event = await asyncio.to_thread(_end, event, keeper)
                    over = True
                yield event
    except (GeneratorExit, asyncio.CancelledError):
        if not over:
            ended = draft.ended or draft.broken_off(keeper.settings)
            # Not in a thread: who is cancelled a second time while waiting for it would lose the turn.
            _save(before.with_turn(ended, draft.references), keeper)
        raise


def _begin(before: Conversation, draft: Draft, keeper: Keeper) -> Conversation:
    """The conversation that the turn goes on from, with the numbers that were given elsewhere meanwhile."""
    asked = draft.turn(Outcome.STOPPED, keeper.settings)
    conversation, problem = _save(before.with_turn(asked, before.references), keeper)
    return before if problem else conversation.upto(draft.id)


def _end(event: Done | Failed, keeper: Keeper) -> Done | Failed:
    conversation, problem = _save(event.conversation, keeper)
    turn = conversation.turns[-1]
    if problem:
        turn = replace(turn, note=f"{turn.note} {_NOT_KEPT.format(problem=problem)}".strip())
        conversation = replace(conversation, turns=(*conversation.turns[:-1], turn))
    return replace(event, turn=turn, conversation=conversation)


def _save(conversation: Conversation, keeper: Keeper) -> tuple[Conversation, str]:
    """The conversation as it is kept, or as it was and why it is not."""
    try:
        return keeper.conversations.save(conversation), ""
    except ArchiveUnreadable as error:
        _log.warning("a turn is not kept: %s", error)
        return conversation, str(error)
