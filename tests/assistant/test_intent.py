"""Which kind of answer a message asks for, of what and in which respect: by rules, from its words alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import InvalidQuestion, Length, Mode, Plan, Theme
from assistant.intent_compare import comparison
from assistant.intent_summarise import length, summary, theme
from assistant.routing import Before, plan

from .making import make_paper

MINI, ZIP = make_paper("MiniCache: KV Cache Compression"), make_paper("ZipCache")
COMPARED = Plan(Mode.COMPARE, "MiniCache vs ZipCache", "MiniCache vs ZipCache", ("MiniCache", "ZipCache"))
THEMES = (Theme("attention sinks", ("a", "b")), Theme("quantization", ("c",)), Theme("code search", ("d", "e")))
SUMMARISED = Plan(Mode.SUMMARISE, "Summarise caches", "Summarise caches", topic="caches")
NOTHING = Before()
AFTER_QUESTION = Before(
    Plan(Mode.ASK, "What is MiniCache?", "What is MiniCache?"), (MINI, ZIP), True, (), ("MiniCache",)
)
AFTER_COMPARISON = Before(COMPARED, (MINI, ZIP), True, (), ("MiniCache", "ZipCache"))
AFTER_SUMMARY = Before(SUMMARISED, (MINI, ZIP), True, THEMES, ("caches",))


def planned(message: str, before: Before = NOTHING, mode: Mode = Mode.AUTO) -> Plan:
    return plan(message, mode, before, longest=4000)


def subjects(message: str) -> list[str]:
    return [name.lower() for name in planned(message).subjects]


# -- comparisons ------------------------------------------------------------------------------------------------------

TWO = [
    "compare Mamba and S4",
    "Compare Mamba with S4.",
    "compare Mamba to S4",
    "Compare Mamba against S4!",
    "please compare Mamba and S4",
    "Could you compare Mamba and S4 for me?",
    "Can you please compare Mamba with S4?",
    "contrast Mamba with S4",
    "compare and contrast Mamba and S4",
    "Mamba vs S4",
    "Mamba vs. S4?",
    "Mamba versus S4",
    "mamba VS s4",
    "What's the difference between Mamba and S4?",
    "what is the difference between Mamba and S4",
    "What are the main differences between Mamba and S4?",
    "Explain the differences between Mamba and S4",
    "differences between Mamba & S4",
    "What distinguishes Mamba from S4?",
    "What sets Mamba apart from S4?",
    "How does Mamba differ from S4?",
    "how do Mamba and S4 differ?",
    "In what way is Mamba different from S4?",
    "how is Mamba different from S4?",
    "How does Mamba compare to S4?",
    "how does Mamba stack up against S4?",
    "How do Mamba and S4 compare?",
    "What do Mamba and S4 have in common?",
    "Similarities between Mamba and S4",
    "Is Mamba better than S4?",
    "Is Mamba faster than S4?",
    "Does Mamba outperform S4?",
    "Should I use Mamba or S4?",
    "pros and cons of Mamba and S4",
    "I can't decide between Mamba and S4",
    "put Mamba and S4 side by side",
    "a comparison of Mamba and S4",
    "Mamba compared to S4",
    "Mamba in contrast to S4",
    "tell Mamba and S4 apart",
    '"Mamba" vs "S4"',
    "compare `Mamba` and *S4*",
    "compare “Mamba” with “S4”",
    "Compare the Mamba paper with the S4 paper",
    "compare\n\tMamba   and\nS4",
    "Hi, compare Mamba and S4, thanks",
]


@pytest.mark.parametrize("message", TWO)
def test_a_comparison_of_two_things_is_recognised_however_it_is_put(message: str) -> None:
    found = planned(message)
    assert (found.mode, subjects(message)) == (Mode.COMPARE, ["mamba", "s4"])
    assert found.aspects in ((), ("faster",), ("outperform",))
    assert found.standalone == found.question == " ".join(message.split())


def test_a_side_by_side_comparison_names_its_subjects_alone() -> None:
    assert subjects("a side-by-side comparison of Mamba and S4") == ["mamba", "s4"]


@pytest.mark.parametrize("message", TWO)
def test_case_does_not_decide_over_the_commonest_forms(message: str) -> None:
    if message.lower().startswith(("compare", "mamba vs", "what is the difference", "how does", "contrast")):
        assert planned(message.lower()).mode is Mode.COMPARE


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("compare A1, B2 and C3", ["a1", "b2", "c3"]),
        ("compare A1, B2, and C3", ["a1", "b2", "c3"]),
        ("A1 vs B2 vs C3", ["a1", "b2", "c3"]),
        ("what is the difference between A1, B2 and C3?", ["a1", "b2", "c3"]),
        ("compare A1, B2, C3 and D4", ["a1", "b2", "c3", "d4"]),
        ("compare A1; B2; C3; D4; E5", ["a1", "b2", "c3", "d4", "e5"]),
        ("compare A1, B2, C3, D4, E5 and F6", ["a1", "b2", "c3", "d4", "e5", "f6"]),
        ("compare A1, B2, C3, D4, E5, F6, G7 and H8", ["a1", "b2", "c3", "d4", "e5", "f6"]),
        ("which of A1, B2 and C3 is fastest?", ["a1", "b2", "c3"]),
        ("compare A1, a1, A1 and B2", ["a1", "b2"]),
    ],
)
def test_lists_of_up_to_six_are_kept_in_order(message: str, named: list[str]) -> None:
    assert subjects(message) == named


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("compare state space models and transformers", ["state space models", "transformers"]),
        (
            "offline reinforcement learning vs imitation learning",
            ["offline reinforcement learning", "imitation learning"],
        ),
        ("Compare the diagonal SSM papers with the Mamba papers", ["diagonal ssm papers", "mamba papers"]),
        (
            "compare the paper on network pruning and the one on label noise",
            ["paper on network pruning", "paper on label noise"],
        ),
        ("what is the difference between code search and program synthesis?", ["code search", "program synthesis"]),
        ("k-means++ vs DBSCAN", ["k-means++", "dbscan"]),
        ("GPT-4 vs LLaMA-2-7B", ["gpt-4", "llama-2-7b"]),
    ],
)
def test_topics_groups_and_odd_names_are_subjects(message: str, named: list[str]) -> None:
    assert planned(message).mode is Mode.COMPARE
    assert subjects(message) == named


@pytest.mark.parametrize(
    ("message", "aspects"),
    [
        ("compare MiniCache and ZipCache in terms of memory", ("memory",)),
        ("Compare MiniCache and ZipCache with respect to accuracy", ("accuracy",)),
        ("Compare MiniCache and ZipCache regarding their speed", ("their speed",)),
        ("MiniCache vs ZipCache on GSM8k", ("GSM8k",)),
        ("MiniCache vs ZipCache: memory use", ("memory use",)),
        ("In terms of memory, how does MiniCache differ from ZipCache?", ("memory",)),
        ("Compare the memory use of MiniCache and ZipCache", ("memory use",)),
        ("which of MiniCache and ZipCache needs less memory?", ("needs less memory",)),
        ("Which is faster, MiniCache or ZipCache?", ("faster",)),
        ("Is MiniCache faster than ZipCache?", ("faster",)),
        ("compare MiniCache and ZipCache", ()),
    ],
)
def test_the_respect_in_which_things_are_compared_is_found(message: str, aspects: tuple[str, ...]) -> None:
    found = planned(message)
    assert (found.mode, found.subjects) == (Mode.COMPARE, ("MiniCache", "ZipCache"))
    assert found.aspects == aspects


QUESTIONS = [
    "How does MiniCache compare to baselines?",
    "How does it compare to prior work?",
    "How does ZipCache compare with existing methods?",
    "Which baselines does TabPFN compare to?",
    "What is temporal difference learning?",
    "How does temporal-difference learning work?",
    "What's the difference it makes?",
    "What difference does initialisation make?",
    "What is contrastive learning?",
    "How is the Kullback-Leibler divergence between policies bounded?",
    "What is comparable in cost?",
    "Why does performance differ across seeds?",
    "Do the authors compare their results?",
    "Is it better to prune?",
    "Which method is best?",
    "What is TabPFN?",
    "How does MiniCache work and how much memory does it save?",
    "How do attention sinks and streaming heads work?",
    "What are search and rescue robots?",
    "Does it work with and without training?",
    "Who wrote the paper on pruning?",
    "Why is quantization hard?",
    "What is the relation of reward and regret?",
]


@pytest.mark.parametrize("message", QUESTIONS)
def test_a_question_that_only_sounds_like_a_comparison_is_a_question(message: str) -> None:
    assert planned(message).mode is Mode.ASK


@given(
    st.lists(
        st.sampled_from(["MiniCache", "ZipCache", "TabPFN", "LaMo", "RAVL", "DTLR"]),
        min_size=2,
        max_size=6,
        unique=True,
    )
)
def test_any_list_of_names_is_compared_in_its_order(names: list[str]) -> None:
    for message in (
        f"compare {', '.join(names[:-1])} and {names[-1]}",
        f"What are the differences between {', '.join(names[:-1])} and {names[-1]}?",
        " vs ".join(names),
    ):
        assert planned(message).subjects == tuple(names)


@given(st.text(max_size=200))
def test_any_text_has_a_plan_that_keeps_its_promises(text: str) -> None:
    if not " ".join(text.split()) or text.strip().startswith("/"):
        return
    for before in (NOTHING, AFTER_QUESTION, AFTER_COMPARISON, AFTER_SUMMARY):
        found = planned(text, before)
        assert found.mode in (Mode.ASK, Mode.COMPARE, Mode.SUMMARISE)
        assert found.standalone and found.automatic
        assert (len(found.subjects) >= 2) == (found.mode is Mode.COMPARE)
        assert len(found.subjects) <= 6


@pytest.mark.parametrize(
    "text",
    ["compare " * 400, "a vs " * 700, "and " * 900, "what is the difference between " + "x, " * 1000, "(" * 3900],
)
@pytest.mark.timeout(20)
def test_long_and_repetitive_messages_are_read_in_no_time(text: str) -> None:
    assert planned(text).mode in Mode


# -- summaries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "summarise graph networks",
        "Summarize graph networks.",
        "please summarise graph networks",
        "Could you summarise graph networks for me?",
        "sum up graph networks",
        "Give me an overview of graph networks",
        "an overview of graph networks",
        "overview: graph networks",
        "overview of graph networks, please",
        "I need a summary of graph networks",
        "Write a summary on graph networks",
        "a survey of graph networks",
        "TL;DR on graph networks",
        "What do the papers say about graph networks?",
        "what do these abstracts say on graph networks",
        "What is known about graph networks?",
        "what's known about graph networks?",
        "What has been written about graph networks?",
        "What are the main themes in graph networks?",
        "graph networks: an overview",
        "graph networks overview",
        "everything about graph networks",
        "Tell me everything you know about graph networks",
        "bring me up to speed on graph networks",
        "summarise the papers on graph networks",
        "summarise the research about graph networks in this collection",
        "Summarise what is known about graph networks",
    ],
)
def test_a_summary_is_recognised_however_it_is_put(message: str) -> None:
    found = planned(message)
    assert (found.mode, found.topic.lower()) == (Mode.SUMMARISE, "graph networks")
    assert found.subjects == () and found.automatic


@pytest.mark.parametrize(
    "message",
    [
        "What is in this collection?",
        "what's in here?",
        "What is this collection about?",
        "What topics are covered here?",
        "which themes does the collection cover?",
        "What papers do you have?",
        "What do you have?",
        "Summarise the collection",
        "Summarise everything",
        "summarise",
        "give me an overview",
        "an overview of the whole collection",
        "show me a map of the topics",
        "what can I ask?",
        "group the papers by topic",
        "What does this library contain?",
        "/summarise",
    ],
)
def test_the_collection_as_a_whole_is_a_summary_without_a_topic(message: str) -> None:
    found = planned(message)
    assert (found.mode, found.topic) == (Mode.SUMMARISE, "")


@pytest.mark.parametrize(
    "message",
    [
        "What is text summarisation?",
        "How does the model summarise documents?",
        "Which papers propose a survey design?",
        "What is in the training set of MiniCache?",
        "What topics does CodeSearchNet cover?",
        "Does the collection hold anything on bees?",
        "What does the review process look like?",
        "What is the overview network in DETR?",
    ],
)
def test_a_question_that_only_sounds_like_a_summary_is_a_question(message: str) -> None:
    assert planned(message).mode is Mode.ASK


@pytest.mark.parametrize(
    ("message", "size"),
    [
        ("briefly summarise bandits", Length.SHORT),
        ("a short summary of bandits", Length.SHORT),
        ("tl;dr on bandits", Length.SHORT),
        ("summarise bandits in two sentences", Length.SHORT),
        ("Give me a quick overview of bandits", Length.SHORT),
        ("summarise bandits in detail", Length.LONG),
        ("a detailed overview of bandits", Length.LONG),
        ("a comprehensive survey of bandits", Length.LONG),
        ("summarise bandits at length", Length.LONG),
        ("summarise bandits", Length.NORMAL),
        ("summarise short-term memory", Length.NORMAL),
        ("an overview of long-range spatiotemporal modeling", Length.NORMAL),
        ("summarise long context models", Length.NORMAL),
    ],
)
def test_the_length_is_read_from_the_words_but_not_from_the_topic(message: str, size: Length) -> None:
    assert planned(message).length is size


def test_a_length_chosen_apart_wins() -> None:
    found = plan("briefly summarise bandits", Mode.AUTO, NOTHING, longest=400, wanted=Length.LONG)
    assert (found.length, found.topic) == (Length.LONG, "bandits")
    assert length("nothing of the kind") is None


# -- modes and commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "mode"),
    [
        ("/ask compare MiniCache and ZipCache", Mode.ASK),
        ("/compare MiniCache and ZipCache", Mode.COMPARE),
        ("/COMPARE MiniCache, ZipCache", Mode.COMPARE),
        ("  /summarise MiniCache vs ZipCache", Mode.SUMMARISE),
        ("/summarize bandits", Mode.SUMMARISE),
    ],
)
def test_a_command_decides_and_is_no_choice_of_ours(message: str, mode: Mode) -> None:
    found = planned(message)
    assert (found.mode, found.question) == (mode, " ".join(message.split()))
    assert not found.standalone.startswith("/")


@pytest.mark.parametrize("message", ["/explain it", "/help", "/Comparison of A and B"])
def test_an_unknown_command_is_refused_and_the_known_ones_named(message: str) -> None:
    with pytest.raises(InvalidQuestion, match="/ask, /compare and /summarise"):
        planned(message)


@pytest.mark.parametrize("message", ["/", "/ compare", "1/2 of the papers", "and/or"])
def test_a_slash_that_is_no_command_is_text(message: str) -> None:
    assert planned(message).mode is Mode.ASK


@pytest.mark.parametrize("message", ["/ask", "/compare", "/compare   "])
def test_a_command_with_nothing_behind_it_is_empty(message: str) -> None:
    with pytest.raises(InvalidQuestion, match="empty"):
        planned(message)


@pytest.mark.parametrize(
    "message", ["MiniCache", "compare MiniCache", "MiniCache and MiniCache", "the MiniCache paper"]
)
def test_one_subject_alone_cannot_be_compared_where_a_comparison_was_chosen(message: str) -> None:
    with pytest.raises(InvalidQuestion, match="two things or more"):
        planned(message, mode=Mode.COMPARE)


def test_one_subject_is_compared_with_what_was_spoken_of_where_a_comparison_was_chosen() -> None:
    assert planned("ZipCache", AFTER_QUESTION, Mode.COMPARE).subjects == ("MiniCache", "ZipCache")


@pytest.mark.parametrize(
    "message", ["MiniCache, ZipCache", "MiniCache and ZipCache", "MiniCache ; ZipCache", "MiniCache or ZipCache"]
)
def test_a_bare_list_is_enough_where_a_comparison_was_chosen(message: str) -> None:
    found = planned(message, mode=Mode.COMPARE)
    assert (found.mode, found.subjects, found.automatic) == (Mode.COMPARE, ("MiniCache", "ZipCache"), False)


def test_a_bare_topic_is_enough_where_a_summary_was_chosen() -> None:
    assert planned("bandits", mode=Mode.SUMMARISE).topic == "bandits"
    assert planned("this collection", mode=Mode.SUMMARISE).topic == ""


# -- follow-ups -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        "and how does that compare with ZipCache?",
        "How does it differ from ZipCache?",
        "is it faster than ZipCache?",
        "compare it with ZipCache",
        "compare this to ZipCache",
        "and how does ZipCache compare?",
        "what's the difference between it and ZipCache?",
    ],
)
def test_a_pronoun_in_a_comparison_is_what_was_spoken_of(message: str) -> None:
    found = planned(message, AFTER_QUESTION)
    assert found.mode is Mode.COMPARE
    assert set(found.subjects) == {"MiniCache", "ZipCache"}
    assert found.standalone.startswith("Compare ") and "MiniCache" in found.standalone


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("how do they compare with TabPFN?", ("MiniCache", "ZipCache", "TabPFN")),
        ("compare the second one with TabPFN", ("ZipCache", "TabPFN")),
        ("how does the former differ from TabPFN?", ("MiniCache", "TabPFN")),
        ("and TabPFN?", ("MiniCache", "ZipCache", "TabPFN")),
        ("how do they differ?", ("MiniCache", "ZipCache")),
        ("which of them is faster?", ("MiniCache", "ZipCache")),
    ],
)
def test_a_comparison_is_followed_up_with_its_subjects(message: str, named: tuple[str, ...]) -> None:
    found = planned(message, AFTER_COMPARISON)
    assert (found.mode, found.subjects) == (Mode.COMPARE, named)


@pytest.mark.parametrize(
    "message", ["What is TabPFN?", "How does TabPFN work?", "Who wrote Digi-Q?", "What is a bandit?"]
)
@pytest.mark.parametrize("before", [AFTER_QUESTION, AFTER_COMPARISON, AFTER_SUMMARY])
def test_a_question_of_its_own_is_one_behind_any_turn(message: str, before: Before) -> None:
    found = planned(message, before)
    assert (found.mode, found.standalone) == (Mode.ASK, message)


@pytest.mark.parametrize("message", ["and how does that compare with ZipCache?", "which of the two is faster?"])
def test_a_follow_up_without_anything_before_it_is_a_question(message: str) -> None:
    assert planned(message).mode is Mode.ASK


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("more on the second theme", 1),
        ("Tell me more about the first theme", 0),
        ("and the last one?", 2),
        ("theme 3", 2),
        ("expand on topic #2", 1),
        ("details on the third group please", 2),
        ("more about quantization", 1),
        ("quantization", 1),
        ("go deeper into attention sinks", 0),
        ("more on the fourth theme", None),
        ("more on bandits", None),
        ("What is quantization used for?", None),
    ],
)
def test_a_theme_of_the_summary_before_is_meant_by_its_number_or_name(message: str, place: int | None) -> None:
    assert theme(message, [item.name for item in THEMES]) == place
    found = planned(message, AFTER_SUMMARY)
    if place is not None:
        chosen = THEMES[place]
        assert (found.mode, found.topic, found.within) == (Mode.SUMMARISE, chosen.name, chosen.papers)
        assert found.standalone == f"More on {chosen.name}"
    else:
        assert found.within == ()


def test_themes_of_an_earlier_summary_are_no_commands_for_a_question_or_comparison_that_was_chosen() -> None:
    assert planned("more on the second theme", AFTER_SUMMARY, Mode.ASK).within == ()


@pytest.mark.parametrize(
    "message",
    [
        "How do the first and the second theme differ?",
        "What is the second point of contention in offline RL?",
        "What did the first group of patients get?",
    ],
)
def test_an_ordinal_inside_a_question_of_its_own_is_no_theme(message: str) -> None:
    assert planned(message, AFTER_SUMMARY).within == ()


def test_the_parts_of_intent_say_none_where_a_message_asks_for_something_else() -> None:
    assert comparison("What is TabPFN?") is None
    assert summary("What is TabPFN?") is None
    assert theme("What is TabPFN?", []) is None
