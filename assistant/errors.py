"""What can go wrong while answering, and what its reader can do about it.

    AssistantError          every message is one line: what happened, where, what to do
    ├── AddressUnavailable  the page's host or port cannot be used
    ├── InvalidQuestion     the question cannot be asked as it stands
    ├── InvalidHistory      a history or an exported conversation does not have the documented form
    ├── InvalidSettings     a setting is unknown or has a value that is not allowed
    ├── InvalidUser         a name or a password cannot be used, or there is no such user
    ├── UsersUnreadable     the file of the users cannot be read or written
    ├── SignInNeeded        the page would be open to others without sign-in
    ├── UnknownConversation no conversation, or no turn of one, has that id
    ├── ArchiveUnreadable   the file of the conversations cannot be opened, read or written
    └── LLMError            the language model or its server
        ├── ServerUnreachable   no server, no answer in time, or a connection that was cut   (try again)
        ├── ServerFailed        an error of the server, or an answer that cannot be read     (try again)
        ├── RateLimited         too many questions for the endpoint                          (try again)
        ├── EmptyAnswer         the model wrote nothing                                      (try again)
        ├── WrongKey            the endpoint refused the key
        ├── UnknownModel        the endpoint does not know the model
        ├── ContextTooSmall     question and papers do not fit
        └── AnswerBlocked       a content filter

`index_store` has its own tree, `LibraryError`; `describe` turns any of them into what the user reads.
"""

from dataclasses import dataclass

from index_store import EmbeddingError, LibraryError


class AssistantError(Exception):
    """A failure whose message is one line that a user can act on. `retryable`: the same turn may work later."""

    retryable = False


class AddressUnavailable(AssistantError):
    """The page's port is taken, or its host is not one of this machine."""


class InvalidQuestion(AssistantError):
    """The question is empty or longer than the limit in the settings."""


class InvalidHistory(AssistantError):
    """A conversation given from outside cannot be read."""


class InvalidSettings(AssistantError):
    """The environment, `.env` or `settings.toml` holds something that is not a setting."""


class InvalidUser(AssistantError):
    """A name or a password that cannot be used, or a user who is not there."""


class UsersUnreadable(AssistantError):
    """The file of the users, or the key beside it, cannot be read or written."""


class SignInNeeded(AssistantError):
    """The page would listen to other machines, and nobody has to sign in."""


class UnknownConversation(AssistantError):
    """No conversation, or no turn of one, has the id that was asked for."""


class ArchiveUnreadable(AssistantError):
    """The file of the conversations cannot be opened, read or written."""


class LLMError(AssistantError):
    """The language model or its server failed; quoting mode still works."""


class ServerUnreachable(LLMError):
    """No server, no answer in time, or a connection that was cut."""

    retryable = True


class ServerFailed(LLMError):
    """The server answered with an error, or with something that cannot be read."""

    retryable = True


class RateLimited(LLMError):
    """The endpoint takes no more questions for now."""

    retryable = True


class EmptyAnswer(LLMError):
    """The model wrote nothing."""

    retryable = True


class WrongKey(LLMError):
    """The endpoint refused the key."""


class UnknownModel(LLMError):
    """The endpoint does not know the model."""


class ContextTooSmall(LLMError):
    """The question and its papers do not fit into the model's context."""


class AnswerBlocked(LLMError):
    """A content filter refused the question or stopped the answer."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A failed turn as its reader sees it."""

    message: str
    retryable: bool


def describe(error: Exception) -> Problem:
    """What the user reads about an error. The log has the rest."""
    match error:
        case AssistantError():
            return Problem(str(error), error.retryable)
        case EmbeddingError():
            return Problem(str(error), retryable=True)
        case LibraryError():
            return Problem(str(error), retryable=False)
        case _:
            return Problem("Something went wrong inside the program; the terminal shows the details.", retryable=True)
