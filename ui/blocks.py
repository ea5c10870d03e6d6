"""Gradio's blocks, without what Gradio does for nobody: it makes anew what stays, asks for a thread for each value,
and keeps statistics."""

from collections.abc import Iterable, Mapping, Set
from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState

# What these make of a value on its way is a comparison or a `str`, done sooner than a thread is asked for.
_LIGHT = (gr.Button, gr.Checkbox, gr.Dropdown, gr.HTML, gr.Radio, gr.Textbox)


class Blocks(gr.Blocks):
    """A page whose handlers pay for the outputs that they change only, and wait for no thread on the way.

    Gradio 6.31 makes every output of a handler anew, with its whole configuration, whenever the handler yields, and
    those too that stay as they are. With fifty answers painted at once that was a third of what the server did. It also
    has each value of an input and an output looked at in a thread of its own, one after the other: a question has a
    dozen, and beside busy threads each of them waits for its turn.
    """

    _waited_for: tuple[int, Set[Any]] = (0, frozenset())  # of so many handlers, the parts whose change one waits for

    def queue(self, *args: Any, **options: Any) -> "Blocks":
        """Gradio's queue, which looks for work a hundred times a second, not a thousand, and keeps no statistics.

        An idle page took a twentieth of a core, most of it for looking. Statistics of the last 10,000 handlers were
        made whenever one ended, for a page that is not open here: with fifty readers a seventh of what Python did.
        """
        super().queue(*args, **options)
        self._queue.sleep_when_free = 0.01
        self._queue.ANALYTICS_MAX_EVENTS = 0
        return self

    def get_state_ids_to_track(
        self, block_fn: BlockFunction, state: SessionState | None
    ) -> tuple[list[int], list[Any]]:
        """Those outputs whose changes a handler waits for.

        Gradio goes through all handlers at every paint, for each state that may be painted.
        """
        if self._waited_for[0] != len(self.fns):
            targets = (target for fn in self.fns.values() for target in fn.targets)
            self._waited_for = len(self.fns), {part for part, event in targets if event == "change"}
        waited_for = [block for block in block_fn.outputs if block._id in self._waited_for[1]]
        if not waited_for:
            return [], []
        narrowed = copy(block_fn)
        narrowed.outputs = waited_for
        tracked: tuple[list[int], list[Any]] = super().get_state_ids_to_track(narrowed, state)
        return tracked

    async def preprocess_data(
        self, block_fn: BlockFunction, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> list[Any]:
        """What a handler is given of what the page sent."""
        if not state or not block_fn.preprocess or block_fn.component_prop_inputs or not _are_light(block_fn.inputs):
            whole: list[Any] = await super().preprocess_data(block_fn, inputs, state, explicit_call)
            return whole
        bare = copy(block_fn)
        bare.preprocess = False
        given = await super().preprocess_data(bare, inputs, state, explicit_call)
        return [
            value if block.stateful else state[block._id].preprocess(value)
            for block, value in zip(block_fn.inputs, given, strict=True)
        ]

    async def postprocess_data(
        self, block_fn: BlockFunction, predictions: list[Any] | dict[Any, Any], state: SessionState | None
    ) -> list[Any]:
        """What is sent to the page of what a handler gave, one value for each of its outputs."""
        if not isinstance(predictions, dict) or not _by_output(predictions) or len(block_fn.outputs) < 2:
            whole: list[Any] = await super().postprocess_data(block_fn, predictions, state)
            return whole
        changed = {output: value for output, value in predictions.items() if not _stays(value)}
        narrowed = copy(block_fn)
        narrowed.outputs = [output for output in block_fn.outputs if output in changed]
        unknown = changed.keys() - set(narrowed.outputs)
        if unknown:
            raise ValueError(f"{block_fn.name} changes what is none of its outputs: {unknown}")
        if narrowed.postprocess and _are_light(changed) and not any(map(_is_update, changed.values())):
            changed, narrowed.postprocess = _made(changed, state), False
        made = iter(await super().postprocess_data(narrowed, changed, state) if changed else ())
        return [
            next(made) if output in changed else None if output.stateful else gr.skip() for output in block_fn.outputs
        ]


def _are_light(blocks: Iterable[Any]) -> bool:
    return all(block.stateful or isinstance(block, _LIGHT) for block in blocks)


def _made(changed: Mapping[Any, Any], state: SessionState | None) -> dict[Any, Any]:
    """The values as their components send them."""

    def of(block: Any) -> Any:
        return state[block._id] if state and block._id in state else block

    return {block: value if block.stateful else of(block).postprocess(value) for block, value in changed.items()}


def _by_output(predictions: dict[Any, Any]) -> bool:
    return bool(predictions) and all(isinstance(key, gr.blocks.Block) for key in predictions)


def _is_update(value: Any) -> bool:
    """Whether it changes more of a component than its value."""
    return isinstance(value, gr.blocks.Block) or (isinstance(value, dict) and "__type__" in value)


def _stays(value: Any) -> bool:
    return isinstance(value, dict) and value == gr.skip()
