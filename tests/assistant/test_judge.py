"""The optional judge: one more call for all claims, whose labels replace those of the support check."""

import pytest

from assistant import Assistant, Connection, Outcome, load_settings
from assistant.citations import Citation, Uncited
from assistant.judge import cited, read, relabel
from assistant.support import Label
from assistant.testing import Reply, ScriptedServer
from index_store import Library, sentences

from .making import make_paper

PAPER = make_paper("Alpha", "Alpha runs on a phone. Alpha needs seven watts.")


def cite(number: int, claim: int, support: str = "supported") -> Citation:
    sentence = sentences(PAPER.abstract)[number - 1]
    return Citation(1, "P1", PAPER, number, sentence.start, sentence.end, sentence.text, support, claim)


def test_claims_are_paired_with_what_they_cite() -> None:
    pieces = ["It runs ", cite(1, 1), cite(2, 1), ". It is blue", Uncited(2), ". It needs power ", cite(2, 3), "."]
    assert cited(pieces) == {
        1: ("It runs", ["Alpha runs on a phone.", "Alpha needs seven watts."]),
        3: ("It needs power", ["Alpha needs seven watts."]),
    }


@pytest.mark.parametrize(
    ("answer", "labels"),
    [
        ('{"1": "supported", "2": "not found"}', {1: Label.SUPPORTED, 2: Label.NOT_FOUND}),
        ('Sure! {"1": "partly"} I hope this helps', {1: Label.PARTLY}),
        ('{"1": "great", "x": "supported"}', {}),
        ("I cannot say", {}),
        ("{broken", {}),
    ],
)
def test_only_labels_in_the_form_asked_for_are_read(answer: str, labels: dict[int, Label]) -> None:
    assert read(answer) == labels


def test_a_claim_that_was_not_judged_keeps_its_label() -> None:
    assert relabel([cite(1, 1), cite(2, 2)], {1: Label.NOT_FOUND}) == [cite(1, 1, "not found"), cite(2, 2)]


async def test_the_judge_is_a_call_of_its_own_and_its_label_is_shown(sample_library: Library) -> None:
    with ScriptedServer() as server:
        settings = load_settings(home=sample_library.home, llm_judge=True)
        server.enqueue("MiniCache shrinks the memory footprint by 41% [P1.8].", '{"1": "not found"}')
        turn = await Assistant(sample_library, settings).answer(
            "How does MiniCache compress the KV cache?", connection=Connection("scripted", server.base_url)
        )
    written, judged = server.chats
    assert "MiniCache shrinks the memory footprint by 41%" in judged.text
    assert "MiniCache shrinks the memory footprint by 41%" not in written.text
    assert turn.support == {"supported": 0, "partly": 0, "not found": 1}
    assert [citation.support for citation in turn.citations] == ["not found"]
    assert turn.usage is not None
    assert turn.usage.calls == 2


async def test_an_answer_outlives_its_judge(sample_library: Library) -> None:
    with ScriptedServer() as server:
        settings = load_settings(home=sample_library.home, llm_judge=True)
        server.enqueue("MiniCache shrinks the memory footprint by 41% [P1.8].", Reply(status=400, error="no"))
        turn = await Assistant(sample_library, settings).answer(
            "How does MiniCache compress the KV cache?", connection=Connection("scripted", server.base_url, retries=0)
        )
    assert turn.outcome is Outcome.ANSWERED
    assert turn.support["supported"] == 1
    assert "labels are those of the support check" in turn.note
