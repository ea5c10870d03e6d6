"""Everything that the server offers, called by raw HTTP: by nobody, by somebody else, and by one who is no admin."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from assistant import Archive
from index_store import Catalogue, Selection, open_catalogue
from ui import words

from . import raw
from .browser import QUESTION, served, with_users

ADMINS = {
    "collect", "uncollect", "remove-these", "remove-this", "undo-remove", "add-sample", "remove-sample", "drop",
    "add-identifiers", "cancel-adding", "connect", "disconnect",
}  # fmt: skip
OPEN = {"/sign-in", "/sign-in.css", "/healthz", "/readyz", "/favicon.ico", "/fonts"}
SECURITY = Path(__file__).parents[2] / "SECURITY.md"
SECRET = "What does nobody else read about MiniCache?"


@pytest.fixture(scope="module")
def home(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_users(Path(shutil.copytree(sample_home, tmp_path_factory.mktemp("rights") / "home")))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(home) as address:
        yield address


@pytest.fixture
def ann(address: str) -> Iterator[httpx.Client]:
    with raw.client(address, "ann") as page:
        yield page


@pytest.fixture
def bob(address: str) -> Iterator[httpx.Client]:
    with raw.client(address, "bob") as page:
        yield page


@pytest.fixture
def nobody(address: str) -> Iterator[httpx.Client]:
    with raw.client(address) as page:
        yield page


# In a process of its own: an app that is made and not run leaves event loops behind.
_ROUTES = """
import json, sys
from pathlib import Path
from starlette.routing import Mount, Route
from assistant import Assistant
from ui.server import create_app

found = []
with Assistant.open(Path(sys.argv[1])) as assistant:
    waiting = [("", route) for route in create_app(assistant).routes]
    while waiting:
        above, route = waiting.pop(0)
        if isinstance(route, Mount) and route.routes:
            waiting += [(above + route.path, inner) for inner in route.routes]
        elif isinstance(route, Mount):
            found.append(("GET", above + route.path))
        elif hasattr(route, "original_router"):  # FastAPI's way to keep a router that is part of another
            waiting += [(above, inner) for inner in route.original_router.routes]
        elif isinstance(route, Route):
            found += [(method, above + route.path) for method in sorted(route.methods or ())]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def routes(sample_home: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Every method and path that the server has a function for, Gradio's own included."""
    home = shutil.copytree(sample_home, tmp_path_factory.mktemp("routes") / "home")
    printed = subprocess.run([sys.executable, "-c", _ROUTES, home], capture_output=True, check=True, text=True).stdout
    return [(method, path) for method, path in json.loads(printed.splitlines()[-1])]


def asked(path: str) -> str:
    """An address that a path stands for."""
    return path.replace("{api_name}", "predict").replace(":path}", "}").replace("{", "x").replace("}", "") or "/"


def asking(page: httpx.Client) -> dict[str, Any]:
    (function,) = [each for each in raw.functions(page) if "send" in raw.names(page, each)]
    return dict(function)


def ask(page: httpx.Client, session: str, question: str) -> str:
    function = asking(page)
    data = [question, "auto", None, None, None, "", "", "", "", "", False, None]
    told = raw.call(page, function, session, data)
    assert told[-1]["success"], told[-1]
    return json.dumps(told)


@contextmanager
def unchanged(home: Path) -> Iterator[None]:
    """Fails unless the library is as it was: nothing was written, also nothing that was taken back."""

    def state(catalogue: Catalogue) -> tuple[Any, ...]:
        papers = catalogue.listing(Selection(), limit=None).papers
        return papers, catalogue.collections(), catalogue.sources(), catalogue.meta("sample_offered")

    catalogue = open_catalogue(home)
    try:
        before, changes = state(catalogue), catalogue.changes()
        assert len(before[0]) == 97
        yield
        assert state(catalogue) == before
        assert catalogue.changes() == changes
    finally:
        catalogue.close()


def filled(page: httpx.Client, function: raw.Dependency) -> list[Any]:
    """Inputs with something in every field that takes text."""
    text = {
        each["id"]
        for each in page.get("/config").json()["components"]
        if each["type"] == "textbox" or each["props"].get("allow_custom_value")
    }
    return ["mine" if part in text else None for part in function["inputs"]]


def unsigned(routes: list[tuple[str, str]], nobody: httpx.Client) -> dict[tuple[str, str], int]:
    """What nobody is answered at each of the addresses that need sign-in."""
    return {
        (method, path): nobody.request(method, asked(path)).status_code for method, path in routes if path not in OPEN
    }


def tried(answers: dict[tuple[str, str], int], page: httpx.Client) -> str:
    """The list of what was tried, as SECURITY.md has it."""
    named: dict[str, set[str]] = {"open": {f"`{path}`" for path in OPEN}, "signed": set(), "closed": set()}
    for (method, path), status in answers.items():
        named["closed" if status == 404 else "signed"].add(f"`{method} {path}`")
    functions = raw.functions(page)
    admins = [each for each in functions if raw.names(page, each) & ADMINS]
    lines = [
        f"**Open to everybody:** {', '.join(sorted(named['open']))}",
        f"**For those who are signed in:** {', '.join(sorted(named['signed']))}",
        f"**Part of Gradio, and not there:** {', '.join(sorted(named['closed']))}",
        f"**Functions of the page:** {len(functions)}, each called by its number; {len(admins)} are an admin's: "
        + ", ".join(f"`{name}`" for name in sorted(ADMINS)),
    ]
    return "\n\n".join(lines)


def test_the_list_of_what_was_tried_is_in_the_docs(
    routes: list[tuple[str, str]], nobody: httpx.Client, ann: httpx.Client
) -> None:
    assert tried(unsigned(routes, nobody), ann) in SECURITY.read_text(encoding="utf-8")


def test_nobody_gets_anything_but_the_sign_in_page(routes: list[tuple[str, str]], nobody: httpx.Client) -> None:
    answers = unsigned(routes, nobody)
    assert len(answers) > 50
    assert answers.pop(("GET", "/")) == answers.pop(("HEAD", "/")) == 303
    assert set(answers.values()) <= {401, 404}
    assert answers[("POST", "/gradio_api/queue/join")] == answers[("GET", "/save/{conversation_id}/{kind}")] == 401


def test_nobody_runs_a_function_by_its_number(nobody: httpx.Client, ann: httpx.Client) -> None:
    functions = raw.functions(ann)
    assert len(functions) > 40
    for function in functions:
        assert raw.join(nobody, function, raw.new_session()).status_code == 401
        body = {"fn_index": function["id"], "data": [], "session_hash": raw.new_session()}
        for way in ("run", "api", "call"):
            assert nobody.post(f"/gradio_api/{way}/predict", json=body).status_code in (401, 404)


def test_what_is_an_admins_is_refused_to_others_inside_the_function(
    home: Path, ann: httpx.Client, bob: httpx.Client
) -> None:
    functions = {raw_id: each for each in raw.functions(ann) for raw_id in raw.names(ann, each) & ADMINS}
    assert functions.keys() == ADMINS
    with unchanged(home):
        for name, function in functions.items():
            said = raw.call(bob, function, raw.new_session())[-1]
            assert not said["success"], name
            assert said["output"]["error"] == words.ADMINS_ONLY, name
            data = [None] * len(function["inputs"])
            body = {"fn_index": function["id"], "data": data, "session_hash": raw.new_session()}
            answer = bob.post("/gradio_api/run/predict", json=body)
            assert (answer.status_code, answer.json()["error"]) == (500, words.ADMINS_ONLY), name


def test_no_function_at_all_changes_the_library_for_one_who_is_no_admin(home: Path, bob: httpx.Client) -> None:
    functions = raw.functions(bob)
    (select,) = [each for each in functions if "select-all" in raw.names(bob, each)]
    (table,) = [each for each in functions if "papers" in raw.names(bob, each)]
    catalogue = open_catalogue(home)
    (paper,) = catalogue.listing(Selection(), limit=1).papers
    catalogue.close()
    with unchanged(home):
        for function in functions:
            session = raw.new_session()
            assert raw.call(bob, select, session)[-1]["success"]
            assert raw.call(bob, table, session, deed="open", of=paper.id)[-1]["success"]
            for data in (None, filled(bob, function)):
                raw.call(bob, function, session, data)


def test_the_page_tells_the_settings_to_admins_only(bob: httpx.Client, ann: httpx.Client) -> None:
    said = "api.openai.com"
    assert said not in bob.get("/config").text and said not in bob.get("/").text
    (filled,) = [
        each
        for each in raw.functions(ann)
        if len(each["outputs"]) == 7 and ("load" in {event for _, event in each["targets"]})
    ]
    assert said not in json.dumps(raw.call(bob, filled, raw.new_session()))
    assert said in json.dumps(raw.call(ann, filled, raw.new_session()))


def test_a_conversation_is_its_owners_whatever_is_called(home: Path, ann: httpx.Client, bob: httpx.Client) -> None:
    assert SECRET in ask(ann, raw.new_session(), SECRET)
    archive = Archive(home / "conversations.sqlite3")
    (listed,) = archive.of("ann").list("nobody else read")
    before = archive.of("ann").open(listed.id)
    assert ann.get(f"/save/{listed.id}/markdown").status_code == 200
    assert bob.get(f"/save/{listed.id}/markdown").status_code == 404
    with unchanged(home):
        for function in raw.functions(bob):
            if ADMINS & raw.names(bob, function):
                continue
            for event in ({}, *({"deed": deed, "of": listed.id, "value": "x"} for deed in ("open", "delete", "name"))):
                data = [listed.id if place == 0 else None for place in range(len(function["inputs"]))]
                session = raw.new_session()
                joined = raw.join(bob, function, session, data, **event)
                if joined.status_code != 200:  # the values do not fit the components
                    continue
                told = json.dumps(raw.call(bob, function, session, data, **event))
                assert SECRET not in told, function["id"]
    assert archive.of("ann").open(listed.id) == before
    archive.close()


def test_a_page_is_of_whoever_opened_it(ann: httpx.Client, bob: httpx.Client) -> None:
    session = raw.new_session()
    ask(ann, session, QUESTION)
    for function in raw.functions(bob):
        refused = raw.join(bob, function, session)
        assert (refused.status_code, refused.text) == (403, words.NOT_YOURS)
    for method, path, body in (
        ("GET", f"/gradio_api/queue/data?session_hash={session}", None),
        ("GET", f"/gradio_api/heartbeat/{session}", None),
        ("POST", "/gradio_api/run/predict", {"fn_index": 0, "data": [], "session_hash": session}),
        ("POST", "/gradio_api/cancel", {"fn_index": 0, "event_id": "x", "session_hash": session}),
    ):
        refused = bob.request(method, path, json=body)
        assert (refused.status_code, refused.text) == (403, words.NOT_YOURS), path
    nameless = bob.post("/gradio_api/queue/join", json={"fn_index": 0, "data": []})
    assert (nameless.status_code, nameless.text) == (400, words.NO_PAGE)


def test_no_answer_may_be_read_by_another_sites_page(ann: httpx.Client) -> None:
    foreign = {"Origin": "https://evil.example"}
    asking_first = {**foreign, "Access-Control-Request-Method": "POST"}
    for answer in (
        ann.get("/config", headers=foreign),
        ann.options("/config", headers=asking_first),
        ann.options("/gradio_api/queue/join", headers=asking_first),
    ):
        assert [name for name in answer.headers if name.startswith("access-control-")] == []
    assert ann.get("/config", headers=foreign).json()["dependencies"]


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd", "/gradio_api/file=users.json", "/gradio_api/file/etc/passwd",
        "/gradio_api/file=http://127.0.0.1:1/", "/gradio_api/proxy=http://127.0.0.1:1/", "/file=/etc/passwd",
        "/fonts/../page.css", "/fonts/..%2fpage.css", "/fonts/%2e%2e/%2e%2e/app.py", "/fonts//etc/passwd",
        "/static/../../etc/passwd", "/static/..%2f..%2fetc%2fpasswd", "/assets/..%2f..%2fgradio%2froutes.py",
        "/save/..%2f..%2fusers.json/json", "/save/%2e%2e/json", "/users.json", "//etc/passwd",
        "/gradio_api/queue/../file=/etc/passwd", "/gradio_api/deep_link", "/gradio_api/runs", "/monitoring",
    ],
)  # fmt: skip
def test_no_file_is_served_that_is_not_the_pages(ann: httpx.Client, path: str) -> None:
    sent = ann.build_request("GET", "/")
    sent.url = sent.url.copy_with(raw_path=path.encode())
    answer = ann.send(sent)
    assert answer.status_code in (404, 405), answer.status_code
    assert "root:" not in answer.text and "argon2" not in answer.text and "import" not in answer.text


def test_an_upload_can_only_be_read_by_its_path_which_nobody_else_learns(ann: httpx.Client, bob: httpx.Client) -> None:
    (path,) = ann.post("/gradio_api/upload", files={"files": ("a.json", b'{"secret": 1}')}).json()
    assert bob.get(f"/gradio_api/file={path}").status_code == ann.get(f"/gradio_api/file={path}").status_code == 404
    (reading,) = [each for each in raw.functions(bob) if "read-in" in raw.names(bob, each)]
    for tried in ("/etc/passwd", str(Path(path).parent / ".." / ".." / "users.json"), "users.json"):
        file = {"path": tried, "orig_name": "x.json", "size": 1, "meta": {"_type": "gradio.FileData"}}
        told = raw.call(bob, reading, raw.new_session(), [file, None, None])
        assert not told[-1]["success"]
        assert "root:" not in json.dumps(told)
