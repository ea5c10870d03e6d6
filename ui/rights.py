"""Who may do what: every function that the page exposes is told who asks, and refuses what is an admin's."""

import inspect
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, get_type_hints

import gradio as gr

from . import words
from .readers import reader_of
from .session import Desk

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FOR_ADMINS = "for_admins"
PARTS = "add adding sample model-panel collection-name collect uncollect remove-these remove-this undo-remove".split()
# Others do not see what they may not do; `who` says what may be done. One rule for each, as Gradio cuts at commas.
STYLE = "".join(f"body:not(:has([data-may=change])) #{part} {{ display: none !important; }}\n" for part in PARTS)


def for_admins(function: _Function) -> _Function:
    """Marks a function of the page as one that only an admin may call."""
    setattr(function, _FOR_ADMINS, True)
    return function


def guard(blocks: gr.Blocks) -> None:
    """Lets every function of the page check who asks before it does anything.

    Gradio's `api_visibility` hides a function and protects nothing: whoever posts its number runs it.
    """
    for each in blocks.fns.values():
        if each.fn is not None:
            each.fn = _guarded(each.fn)


def _guarded(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function behind a check, of the same kind: Gradio treats generators and coroutines each in their own way."""
    if inspect.isasyncgenfunction(function):

        async def painting(request: gr.Request, *given: Any) -> AsyncIterator[Any]:
            _check(function, request, given)
            async for updates in function(*given):
                yield updates

        return _signed(painting, function)
    if inspect.iscoroutinefunction(function):

        async def waiting(request: gr.Request, *given: Any) -> Any:
            _check(function, request, given)
            return await function(*given)

        return _signed(waiting, function)
    assert not inspect.isgeneratorfunction(function), "no function of the page is a generator without async"

    def doing(request: gr.Request, *given: Any) -> Any:
        _check(function, request, given)
        return function(*given)

    return _signed(doing, function)


def _check(function: Callable[..., Any], request: gr.Request, given: tuple[Any, ...]) -> None:
    """Raises `gr.Error` for what the reader may not do; tells the reader's desk who sits there."""
    if request.request is None:
        raise gr.Error(words.NOT_YOURS, print_exception=False)
    reader = reader_of(request.request)
    if getattr(function, _FOR_ADMINS, False) and not reader.admin:
        raise gr.Error(words.ADMINS_ONLY, print_exception=False)
    for desk in given:
        if isinstance(desk, Desk):
            if desk.reader and desk.reader.name != reader.name:
                raise gr.Error(words.NOT_YOURS, print_exception=False)
            desk.reader = reader


def _signed(wrapper: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """The wrapper with the parameters by which Gradio knows what to give, that of the request in front."""
    asked = inspect.Parameter("asked_by", inspect.Parameter.POSITIONAL_ONLY, annotation=gr.Request)
    known = inspect.signature(function)
    wrapper.__signature__ = known.replace(parameters=[asked, *known.parameters.values()])  # type: ignore[attr-defined]
    wrapper.__annotations__ = {**get_type_hints(function), "asked_by": gr.Request}
    wrapper.__name__ = getattr(function, "__name__", "function")
    return wrapper
