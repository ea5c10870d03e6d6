"""Who may sign in: a file of names with hashes of passwords (argon2), and the key that sessions are signed with."""

import json
import os
import re
import secrets
import tempfile
import threading
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from filelock import FileLock

from .errors import InvalidUser, UsersUnreadable

SHORTEST, LONGEST = 10, 1000  # characters of a password
_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")
_OWNER_ONLY = 0o600
_HASHER = PasswordHasher()

_State = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class User:
    """One who may sign in. Admins change the library and see the settings."""

    name: str
    hash: str = field(repr=False)
    admin: bool = False

    @property
    def mark(self) -> str:
        """Changes with the password and tells nothing of it: the hash it is made from holds random salt."""
        return sha256(self.hash.encode()).hexdigest()[:32]


class Users:
    """The users file; what another process changes in it holds at once. Safe in threads.

    Every method raises `UsersUnreadable` where the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, threading.Lock()
        self._known: Mapping[str, User] = {}
        self._state: _State | None = None

    def all(self) -> Mapping[str, User]:
        """The users by their names, sorted."""
        with self._lock:
            state = self._now()
            if state is None or state != self._state:
                self._known, self._state = self._read() if state else {}, state
            return self._known

    def check(self, name: str, password: str) -> User | None:
        """The user, if that is the password. Takes as long for a name that is not there."""
        user = self.all().get(known_as(name))
        try:
            _HASHER.verify(user.hash if user else _nobody(), _normal(password[:LONGEST]))
        except (VerificationError, InvalidHashError):
            return None
        return user

    def add(self, name: str, password: str, *, admin: bool = False) -> None:
        """Adds a user. Raises `InvalidUser` if the name or the password will not do, or the name is taken."""
        name = known_as(name)
        if not _NAME.fullmatch(name):
            raise InvalidUser(
                f"{name!r} cannot be a user's name. It has up to 64 letters a to z, digits and the signs . _ @ + -, "
                "and begins with a letter or a digit."
            )
        user = User(name, _hashed(password), admin)

        def change(users: dict[str, User]) -> None:
            if name in users:
                raise InvalidUser(
                    f"There is a user {name} already; `research-assistant user passwd {name}` changes it."
                )
            users[name] = user

        self._change(change)

    def remove(self, name: str) -> None:
        """Removes a user, whose sessions end. Raises `InvalidUser` if there is none of that name."""
        self._change(lambda users: users.pop(self._present(users, name)))

    def set_password(self, name: str, password: str) -> None:
        """Changes a password; the user's sessions end. Raises `InvalidUser`."""
        hashed = _hashed(password)

        def change(users: dict[str, User]) -> None:
            known = self._present(users, name)
            users[known] = replace(users[known], hash=hashed)

        self._change(change)

    def _present(self, users: Mapping[str, User], name: str) -> str:
        known = known_as(name)
        if known not in users:
            raise InvalidUser(f"There is no user {known!r}; `research-assistant user list` shows who there is.")
        return known

    def _change(self, change: Callable[[dict[str, User]], object]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self._path}.lock", mode=_OWNER_ONLY):
            users = dict(self.all())
            change(users)
            listed = {name: asdict(users[name]) for name in sorted(users)}
            text = json.dumps({"version": 1, "users": listed}, indent=1)
            try:
                _write(self._path, text.encode())
            except OSError as error:
                raise UsersUnreadable(f"The users file {self._path} cannot be written ({error.strerror}).") from error

    def _now(self) -> _State | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsersUnreadable(f"The users file {self._path} cannot be read ({error.strerror}).") from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> Mapping[str, User]:
        try:
            kept = json.loads(self._path.read_bytes())
            return {str(name): User(**user) for name, user in kept["users"].items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsersUnreadable(
                f"The users file {self._path} cannot be read ({type(error).__name__}). Put a copy in its place, or "
                "move it away and add the users anew with `research-assistant user add`."
            ) from error


@cache
def _nobody() -> str:
    """What the password of an unknown user is compared with."""
    return _HASHER.hash(secrets.token_hex())


def known_as(name: str) -> str:
    """The name as it is kept: without regard to case and to spaces around it."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def signing_key(users: Path) -> bytes:
    """The key beside a users file, made when it is first asked for. Raises `UsersUnreadable`."""
    path = users.with_suffix(".key")
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, secrets.token_hex(32).encode(), replaces=False)
        key = path.read_bytes().strip()
    except OSError as error:
        raise UsersUnreadable(f"The key {path} of the sessions cannot be used ({error.strerror}).") from error
    if len(key) < 32:
        raise UsersUnreadable(f"The key {path} of the sessions is damaged. Remove it, then everybody signs in again.")
    return key


def _hashed(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidUser(f"A password has {SHORTEST} to {LONGEST:,} characters.")
    return _HASHER.hash(_normal(password))


def _normal(password: str) -> str:
    """The same for every way to type a letter with its accents."""
    return unicodedata.normalize("NFKC", password)


def _write(path: Path, content: bytes, *, replaces: bool = True) -> None:
    """Writes a file at once and for its owner only; one that may not be replaced is left to whoever was first."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner only
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if replaces:
            os.replace(name, path)
        else:
            with suppress(FileExistsError):
                os.link(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)
