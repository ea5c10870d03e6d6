"""What the server writes of itself on stderr: plain lines or JSON, one line per turn, and never a secret."""

import json
import logging
from collections.abc import Iterable

from pythonjsonlogger.json import JsonFormatter

from .conversations import Turn
from .settings import Settings

_turns = logging.getLogger("assistant.turns")
_OURS = ("assistant", "index_store", "ui")
_QUOTING = ("openai", "httpx", "httpcore", "llama_index")  # at debug they write whole prompts, or may come to
_SHORTEST = 6  # characters of a secret that is looked for: a shorter one would be found everywhere
_FIELDS = ("asctime", "levelname", "name", "message")
_HIDDEN = "…"


def set_up_logging(settings: Settings) -> None:
    """Has everything that is logged go to stderr in the format of the settings."""
    names = " ".join(f"%({name})s" for name in _FIELDS)
    shown = {"asctime": "time", "levelname": "level", "name": "logger"}
    formatter = _Json(names, rename_fields=shown) if settings.log_format == "json" else _Plain(names)
    formatter.secrets = _forms(settings.secrets())
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    level = settings.log_level.upper()
    logging.basicConfig(level=level if level == "DEBUG" else logging.WARNING, handlers=[handler], force=True)
    for name in _OURS:
        logging.getLogger(name).setLevel(level)
    is_kept_back = level == "DEBUG" and not settings.log_questions  # elsewhere INFO would let them say more, not less
    for name in _QUOTING:
        logging.getLogger(name).setLevel(logging.INFO if is_kept_back else logging.NOTSET)


def log_turn(turn: Turn, owner: str, *, with_question: bool) -> None:
    """One line about a turn that is over; seconds are counted from when it was asked."""
    known = {
        "turn": turn.id,
        "kind": turn.plan.mode.value,
        "outcome": turn.outcome.value,
        **({"user": owner} if owner else {}),
        **({"model": turn.llm} if turn.llm else {}),
        "seconds": dict(turn.timings),
        "papers": len(turn.papers),
        "citations": len(turn.citations),
        "dropped": turn.dropped_markers,
        **({"question": turn.question} if with_question else {}),
    }
    said = " ".join(f"{name}={value}" for name, value in known.items() if name not in ("seconds", "question"))
    steps = " ".join(f"{name}={value}s" for name, value in turn.timings.items())
    asked = f" question={turn.question!r}" if with_question else ""
    _turns.info("turn over: %s %s%s", said, steps, asked, extra=known)


def _forms(secrets: Iterable[str]) -> list[str]:
    """Secrets as a line may hold them, the longest first: one may be a part of another, and JSON escapes quotes."""
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])}
    return sorted(forms, key=len, reverse=True)


class _Hiding(logging.Formatter):
    """The last line of defence: nothing puts a secret into a message, but a library that is not ours might."""

    secrets: Iterable[str] = ()

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self.secrets:
            if len(secret) >= _SHORTEST:
                line = line.replace(secret, _HIDDEN)
        return line


class _Plain(_Hiding):
    """One line for people; a trace has more."""


class _Json(_Hiding, JsonFormatter):
    """One line for machines."""
