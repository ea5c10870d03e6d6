"""Gradio's blocks, without the work that Gradio does for what stays as it is."""

from copy import copy
from typing import Any

import gradio as gr
from gradio.block_function import BlockFunction
from gradio.state_holder import SessionState


class Blocks(gr.Blocks):
    """A page whose handlers pay for the outputs that they change only.

    Gradio 6.31 makes every output of a handler anew, with its whole configuration, whenever the handler yields, and
    those too that stay as they are. With fifty answers painted at once that was a third of what the server did.
    """

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
        made = iter(await super().postprocess_data(narrowed, changed, state) if changed else ())
        return [
            next(made) if output in changed else None if output.stateful else gr.skip() for output in block_fn.outputs
        ]


def _by_output(predictions: dict[Any, Any]) -> bool:
    return bool(predictions) and all(isinstance(key, gr.blocks.Block) for key in predictions)


def _stays(value: Any) -> bool:
    return isinstance(value, dict) and value == gr.skip()
