"""Who is signed in, in a signed cookie; and which page of theirs a session of Gradio is."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from itsdangerous import BadSignature, URLSafeTimedSerializer

from assistant import User, Users, signing_key

_MOST = 20_000  # sessions of pages that are remembered; Gradio itself remembers 10,000


class Cookies:
    """The cookies of those who signed in with a password. Safe in threads."""

    def __init__(self, users: Users, path: Path, hours: float) -> None:
        self._users, self._path = users, path
        self.seconds = int(hours * 3600)

    def made(self, user: User) -> str:
        """A cookie's value for a user. Raises `UsersUnreadable`."""
        return self._signer().dumps([user.name, user.mark])

    def user(self, value: str) -> User | None:
        """Whose cookie it is: none of a user who is removed or has another password, nor one that is too old.

        Raises `UsersUnreadable`.
        """
        if not value:
            return None
        try:
            name, mark = self._signer().loads(value, max_age=self.seconds)
        except (BadSignature, ValueError):
            return None
        user = self._users.all().get(name)
        return user if user and user.mark == mark else None

    def _signer(self) -> URLSafeTimedSerializer:
        # Read each time: who removes the key signs everybody out.
        return URLSafeTimedSerializer(signing_key(self._path), salt="sign-in")


class Pages:
    """Whose page each of Gradio's session hashes is: that of whoever used it first. Safe in threads."""

    def __init__(self, is_alive: Callable[[str], bool]) -> None:
        """`is_alive` tells whether Gradio still keeps something of a session, which then stays whose it is."""
        self._is_alive, self._lock = is_alive, Lock()
        self._owners: OrderedDict[str, str] = OrderedDict()

    def belongs(self, session: str, name: str) -> bool:
        """Whether the session is this reader's; a new one is from now on."""
        with self._lock:
            owner = self._owners.setdefault(session, name)
            self._owners.move_to_end(session)
            if len(self._owners) > _MOST:
                gone = [each for each in self._owners if each != session and not self._is_alive(each)]
                for each in gone[: len(self._owners) - _MOST // 2]:
                    del self._owners[each]
            return owner == name
