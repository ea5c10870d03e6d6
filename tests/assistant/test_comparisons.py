"""Comparisons as whole turns, in quotations and written: both sides shown, every filled cell cited, absence said."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant import (
    Assistant,
    Checked,
    Citation,
    Done,
    Event,
    Failed,
    InvalidQuestion,
    Mode,
    Outcome,
    Paper,
    Planned,
    Retrieved,
    Settings,
    Turn,
    from_messages,
    markdown,
    stored,
    to_csv,
)
from assistant.compare import Comparison
from assistant.gather import Finder, gather
from assistant.tables import NOT_STATED, tables
from assistant.testing import Reply, ScriptedServer
from index_store import Embedder, Library, everything, terms

from .conftest import Model
from .turns import ask, assert_sound, cited, collect, column, short, stop_once, talk, titles, told

CACHES = "How does MiniCache differ from ZipCache?"
ABSENT = "Compare MiniCache and Quuxinator9"
NOBODY = "Compare Foobarizer9000 and Quuxinator9"
AND_LENGTH = "and determination of the H + H scattering length"
SIX = ("MiniCache", "ZipCache", "DuoAttention", "TabPFN", "CycleAlign", "RoboNinja")


@pytest.fixture(scope="module")
def assistant(sample_library: Library) -> Assistant:
    return Assistant(sample_library, Settings(home=sample_library.home))


# -- in quotations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (CACHES, [{"MiniCache"}, {"ZipCache"}]),
        ("minicache vs zipcache", [{"MiniCache"}, {"ZipCache"}]),
        (f"compare {', '.join(SIX[:5])} and {SIX[5]}", [{name} for name in SIX]),
        ("Compare MAIRA-2, RAD-DINO and MedImageInsight", [{"MAIRA-2"}, {"RAD-DINO"}, {"MedImageInsight"}]),
        ("How does B-Coder differ from GraphCodeBERT?", [{"ℬ-Coder"}, {"GraphCodeBERT"}]),
        (
            "Is RAVL better than LaMo?",
            [
                {"The Edge-of-Reach Problem in Offline Model-Based Reinforcement Learning"},
                {"Unleashing the Power of Pre-trained Language Models for Offline Reinforcement Learning"},
            ],
        ),
        (
            "contrast the quantum chemistry paper with the H2 paper",
            [
                {"Practical Benchmarking of Randomized Measurement Methods for Quantum Chemistry Hamiltonians"},
                {f"Precision measurement of the last bound states in H₂ {AND_LENGTH}"},
            ],
        ),
        (
            "compare the speech emotion paper with the audio captioning paper",
            [{"Wav2Small"}, {"Killing two birds with one stone"}],
        ),
    ],
)
async def test_every_subject_is_shown_from_its_own_papers(
    assistant: Assistant, question: str, expected: list[set[str]]
) -> None:
    turn = await ask(assistant, question)
    assert turn.outcome is Outcome.ANSWERED
    assert_sound(turn)
    assert [column(turn, place) for place in range(len(expected))] == expected
    assert turn.missing == ()


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        (
            "compare the diagonal SSM papers with the KV cache papers",
            {"On the Parameterization and Initialization of Diagonal State Space Models"},
            {"MiniCache", "ZipCache"},
        ),
        ("S4 vs MiniCache", {"How to Train Your HiPPO"}, {"MiniCache"}),
        ("code search versus program synthesis", {"CodeSearchNet Challenge"}, {"ℬ-Coder"}),
    ],
)
async def test_a_group_of_papers_is_one_column(
    assistant: Assistant, question: str, first: set[str], second: set[str]
) -> None:
    turn = await ask(assistant, question)
    assert_sound(turn)
    assert first <= column(turn, 0) and second <= column(turn, 1)
    assert not first & column(turn, 1) and not second & column(turn, 0)
    assert any(re.search(r" \([234] papers\)$", cell.text) for cell in turn.table[0])


@pytest.mark.parametrize("question", ["S4 vs S5", "Compare S4D and S4-PTD"])
async def test_the_paper_that_speaks_of_two_methods_stands_in_both_columns(assistant: Assistant, question: str) -> None:
    turn = await ask(assistant, question)
    paper = "Robustifying State-space Models for Long Sequences via Approximate Diagonalization"
    assert_sound(turn)
    assert paper in column(turn, 0) and paper in column(turn, 1)
    assert short(turn.papers[0]) == paper


async def test_cells_are_sentences_word_for_word(assistant: Assistant) -> None:
    turn = await ask(assistant, "Compare MiniCache, ZipCache and the H2 paper")
    quotes: dict[int, list[str]] = {}
    for citation in turn.citations:
        assert citation.support == "verbatim"
        quotes.setdefault(citation.number, []).append(citation.quote)
    for row in turn.table[1:]:
        for cell in row[1:]:
            rest = cell.text
            for quote in quotes[cell.citations[0]] if cell.citations else ():
                rest = rest.replace(quote, "")
            assert rest.strip() in ("", NOT_STATED)


async def test_what_was_asked_for_is_the_first_row_and_an_aspect_nobody_mentions_is_not_stated(
    assistant: Assistant,
) -> None:
    turn = await ask(assistant, "Compare MiniCache and ZipCache in terms of memory")
    assert turn.plan.aspects == ("memory",)
    assert titles(turn)[0] == "Memory"
    assert all("memory" in cell.text for cell in turn.table[1][1:])
    turn = await ask(assistant, "Compare MiniCache and ZipCache in terms of weather forecasts")
    assert titles(turn)[0] == "Weather forecasts"
    assert [cell.text for cell in turn.table[1][1:]] == [NOT_STATED, NOT_STATED]
    assert_sound(turn)


@pytest.mark.parametrize("asked", ["data", "the results", "limitations"])
async def test_a_row_that_is_there_anyway_is_not_there_twice(assistant: Assistant, asked: str) -> None:
    turn = await ask(assistant, f"Compare MAIRA-2 and RAD-DINO in terms of {asked}")
    names = [title.lower().removesuffix("s").removesuffix("ation") for title in titles(turn)]
    assert len(set(names)) == len(names)
    assert names[0] == asked.removeprefix("the ").removesuffix("s").removesuffix("ation")


async def test_a_subject_without_evidence_is_named_in_words_in_its_column_and_in_the_events(
    assistant: Assistant,
) -> None:
    events = await collect(assistant.ask(ABSENT))
    _, retrieved, *_, done = events
    assert isinstance(retrieved, Retrieved) and isinstance(done, Done)
    turn = done.turn
    assert_sound(turn)
    assert retrieved.missing == turn.missing == ("Quuxinator9",)
    assert turn.answer.startswith("**Nothing in this collection speaks of Quuxinator9.** The nearest here: ")
    assert turn.table[0][2].text == "Quuxinator9 (nothing found)"
    assert {row[2].text for row in turn.table[1:]} == {NOT_STATED}
    assert column(turn, 0) == {"MiniCache"}
    assert "What differs" not in turn.answer and "Figures" not in turn.answer


async def test_a_subject_that_only_shares_a_word_with_the_collection_is_absent(assistant: Assistant) -> None:
    turn = await ask(assistant, "Compare offline RL and protein folding")
    assert turn.missing == ("protein folding",)
    assert_sound(turn)


@pytest.mark.parametrize("question", [NOBODY, "lasagne vs pizza", "/compare lasagne, pizza and risotto"])
async def test_where_every_subject_is_absent_nothing_is_cited(assistant: Assistant, question: str) -> None:
    _, retrieved, *written, done = await collect(assistant.ask(question))
    assert isinstance(retrieved, Retrieved) and isinstance(done, Done)
    turn = done.turn
    assert (turn.outcome, turn.citations, turn.papers, retrieved.hits) == (Outcome.REFUSED, (), (), ())
    names = ", ".join(turn.plan.subjects[:-1]) + f" or {turn.plan.subjects[-1]}"
    assert turn.answer.startswith(f"**Nothing in this collection speaks of {names}.** 97 papers were searched.")
    assert not turn.table and turn.missing == turn.plan.subjects
    assert told(written) == list(turn.pieces)


async def test_the_remarks_say_only_what_can_be_read_off_the_abstracts(assistant: Assistant) -> None:
    turn = await ask(assistant, CACHES)
    mini, zipped = (f"{paper.title} {paper.abstract}" for paper in turn.papers)
    _, _, rest = turn.answer.partition("**What differs.**")
    differs, _, rest = rest.partition("**What agrees.**")
    for words, own, other in zip(re.findall(r"\*([^*]+)\*", differs), (mini, zipped), (zipped, mini), strict=True):
        for word in words.split(", "):
            (stem,) = terms(word)
            assert terms(own).count(stem) > 1 >= terms(other).count(stem)
    agrees, _, figures = rest.partition("**Figures.**")
    quotes = re.findall(r"> (.+) \[(\d)\]", agrees)
    assert [number for _, number in quotes] == ["1", "2"]
    assert all(quote in paper.abstract for (quote, _), paper in zip(quotes, turn.papers, strict=True))
    assert (
        "These sentences name no data or model in common, so their figures are not comparable as they stand." in figures
    )
    assert "[1]" in figures and "[2]" in figures


async def test_the_last_line_counts_the_papers_quoted(assistant: Assistant) -> None:
    turn = await ask(assistant, "compare the diagonal SSM papers with the KV cache papers")
    in_table = column(turn, 0) | column(turn, 1)
    assert turn.answer.endswith(f"*Quoted word for word from {len(in_table)} papers of the 97 searched.*\n")


async def test_streamed_and_whole_comparisons_are_the_same_and_events_hold_everything(assistant: Assistant) -> None:
    events = await collect(assistant.ask(CACHES))
    planned, retrieved, *written, done = events
    assert isinstance(planned, Planned) and planned.plan.mode is Mode.COMPARE and planned.plan.automatic
    assert isinstance(retrieved, Retrieved) and retrieved.searched == 97
    assert isinstance(done, Done)
    assert told(written) == list(done.turn.pieces)
    whole = await assistant.answer(CACHES)
    assert replace(whole, timings={}) == replace(done.turn, timings={})
    assert {citation.paper for citation in whole.citations} <= {hit.paper for hit in retrieved.hits}


async def test_a_stopped_comparison_keeps_the_rows_that_were_written(assistant: Assistant) -> None:
    whole, stop, events = await assistant.answer(CACHES), asyncio.Event(), list[Event]()
    async for event in assistant.ask(CACHES, stop=stop):
        events.append(event)
        if len([piece for piece in told(events) if isinstance(piece, Citation)]) == 2:
            stop.set()
    done = events[-1]
    assert isinstance(done, Done)
    assert done.turn.outcome is Outcome.STOPPED
    assert whole.answer.startswith(done.turn.answer.rstrip("\n"))
    assert done.turn.table == whole.table[: len(done.turn.table)] != whole.table


async def test_the_table_is_in_the_printed_form_and_in_csv(assistant: Assistant) -> None:
    turn = await ask(assistant, "Compare MiniCache, ZipCache and Quuxinator9 in terms of memory")
    printed = json.loads(json.dumps(turn.to_dict()))
    assert (printed["mode"], printed["subjects"]) == ("compare", ["MiniCache", "ZipCache", "Quuxinator9"])
    assert (printed["aspects"], printed["missing"]) == (["memory"], ["Quuxinator9"])
    assert [[cell["text"] for cell in row] for row in printed["table"]] == [
        [cell.text for cell in row] for row in turn.table
    ]
    read = list(csv.reader(io.StringIO(to_csv(turn.table), newline="")))
    assert [row[0] for row in read] == ["Aspect", *titles(turn)]
    assert read[0][1:] == ["MiniCache", "ZipCache", "Quuxinator9 (nothing found)"]
    assert read[1][1].endswith(" [1]") and read[1][2].endswith(" [2]") and read[1][3] == NOT_STATED


# -- modes and follow-ups ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", ["/compare MiniCache, ZipCache", "/compare MiniCache and ZipCache", "/Compare minicache; zipcache"]
)
async def test_a_command_compares_a_bare_list(assistant: Assistant, message: str) -> None:
    turn = await ask(assistant, message)
    assert turn.mode is Mode.COMPARE and not turn.plan.automatic
    assert [column(turn, 0), column(turn, 1)] == [{"MiniCache"}, {"ZipCache"}]


async def test_a_chosen_mode_wins_over_the_words(assistant: Assistant) -> None:
    assert (await assistant.answer("MiniCache, ZipCache", mode=Mode.COMPARE)).mode is Mode.COMPARE
    assert (await assistant.answer(CACHES, mode=Mode.ASK)).mode is Mode.ASK
    with pytest.raises(InvalidQuestion, match="two things or more"):
        await assistant.answer("MiniCache", mode=Mode.COMPARE)


async def test_a_second_subject_is_compared_with_what_was_asked_about(assistant: Assistant) -> None:
    turn = await ask(assistant, "What is MiniCache?", "and how does that compare with ZipCache?")
    assert turn.plan.subjects == ("MiniCache", "ZipCache")
    assert turn.standalone == "Compare MiniCache and ZipCache"
    assert_sound(turn)


async def test_a_third_subject_joins_a_comparison_and_numbers_stay(assistant: Assistant) -> None:
    conversation = await talk(assistant, CACHES, "and how does that compare with DuoAttention?")
    first, second = conversation.turns
    assert second.plan.subjects == ("MiniCache", "ZipCache", "DuoAttention")
    assert_sound(second)
    numbers = {short(citation.paper): citation.number for turn in (first, second) for citation in turn.citations}
    assert numbers == {"MiniCache": 1, "ZipCache": 2, "DuoAttention": 3}


@pytest.mark.parametrize(
    ("message", "aspect"),
    [
        ("which of the two is faster?", "faster"),
        ("and which one needs less memory?", "needs less memory"),
        ("what about latency?", "latency"),
        ("do they need training?", "need training"),
        ("and in terms of accuracy?", "accuracy"),
    ],
)
async def test_a_follow_up_asks_for_another_row_of_the_same_comparison(
    assistant: Assistant, message: str, aspect: str
) -> None:
    turn = await ask(assistant, CACHES, message)
    assert (turn.plan.subjects, turn.plan.aspects) == (("MiniCache", "ZipCache"), (aspect,))
    assert titles(turn)[0].lower() == aspect
    assert_sound(turn)


async def test_a_question_of_its_own_after_a_comparison_is_a_question(assistant: Assistant) -> None:
    turn = await ask(assistant, CACHES, "What is TabPFN?")
    assert (turn.mode, turn.standalone) == (Mode.ASK, "What is TabPFN?")


async def test_a_printed_comparison_given_back_as_history_can_be_followed_up(assistant: Assistant) -> None:
    first = json.loads(json.dumps((await ask(assistant, CACHES)).to_dict()))
    messages = [
        {"role": "user", "content": first["question"]},
        {
            "role": "assistant",
            "content": first["answer"],
            **{name: first[name] for name in ("mode", "subjects", "citations")},
        },
    ]
    history = from_messages(messages, assistant.library.catalogue.papers)
    assert history.turns[0].table  # the table is read back from Markdown
    turn = await ask(assistant, "which of them needs less memory?", before=history)
    assert turn.plan.subjects == ("MiniCache", "ZipCache")
    assert {number: name for number, name, _ in cited(turn)} == {1: "MiniCache", 2: "ZipCache"}


# -- written ----------------------------------------------------------------------------------------------------------

NO_PLAN = '{"question": ""}'
MINI = "MiniCache compresses the KV cache across layers"
ZIP = "ZipCache compresses the KV cache 4.98 times on GSM8k"
HEAD = "| Aspect | MiniCache | ZipCache |\n| --- | --- | --- |\n"
ROWS = (
    f"| Approach | {MINI} [P1.2] | quantizes the KV cache [P2.3] |\n"
    f"| Result | 5.02x compression ratio [P1.8] | {ZIP} [P2.7] |\n"
)
AFTER = f"\n**What differs:** {MINI} [P1.2], while {ZIP} [P2.7].\n"
GOOD = HEAD + ROWS + AFTER


async def test_a_written_comparison_is_one_call_for_the_plan_and_one_for_the_table(
    server: ScriptedServer, model: Model
) -> None:
    server.enqueue(NO_PLAN, GOOD)
    events = await collect(model().ask(CACHES))
    planned, retrieved, *written, checked, done = events
    assert isinstance(planned, Planned) and isinstance(retrieved, Retrieved)
    assert isinstance(checked, Checked) and isinstance(done, Done)
    turn = done.turn
    assert_sound(turn)
    assert (turn.outcome, turn.llm, turn.note, turn.dropped_markers) == (Outcome.ANSWERED, "scripted", "", 0)
    assert told(written) == list(turn.pieces)
    assert cited(turn)[:4] == [(1, "MiniCache", 2), (2, "ZipCache", 3), (1, "MiniCache", 8), (2, "ZipCache", 7)]
    assert checked.support == turn.support and turn.support["not found"] == 0
    assert turn.usage and turn.usage.calls == len(server.chats) == 2
    assert markdown(turn.pieces).count("| --- | --- | --- |") == 1


async def test_streamed_and_whole_written_comparisons_are_the_same(server: ScriptedServer, model: Model) -> None:
    server.enqueue(NO_PLAN, GOOD, NO_PLAN, GOOD)
    streamed, whole = (await talk(model(), CACHES)).turns[-1], await model().answer(CACHES)
    assert replace(streamed, timings={}) == replace(whole, timings={})


async def test_the_model_sees_columns_rows_what_is_missing_and_each_side_under_its_name(
    server: ScriptedServer, model: Model
) -> None:
    server.enqueue("no", "no", GOOD)
    await model().answer("Compare MiniCache, Quuxinator9 and ZipCache in terms of memory")
    system, user = server.chats[-1].messages
    assert "A cell may only cite papers of its own column" in system["content"]
    text = user["content"]
    assert "Columns: Aspect | MiniCache | Quuxinator9 | ZipCache\n" in text
    assert "Rows: memory, Problem, Approach, Data, Result, Limits\n" in text
    assert "Subjects on which the collection has no papers: Quuxinator9\n" in text
    assert "Papers on MiniCache: P1\nP1: MiniCache" in text and "Papers on ZipCache: P2\nP2: ZipCache" in text
    assert "Papers on Quuxinator9" not in text
    assert text.endswith("Question: Compare MiniCache, Quuxinator9 and ZipCache in terms of memory")


@pytest.mark.parametrize("window", [1900, 2600, 4000])
async def test_each_side_gets_its_share_of_a_small_context(server: ScriptedServer, model: Model, window: int) -> None:
    question = f"compare {', '.join(SIX[:5])} and {SIX[5]}"
    server.enqueue("no", "no", "| A | B |\n")
    turn = await model(llm_context_window=window, llm_max_tokens=600).answer(question)
    assert turn.outcome is Outcome.ANSWERED, turn.problem
    text = server.chats[-1].messages[-1]["content"]
    counts = [len(re.findall(rf"^P{place}\.\d+ ", text, re.MULTILINE)) for place in range(1, 7)]
    assert min(counts) >= 1
    assert max(counts) - min(counts) <= 6
    assert len(server.chats[-1].text.split()) < (window - 600) * 0.9
    assert_sound(turn)


async def test_a_cell_cites_its_own_column_only(server: ScriptedServer, model: Model) -> None:
    mixed = HEAD + f"| Approach | {MINI} [P2.3] | {ZIP} [P2.7, P1.2] |\n"
    server.enqueue(NO_PLAN, mixed)
    turn = await model().answer(CACHES)
    assert_sound(turn)
    assert (column(turn, 0), column(turn, 1)) == ({"MiniCache"}, {"ZipCache"})
    assert turn.dropped_markers == 2


async def test_a_side_that_the_model_leaves_out_speaks_in_its_own_words(server: ScriptedServer, model: Model) -> None:
    server.enqueue(NO_PLAN, HEAD + f"| Approach | {MINI} [P1.2] | not stated |\n\nThat is all there is to say.")
    turn = await model().answer(CACHES)
    assert_sound(turn)
    assert titles(turn) == ["Approach", "In its own words"]
    own = next(citation for citation in turn.citations if short(citation.paper) == "ZipCache")
    assert own.support == "verbatim" and own.quote in turn.answer


@pytest.mark.parametrize("text", [f"{MINI} [P1.2]. ZipCache quantizes the KV cache [P2.3].", HEAD, "I cannot do that."])
async def test_a_model_that_writes_no_table_is_given_one_in_quotations(
    server: ScriptedServer, model: Model, text: str
) -> None:
    server.enqueue(NO_PLAN, text)
    turn = await model().answer(CACHES)
    assert_sound(turn)
    quoted = await model().answer(CACHES, quoting_only=True)
    assert turn.table == quoted.table


async def test_an_absent_side_is_said_before_what_the_model_writes_and_cannot_be_filled_by_it(
    server: ScriptedServer, model: Model
) -> None:
    invented = (
        "| Aspect | MiniCache | Quuxinator9 |\n|---|---|---|\n" + f"| Approach | {MINI} [P1.2] | {MINI} [P1.2] |\n"
    )
    server.enqueue(NO_PLAN, invented)
    turn = await model().answer(ABSENT)
    assert turn.answer.startswith("**Nothing in this collection speaks of Quuxinator9.**")
    assert_sound(turn)
    assert {row[2].text for row in turn.table[1:]} == {NOT_STATED}
    assert turn.dropped_markers == 1


async def test_where_every_subject_is_absent_only_the_plan_is_asked_for(server: ScriptedServer, model: Model) -> None:
    server.enqueue(NO_PLAN)
    turn = await model().answer(NOBODY)
    assert (turn.outcome, turn.llm, turn.citations) == (Outcome.REFUSED, None, ())
    assert len(server.chats) == 1


# -- the plan of the model --------------------------------------------------------------------------------------------


async def test_the_model_may_read_the_subjects_better_than_the_rules(server: ScriptedServer, model: Model) -> None:
    plan = {
        "question": "Compare A",
        "kind": "compare",
        "subjects": ["the MiniCache paper", "ZipCache"],
        "aspects": ["memory"],
    }
    server.enqueue(json.dumps(plan), GOOD)
    turn = await model().answer("Compare the one about depth with the one about salience")
    assert (turn.plan.subjects, turn.plan.aspects) == (("MiniCache", "ZipCache"), ("memory",))
    assert "Rows: memory, Problem" in server.chats[-1].text
    assert_sound(turn)


@pytest.mark.parametrize("broken", ["That depends.", "[1]", '{"question": ', "subjects: MiniCache, ZipCache"])
async def test_a_plan_that_is_no_json_is_asked_for_once_more(server: ScriptedServer, model: Model, broken: str) -> None:
    plan = json.dumps({"question": CACHES, "kind": "compare", "subjects": ["MiniCache", "ZipCache", "DuoAttention"]})
    server.enqueue(broken, f"Sorry. {plan}", GOOD)
    turn = await model().answer(CACHES)
    assert turn.plan.subjects == ("MiniCache", "ZipCache", "DuoAttention")
    again = server.chats[1].messages
    assert [message["role"] for message in again] == ["user", "assistant", "user"]
    assert again[1]["content"] == broken and "not the line of JSON" in again[2]["content"]
    assert turn.usage and turn.usage.calls == 3


@pytest.mark.parametrize(
    "plans",
    [
        ("no", "no"),
        ('{"kind": "compare", "subjects": ["MiniCache"]}',),
        ('{"kind": "compare", "subjects": "MiniCache"}',),
        ('{"kind": "compare", "subjects": [1, null, {}]}',),
        ('{"kind": "ask", "question": 7}',),
        ('{"kind": "summarise", "topic": "KV caches"}',),
        (Reply(status=500),),
    ],
)
async def test_without_a_good_plan_the_rules_stand(
    server: ScriptedServer, model: Model, plans: tuple[Reply | str, ...]
) -> None:
    server.enqueue(*plans, GOOD)
    turn = await model().answer(CACHES)
    assert (turn.mode, turn.plan.subjects, turn.outcome) == (
        Mode.COMPARE,
        ("MiniCache", "ZipCache"),
        Outcome.ANSWERED,
    )
    assert_sound(turn)


async def test_a_plan_of_many_subjects_keeps_six_and_tidies_their_names(server: ScriptedServer, model: Model) -> None:
    names = [
        "  Mini\nCache ",
        "MiniCache",
        "the ZipCache paper",
        '"ZipCache"',
        "",
        *SIX[2:],
        "TransMLA",
        "LaMo",
        "x" * 500,
    ]
    server.enqueue(json.dumps({"kind": "compare", "subjects": names}), "| A |\n")
    turn = await model().answer(CACHES)
    assert turn.plan.subjects == ("Mini Cache", "MiniCache", "ZipCache", "DuoAttention", "TabPFN", "CycleAlign")


async def test_a_follow_up_that_the_rules_take_for_a_question_may_become_a_comparison(
    server: ScriptedServer, model: Model
) -> None:
    plan = {"question": CACHES, "kind": "compare", "subjects": ["MiniCache", "ZipCache"]}
    server.enqueue("MiniCache compresses the KV cache across layers [P1.2].", json.dumps(plan), GOOD)
    turn = await ask(model(), "What is MiniCache?", "comment se distingue ZipCache ?")
    assert (turn.mode, turn.standalone) == (Mode.COMPARE, CACHES)
    assert_sound(turn)


async def test_a_mode_that_the_reader_chose_is_not_changed_by_the_model(server: ScriptedServer, model: Model) -> None:
    plan = json.dumps({"question": CACHES, "kind": "compare", "subjects": ["MiniCache", "ZipCache"]})
    server.enqueue(f"{MINI} [P1.2].", plan, f"{MINI} [P1.2].")
    before = await talk(model(), "What is MiniCache?")
    turn = await model().answer(CACHES, before, Mode.ASK)
    assert (turn.mode, turn.plan.subjects) == (Mode.ASK, ())


async def test_the_table_is_part_of_what_the_next_call_sees(server: ScriptedServer, model: Model) -> None:
    server.enqueue(NO_PLAN, GOOD, "no", "no", "Yes, it compresses the KV cache across layers [P1.2].")
    conversation = await talk(model(), CACHES, "Does MiniCache use the depth of a model?")
    past = server.chats[-1].messages[1:3]
    assert past[0] == {"role": "user", "content": CACHES}
    assert past[1]["content"] == stored(conversation.turns[0].pieces).strip()
    assert f"| **Approach** | {MINI} [P1.2] |" in past[1]["content"]


# -- faults and stops -------------------------------------------------------------------------------------------------


async def test_a_stop_keeps_the_whole_rows_and_closes_the_call(server: ScriptedServer, model: Model) -> None:
    text = GOOD.partition("| Result")[0] + "| Result | 5.02x compression ratio [P1.8] | ZipCache com"
    server.enqueue(NO_PLAN, Reply(text + " x", fault="hang", fault_after=len(Reply(text).tokens)))
    stop, events = asyncio.Event(), list[Event]()
    stop_once(stop, lambda: len(server.chats) == 2, then=0.5)
    async for event in model(llm_timeout=60.0).ask(CACHES, stop=stop):
        events.append(event)
    done = events[-1]
    assert isinstance(done, Done)
    turn = done.turn
    assert turn.outcome is Outcome.STOPPED
    assert [[cell.citations for cell in row] for row in turn.table[1:]] == [[(), (1,), (2,)], [(), (1,), ()]]
    assert NOT_STATED not in turn.answer
    assert await asyncio.to_thread(server.chats[-1].hung_up.wait, 1.0)


async def test_a_stop_while_the_plan_is_read_closes_that_call_and_writes_nothing(
    server: ScriptedServer, model: Model
) -> None:
    server.enqueue(Reply(NO_PLAN, first_delay=60))
    stop = asyncio.Event()
    stop_once(stop, lambda: len(server.chats) == 1)
    *_, done = await collect(model(llm_timeout=60.0).ask(ABSENT, stop=stop))
    assert isinstance(done, Done)
    assert done.turn.outcome is Outcome.STOPPED
    assert not done.turn.citations and len(server.chats) == 1
    assert await asyncio.to_thread(server.chats[0].hung_up.wait, 1.0)


@pytest.mark.parametrize("fault", ["cut", "malformed"])
async def test_a_fault_in_the_middle_of_the_table_keeps_its_rows(
    server: ScriptedServer, model: Model, fault: Any
) -> None:
    server.enqueue(NO_PLAN, Reply(GOOD, fault=fault, fault_after=len(Reply(GOOD.partition("| Result")[0]).tokens) + 4))
    *_, failed = await collect(model().ask(CACHES))
    assert isinstance(failed, Failed) and failed.retryable
    assert [[cell.citations for cell in row] for row in failed.turn.table[1:]] == [[(), (1,), (2,)]]
    server.enqueue(NO_PLAN, GOOD)
    turn = await ask(model(), CACHES, before=failed.conversation.without_last())
    assert_sound(turn)


async def test_an_answer_cut_at_its_limit_says_so_and_still_shows_both_sides(
    server: ScriptedServer, model: Model
) -> None:
    server.enqueue(NO_PLAN, Reply(HEAD + f"| Approach | {MINI} [P1.2] | ZipCache com", finish="length"))
    turn = await model().answer(CACHES)
    assert "cut at its limit" in turn.note
    assert_sound(turn)


# -- hostile ----------------------------------------------------------------------------------------------------------

RECORDS = [json.loads(line) for line in (Path(__file__).parents[1] / "data/hostile.jsonl").read_text().splitlines()]
HOSTILE = [Paper.from_dict({name: value for name, value in record.items() if name != "question"}) for record in RECORDS]
MARKER = re.compile(r"(?<!\\)[\[(【［（]\s?P\d+(?:\.\d+)?\s?[\])】］）]")
GROUPS = [HOSTILE[start : start + 6] for start in range(0, len(HOSTILE), 6)]


@pytest.fixture(scope="module")
def hostile_server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture(scope="module")
def attacked(
    hostile_server: ScriptedServer, embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Assistant]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    with Library(home, embedder) as library:
        library.add_records(HOSTILE)
        library.index()
        known: dict[str, Any] = {"llm_model": "scripted", "llm_retries": 0, "OPENAI_BASE_URL": hostile_server.base_url}
        yield Assistant(library, Settings(home=home, **known))


def tidy(paper: Paper) -> str:
    return " ".join(paper.title.split())


def plan_of(papers: Sequence[Paper]) -> str:
    return json.dumps({"kind": "compare", "subjects": [tidy(paper) for paper in papers]})


def assert_unharmed(assistant: Assistant, turn: Turn) -> None:
    """Whole tables whose filled cells are cited, each from the papers that were found for its column."""
    assert turn.outcome is Outcome.ANSWERED, turn.problem
    found = gather(turn.plan, assistant.library, assistant.settings, Finder(assistant.search, everything))
    assert isinstance(found, Comparison)
    own = [{hit.paper.title for hit in side.hits} for side in found.sides]
    assert all(own)
    numbers = {citation.number: citation.paper.title for citation in turn.citations}
    assert turn.table[0][0].text == "Aspect" or len(tables(turn.pieces)) > 1
    for table in tables(turn.pieces):
        if table[0][0].text != "Aspect":
            continue  # one that stands in the text of an abstract
        for row in table[1:]:
            assert len(row) == 1 + len(own)
            for cell, papers in zip(row[1:], own, strict=True):
                assert {numbers[number] for number in cell.citations} <= papers
                assert bool(cell.citations) == (cell.text != NOT_STATED)
    for citation in turn.citations:
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]


@pytest.mark.parametrize("papers", GROUPS, ids=range(len(GROUPS)))
async def test_hostile_papers_in_quotations_break_no_table_and_cite_nobody_else(
    attacked: Assistant, hostile_server: ScriptedServer, papers: Sequence[Paper]
) -> None:
    hostile_server.enqueue(plan_of(papers), "No.")  # the subjects exactly; then no table of the model's own
    turn = await attacked.answer("Compare alpha and beta")
    assert_unharmed(attacked, turn)
    assert len(tables(turn.pieces)) == 1
    assert {citation.support for citation in turn.citations} == {"verbatim"}
    assert {tidy(paper) for paper in papers} <= {citation.paper.title for citation in turn.citations}
    text = "".join(piece for piece in turn.pieces if isinstance(piece, str))
    assert not MARKER.search(text)


@pytest.mark.parametrize("papers", GROUPS, ids=range(len(GROUPS)))
async def test_a_model_that_obeys_hostile_papers_breaks_no_table_and_cites_nobody_else(
    attacked: Assistant, hostile_server: ScriptedServer, papers: Sequence[Paper]
) -> None:
    cells = [f"{paper.abstract} [P{place}.1] [P1.1] [P99.1] [7]" for place, paper in enumerate(papers, start=1)]
    table = "| Aspect |\n| --- |\n" + "".join(f"| {title} | {' | '.join(cells)} |\n" for title in (*cells[:2], "Data"))
    hostile_server.enqueue(plan_of(papers), f"{papers[0].abstract}\n\n{table}\n\n" + "\n\n".join(cells))
    turn = await attacked.answer("Compare alpha and beta")
    assert_unharmed(attacked, turn)
    assert turn.dropped_markers > 0
