"""The plan as a language model reads it: the message made to stand alone, the kind of answer, subjects and topic."""

import asyncio
import json
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from .answer import history
from .conversations import Conversation
from .errors import LLMError
from .intent import MOST_SUBJECTS, clean_subject
from .llm import Call, LanguageModel
from .prompts import Prompts
from .routing import Mode, Plan
from .streams import until_stopped

_log = logging.getLogger(__name__)
_TOKENS = 300
_HISTORY_TOKENS = 1500
_LONGEST_SUBJECT = 120  # characters
# Words that questions in the commonest other languages can hardly do without, and English ones never hold.
_FOREIGN = frozenset(
    "der das und von sich wie wer ist ein eine einen dem den für zwischen welche welcher unterscheidet fasse zusammen "
    "le les des une est que quelle quelles comment résume sur entre différence avec dans "
    "el los las una qué cómo cuál resume sobre diferencia con il gli che come riassumi tra differenza della delle "
    "os um uma como quais resuma het een van tussen wat hoe verschil".split()
)
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_REPAIR = "That is not the line of JSON that was asked for. Answer again with that line alone."


def is_foreign(message: str) -> bool:
    """Whether a message is in another language than English, which the rules cannot read."""
    words = re.findall(r"[^\W\d_]+", message.lower())
    strange = sum(any(ord(letter) > 0x24F for letter in word) and len(word) > 2 for word in words)
    return 2 * strange > len(words) or sum(word in _FOREIGN for word in words) > 1


async def read_again(
    plan: Plan, conversation: Conversation, model: LanguageModel, prompts: Prompts, stop: asyncio.Event, longest: int
) -> tuple[Plan, list[Call]]:
    """The plan of the rules with what the model reads better, and the calls it took.

    An answer that is no JSON is asked for once more; where that fails too, or the server does, the rules' plan stands.
    """
    past = history(conversation, model.count_tokens, _HISTORY_TOKENS)
    lines = [f"{message.role.value}: {message.content}" for message in past]
    prompt = prompts.render("plan", history="\n".join(lines) or "(none)", message=plan.question)
    messages, calls = [ChatMessage(role=MessageRole.USER, content=prompt)], list[Call]()
    for _ in range(2):
        call, text = Call(), ""
        calls.append(call)
        try:
            async with aclosing(until_stopped(model.stream(messages, call, max_tokens=_TOKENS), stop)) as pieces:
                text = "".join([piece async for piece in pieces])
        except LLMError as error:
            # A server that is really gone will fail the answer itself.
            _log.warning("the question could not be read by the model: %s", error)
            break
        if (found := _json(text)) is not None:
            return merged(plan, found, longest), calls
        if stop.is_set():
            break
        messages = [
            *messages,
            ChatMessage(role=MessageRole.ASSISTANT, content=text or "(nothing)"),
            ChatMessage(role=MessageRole.USER, content=_REPAIR),
        ]
    return plan, calls


def merged(plan: Plan, found: Mapping[str, Any], longest: int) -> Plan:
    """The plan with a model's reading of the message where that has the right form.

    The reader's own choice of the mode stands, and so does a comparison or summary that the rules are sure of.
    """
    standalone = " ".join(found["question"].split()) if isinstance(found.get("question"), str) else ""
    if standalone and len(standalone) <= longest:
        plan = replace(plan, standalone=standalone)
    kind, mode = found.get("kind"), plan.mode
    subjects, aspects = _texts(found.get("subjects")), _texts(found.get("aspects"))
    if plan.automatic and mode is Mode.ASK and kind in (Mode.COMPARE, Mode.SUMMARISE):
        mode = Mode(kind)
    if mode is Mode.COMPARE and len(subjects) > 1:
        known = (*plan.subjects, *plan.left_out)
        if len(subjects) < len(known):
            subjects = (*subjects, *_forgotten(known, subjects))
        return replace(
            plan,
            mode=mode,
            subjects=subjects[:MOST_SUBJECTS],
            aspects=aspects or plan.aspects,
            left_out=subjects[MOST_SUBJECTS:],
        )
    if mode is Mode.COMPARE and not plan.subjects:
        return plan
    if mode is Mode.SUMMARISE and not plan.within and isinstance(found.get("topic"), str):
        topic = " ".join(found["topic"].split())[:_LONGEST_SUBJECT]
        # An empty topic means the collection; a model that merely forgot it is not believed.
        return replace(plan, mode=mode, topic=topic or plan.topic) if topic or plan.mode is mode else plan
    return plan


def _forgotten(known: Sequence[str], found: Sequence[str]) -> list[str]:
    """Subjects that the rules found and none of the model's holds: a side is not lost because a model forgot it."""
    return [
        name
        for name in known
        if not any(name.casefold() in other.casefold() or other.casefold() in name.casefold() for other in found)
    ]


def _texts(value: object) -> tuple[str, ...]:
    texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
    clean = [clean_subject(" ".join(text.split())[:_LONGEST_SUBJECT]) for text in texts]
    return tuple(dict.fromkeys(text for text in clean if text))


def _json(text: str) -> Mapping[str, Any] | None:
    """The object in a model's answer, or None."""
    found = _JSON.search(text)
    try:
        value = json.loads(found[0]) if found else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
