"""What a handler leaves alone costs nothing, and everything else is as Gradio makes it."""

from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from gradio.state_holder import SessionState

from ui.blocks import Blocks

from .raw import call, functions, new_session

Sent = list[Any]


def page() -> tuple[Blocks, list[Any]]:
    with Blocks() as blocks:
        parts: list[Any] = [gr.HTML("one"), gr.Textbox("two"), gr.State("three"), gr.Dropdown(["a"], value="a")]
        blocks.load(lambda: None, None, parts)
    return blocks, parts


async def given(kind: type[gr.Blocks], changes: dict[int, Any]) -> tuple[Sent, Sent]:
    """What is sent to the page when the parts of these numbers change, and what the session then holds of them."""
    blocks, parts = page()
    session, function = SessionState(blocks), next(iter(blocks.fns.values()))
    values = {parts[at]: dict(value) if isinstance(value, dict) else value for at, value in changes.items()}
    sent = await kind.postprocess_data(blocks, function, values, session)
    for value in filter(lambda value: isinstance(value, dict), sent):
        value.pop("props", None)  # an HTML that stays is told so by Gradio as a property of its own
    changed = [part for part, value in values.items() if value != gr.skip()]
    props = [session[part._id] if part.stateful else session.config_values[part._id]["props"] for part in changed]
    return sent, [[one.get("value"), one.get("visible")] if isinstance(one, dict) else one for one in props]


@pytest.mark.parametrize(
    "changes",
    [
        {0: "<b>new</b>"},
        {0: "<b>new</b>", 2: "kept"},
        {1: gr.update(value="typed", visible=False), 0: gr.skip()},
        {3: gr.update(choices=["a", "b"]), 2: gr.update(value="kept")},
        {0: gr.skip(), 1: gr.skip()},
        {0: "a", 1: "b", 2: "c", 3: "a"},
    ],
)
async def test_what_changes_is_sent_and_kept_as_gradio_does_it(changes: dict[int, Any]) -> None:
    assert await given(Blocks, changes) == await given(gr.Blocks, changes)


@pytest.mark.parametrize("waits", [True, False])
async def test_the_change_of_a_state_is_looked_for_only_where_a_handler_waits_for_it(waits: bool) -> None:
    with Blocks() as blocks:
        count, shown = gr.State(0), gr.HTML()
        other = gr.State(0)
        blocks.load(lambda: (1, 1), None, [count, other])
        if waits:
            count.change(lambda: "told", None, shown)
    session, function = SessionState(blocks), next(iter(blocks.fns.values()))
    assert blocks.get_state_ids_to_track(function, session)[0] == ([count._id] if waits else [])
    told = await blocks.process_api(function, [], session)
    assert told["changed_state_ids"] == ([count._id] if waits else [])


async def test_what_stays_as_it_is_is_not_made_anew() -> None:
    blocks, parts = page()
    session, function = SessionState(blocks), next(iter(blocks.fns.values()))
    before = {part._id: session[part._id] for part in parts}
    await blocks.postprocess_data(function, {parts[0]: "new", parts[1]: gr.skip()}, session)
    assert all(session[part._id] is before[part._id] for part in parts[1:])


async def test_a_change_of_what_is_no_output_is_refused() -> None:
    blocks, _ = page()
    with blocks:
        other = gr.HTML()
    with pytest.raises(ValueError, match="none of its outputs"):
        await blocks.postprocess_data(next(iter(blocks.fns.values())), {other: "x"}, None)


@pytest.mark.parametrize("values", [["<b>", "typed", None, "a"], ["", 7, None, None]])
async def test_a_handler_is_given_what_gradio_would_give_it(values: list[Any]) -> None:
    given_of: list[list[Any]] = []
    for kind in (Blocks, gr.Blocks):
        blocks, parts = page()
        session, function = SessionState(blocks), next(iter(blocks.fns.values()))
        function.inputs = parts
        session[parts[2]._id] = "kept"
        given_of.append(await kind.preprocess_data(blocks, function, [*values], session))
        assert [session.config_values[part._id]["props"]["value"] for part in parts if not part.stateful] == [
            value for value, part in zip(values, parts, strict=True) if not part.stateful
        ]
    assert given_of[0] == given_of[1]
    assert given_of[0][2] == "kept"


async def test_a_choice_that_is_not_offered_is_refused() -> None:
    blocks, parts = page()
    session, function = SessionState(blocks), next(iter(blocks.fns.values()))
    function.inputs = parts
    with pytest.raises(gr.Error, match="not in the list of choices"):
        await blocks.preprocess_data(function, ["", "", None, "z"], session)


async def test_the_queue_makes_no_statistics_of_what_is_over() -> None:
    with Blocks() as blocks:
        name, said = gr.Textbox(), gr.Textbox()
        name.submit(lambda name: f"Good morning, {name}", name, said)
    blocks.queue()
    app = gr.mount_gradio_app(FastAPI(), blocks, path="/")
    with TestClient(app) as client:
        (function,) = functions(client)
        for _ in range(2):
            ended = call(client, function, new_session(), ["Ada"])[-1]
            assert ended["output"]["data"] == ["Good morning, Ada"]
    assert blocks._queue.events_recorded == 2
    assert blocks._queue.compute_analytics_summary([*blocks._queue.event_analytics.values()]) == {"functions": {}}
