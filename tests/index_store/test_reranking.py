"""Reranking against a real server on loopback: the order, the scores, both forms, and what is said when it fails."""

import json
import logging
import socket
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from assistant.testing import Reply, ScriptedServer
from index_store import EndpointReranker, RerankError, reranking

KEY = "sk-rerank-5e9d"
TEXTS = ("cats", "cats and dogs", "dogs", "fish")

Connect = Callable[..., EndpointReranker]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """Scores a text by how many words of the question it holds."""
    with ScriptedServer() as server:
        server.score = lambda query, text: len(set(query.split()) & set(text.split())) / 2
        yield server


@pytest.fixture
def connect(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> Connect:
    monkeypatch.setattr(reranking, "_WAIT", 0.01)

    def connect(**known: Any) -> EndpointReranker:
        return EndpointReranker(**{"url": server.base_url, "timeout": 5.0, **known})

    return connect


def nodes(*texts: str) -> list[NodeWithScore]:
    """Nodes with falling scores, as a search finds them."""
    return [
        NodeWithScore(node=TextNode(id_=str(place), text=text), score=9.0 - place) for place, text in enumerate(texts)
    ]


def rerank(reranker: EndpointReranker, question: str = "dogs and fish", *texts: str) -> list[tuple[str, float | None]]:
    """The ids of the nodes in their new order, with their scores."""
    ranked = reranker.postprocess_nodes(nodes(*(texts or TEXTS)), query_str=question)
    return [(found.node.node_id, found.score) for found in ranked]


def refusal(reranker: EndpointReranker) -> str:
    """The one line that a reader is told."""
    with pytest.raises(RerankError) as raised:
        rerank(reranker)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def unused_address() -> str:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


# -- the order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["documents", "texts"])
def test_the_most_relevant_come_first_with_the_scores_of_the_server_and_equal_ones_in_their_old_order(
    server: ScriptedServer, connect: Connect, form: Any
) -> None:
    server.rerank_form = form
    assert rerank(connect()) == [("1", 1.0), ("2", 0.5), ("3", 0.5), ("0", 0.0)]


def test_papers_that_the_server_leaves_out_follow_in_their_old_order_without_a_score(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue_rerank('{"results": [{"index": 2, "relevance_score": -3}, {"index": 1, "relevance_score": 0.25}]}')
    assert rerank(connect()) == [("1", 0.25), ("2", -3.0), ("0", None), ("3", None)]


def test_the_nodes_that_were_given_stay_as_they_were(connect: Connect) -> None:
    given = nodes(*TEXTS)
    connect().postprocess_nodes(given, query_str="fish")
    assert [(node.node.node_id, node.score) for node in given] == [("0", 9.0), ("1", 8.0), ("2", 7.0), ("3", 6.0)]


def test_without_papers_nothing_is_asked(server: ScriptedServer, connect: Connect) -> None:
    assert connect().postprocess_nodes([], query_str="fish") == []
    assert server.reranks == []


def test_without_a_question_it_says_so(connect: Connect) -> None:
    with pytest.raises(ValueError, match="question"):
        connect().postprocess_nodes(nodes(*TEXTS))


async def test_it_can_be_awaited(connect: Connect) -> None:
    ranked = await connect().apostprocess_nodes(nodes(*TEXTS), query_str="fish")
    assert [found.node.node_id for found in ranked] == ["3", "0", "1", "2"]


def test_a_question_with_half_a_letter_is_asked_all_the_same(connect: Connect) -> None:
    assert rerank(connect(), "fish \ud83d")[0] == ("3", 0.5)


# -- the request ------------------------------------------------------------------------------------------------------


def test_one_request_holds_the_question_all_texts_the_model_and_the_key(
    server: ScriptedServer, connect: Connect
) -> None:
    server.key = KEY
    rerank(connect(model="scripted", api_key=f" {KEY}\n"))  # as it is when copied
    (asked,) = server.reranks
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.body == {"model": "scripted", "query": "dogs and fish", "documents": list(TEXTS), "top_n": 4}


def test_without_a_model_or_a_key_none_is_sent(server: ScriptedServer, connect: Connect) -> None:
    rerank(connect())
    (asked,) = server.reranks
    assert "model" not in asked.body
    assert "Authorization" not in asked.headers


def test_the_form_that_a_server_takes_is_remembered(server: ScriptedServer, connect: Connect) -> None:
    server.rerank_form = "texts"
    reranker = connect()
    rerank(reranker)
    rerank(reranker)
    assert [("documents" in asked.body, "texts" in asked.body) for asked in server.reranks] == [
        (True, False),
        (False, True),
        (False, True),
    ]
    assert server.reranks[-1].body == {"query": "dogs and fish", "texts": list(TEXTS), "truncate": True}


def test_once_a_form_has_worked_a_refusal_is_not_about_the_form(server: ScriptedServer, connect: Connect) -> None:
    reranker = connect()
    rerank(reranker)
    server.enqueue_rerank(Reply(status=400, error="the query is too long"))
    assert "the query is too long" in refusal(reranker)
    assert len(server.reranks) == 2


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", "/rerank"),
        ("/", "/rerank"),
        ("/v2", "/v2/rerank"),
        ("/v1/", "/v1/rerank"),
        ("/v1/rerank", "/v1/rerank"),
        ("/rerank/ ", "/rerank"),
        ("/v1?version=3", "/v1/rerank?version=3"),
    ],
)
def test_the_route_is_added_where_it_is_missing(given: str, asked: str) -> None:
    assert EndpointReranker(url=f"http://localhost:8080{given}").url == f"http://localhost:8080{asked}"


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://localhost", "http://", "http://a..b", "http://host:port"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(RerankError, match="RESEARCH_ASSISTANT_RERANK_URL"):
        EndpointReranker(url=url)


def test_no_proxy_of_the_environment_stands_between(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, unused_address())
    assert len(rerank(connect())) == 4


# -- what goes wrong --------------------------------------------------------------------------------------------------

FIRST = '{"index": 0, "relevance_score": 0.5}'


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("", "not JSON"),
        ("<html>Welcome</html>", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("null", "no list of results"),
        ("{}", "no list of results"),
        ('{"results": {"index": 0}}', "no list of results"),
        ('{"results": [0.5, 0.25]}', "no list of results"),
        ('{"results": []}', "none of the papers"),
        ('{"results": [{"index": 4, "relevance_score": 0.5}]}', "none of the 4 papers"),
        ('{"results": [{"index": -1, "relevance_score": 0.5}]}', "none of the 4 papers"),
        ('{"results": [{"index": true, "relevance_score": 0.5}]}', "none of the 4 papers"),
        ('{"results": [{"index": "0", "relevance_score": 0.5}]}', "none of the 4 papers"),
        ('{"results": [{"relevance_score": 0.5}]}', "none of the 4 papers"),
        (f'{{"results": [{FIRST}, {FIRST}]}}', "two results"),
        ('{"results": [{"index": 0}]}', "score"),
        ('{"results": [{"index": 0, "relevance_score": null}]}', "score"),
        ('{"results": [{"index": 0, "relevance_score": "0.5"}]}', "score"),
        ('{"results": [{"index": 0, "relevance_score": true}]}', "score"),
        ('{"results": [{"index": 0, "relevance_score": NaN}]}', "score"),
        ('{"results": [{"index": 0, "relevance_score": Infinity}]}', "score"),
        (f'{{"results": [{{"index": 0, "relevance_score": 1{"0" * 400}}}]}}', "score"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    server: ScriptedServer, connect: Connect, answer: str, says: str
) -> None:
    server.enqueue_rerank(answer)
    told = refusal(connect())
    assert says in told
    assert "RESEARCH_ASSISTANT_RERANK_URL" in told


@pytest.mark.parametrize(
    ("status", "says", "setting"),
    [
        (301, "status 301", "URL"),
        (401, "refused the key", "API_KEY"),
        (403, "refused the key", "API_KEY"),
        (404, "no such route or model", "MODEL"),
        (413, "so many papers at once: the server's words", "PAPERS"),
        (424, "the server's words", "MODEL"),
        (429, "takes no more for now", "URL"),
        (500, "failed with error 500: the server's words", "URL"),
        (502, "failed with error 502", "URL"),
        (503, "failed with error 503", "URL"),
    ],
)
def test_every_refusal_says_which_setting_to_look_at(
    server: ScriptedServer, connect: Connect, status: int, says: str, setting: str
) -> None:
    server.enqueue_rerank(*[Reply(status=status, error="the server's words")] * 2)
    told = refusal(connect(api_key=KEY))
    assert says in told
    assert f"RESEARCH_ASSISTANT_RERANK_{setting}" in told
    assert len(server.reranks) == (2 if status in (429, 503) else 1)


def test_a_server_that_wants_a_key_and_gets_none_says_so(server: ScriptedServer, connect: Connect) -> None:
    server.key = KEY
    assert "asks for a key. Set RESEARCH_ASSISTANT_RERANK_API_KEY" in refusal(connect())


@pytest.mark.parametrize(
    ("first", "second", "shown"),
    [
        ("a model must be named", "unknown field `texts`", "a model must be named"),
        ("missing field `texts`", "`inputs` must not be empty", "`inputs` must not be empty"),
    ],
)
def test_of_two_refusals_the_one_of_the_form_that_the_server_knows_is_shown(
    server: ScriptedServer, connect: Connect, first: str, second: str, shown: str
) -> None:
    server.enqueue_rerank(Reply(status=422, error=first), Reply(status=400, error=second))
    assert f"refused the request: {shown}. Check RESEARCH_ASSISTANT_RERANK_MODEL" in refusal(connect())


def test_a_server_that_takes_fewer_texts_says_so_though_it_was_asked_in_the_other_form_first(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue_rerank(Reply(status=422, error="missing field `texts`"))
    server.enqueue_rerank(Reply(status=413, error="batch size 4 > maximum allowed batch size 3"))
    told = refusal(connect())
    assert "maximum allowed batch size 3" in told
    assert "Lower RESEARCH_ASSISTANT_RERANK_PAPERS" in told


@pytest.mark.parametrize("reply", [Reply(status=503), Reply(status=429), Reply(fault="cut")])
def test_what_may_pass_is_tried_once_more(server: ScriptedServer, connect: Connect, reply: Reply) -> None:
    server.enqueue_rerank(reply)
    assert rerank(connect())[0] == ("1", 1.0)
    assert len(server.reranks) == 2


def test_a_server_that_always_cuts_the_connection_is_left_after_the_second_time(
    server: ScriptedServer, connect: Connect
) -> None:
    server.enqueue_rerank(*[Reply(fault="cut")] * 3)
    assert "cut the connection" in refusal(connect())
    assert len(server.reranks) == 2


def test_a_server_that_is_not_there_is_named(connect: Connect) -> None:
    address = unused_address()
    assert f"No reranking server answers at {address}/rerank" in refusal(connect(url=address))


def test_a_server_that_takes_too_long_is_not_asked_again(server: ScriptedServer, connect: Connect) -> None:
    server.enqueue_rerank(Reply(first_delay=1.0))
    assert "within 0.1 seconds" in refusal(connect(timeout=0.1))
    assert len(server.reranks) == 1


# -- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 404, 413, 418, 500])
def test_a_server_that_repeats_the_key_does_not_give_it_away(
    server: ScriptedServer, connect: Connect, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.enqueue_rerank(*[Reply(status=status, error=f"{'x' * 195} {KEY} is no good\x1b[31m\n")] * 2)
    with pytest.raises(RerankError) as raised:
        rerank(connect(api_key=KEY))
    told = "".join(traceback.format_exception(raised.value))
    assert KEY[:6] not in told
    assert "\x1b" not in told
    assert KEY not in caplog.text


def test_the_key_is_in_nothing_that_is_shown_or_stored(connect: Connect) -> None:
    reranker = connect(api_key=KEY)
    for shown in (repr(reranker), str(reranker), json.dumps(reranker.to_dict()), reranker.to_json()):
        assert KEY not in shown
    with pytest.raises(ValueError, match="timeout") as raised:
        EndpointReranker(url="http://localhost", api_key=KEY, timeout=-1)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("key", [f"{KEY}\r\nHost: elsewhere", f"{KEY}…", f"{KEY}\0"])
def test_a_key_that_no_header_can_carry_is_refused_at_once_and_not_repeated(key: str) -> None:
    with pytest.raises(RerankError, match="RESEARCH_ASSISTANT_RERANK_API_KEY") as raised:
        EndpointReranker(url="http://localhost", api_key=key)
    assert KEY not in str(raised.value)


def test_a_password_in_the_address_is_not_shown() -> None:
    address = unused_address().replace("//", f"//me:{KEY}@")
    told = refusal(EndpointReranker(url=f"{address}/?token={KEY}"))
    assert KEY not in told
