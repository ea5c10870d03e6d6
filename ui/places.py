"""How many turns are written at once, on this server and by one user; who comes later waits in a line."""

from collections import Counter
from dataclasses import dataclass


@dataclass(eq=False)
class Ticket:
    """A turn in the line, or past it once it was `called`."""

    owner: str
    called: bool = False


class Places:
    """A line in the order of asking. Who has as many turns running as one may is passed over by the others."""

    def __init__(self, at_once: int, per_user: int) -> None:
        """`per_user` holds for those who are signed in; without sign-in nobody knows who is one user."""
        self._at_once, self._per_user = at_once, per_user
        self._running: Counter[str] = Counter()
        self._waiting: list[Ticket] = []

    def take(self, owner: str) -> Ticket:
        """A place in the line; called at once if there is room."""
        ticket = Ticket(owner)
        self._waiting.append(ticket)
        self._call()
        return ticket

    def ahead(self, ticket: Ticket) -> int:
        """How many in the line are before it."""
        return self._waiting.index(ticket)

    def leave(self, ticket: Ticket) -> None:
        """Ends a turn, or gives up waiting for it."""
        if ticket.called:
            self._running[ticket.owner] -= 1
            self._running += Counter()  # forgets who has none
        else:
            self._waiting.remove(ticket)
        self._call()

    def _call(self) -> None:
        for ticket in list(self._waiting):
            if self._running.total() >= self._at_once:
                return
            if not ticket.owner or self._running[ticket.owner] < self._per_user:
                ticket.called = True
                self._waiting.remove(ticket)
                self._running[ticket.owner] += 1
