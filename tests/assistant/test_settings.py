"""Where settings come from, which one wins, and that a misspelt one is noticed wherever it stands."""

from pathlib import Path

import pytest

from assistant import InvalidSettings, Settings, fixed_settings, load_settings, settings_table


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder; the working folder is another empty one."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.chdir(work)
    return home


def test_arguments_win_over_the_environment_over_dotenv_over_toml(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "settings.toml").write_text("port = 1\n")
    assert load_settings().port == 1
    Path(".env").write_text("RESEARCH_ASSISTANT_PORT=2\n")
    assert load_settings().port == 2
    monkeypatch.setenv("RESEARCH_ASSISTANT_PORT", "3")
    assert load_settings().port == 3
    assert load_settings(port=4).port == 4
    assert load_settings(port=None).port == 3


def test_each_source_keeps_what_the_stronger_one_does_not_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "settings.toml").write_text('search_papers = 3\nembedding_model = "wordllama"\n')
    Path(".env").write_text("RESEARCH_ASSISTANT_EMBEDDING_MODEL=minilm\n")
    monkeypatch.setenv("RESEARCH_ASSISTANT_HOST", "::1")
    found = load_settings(port=80)
    assert (found.search_papers, found.embedding_model, found.host, found.port) == (3, "minilm", "::1", 80)


def test_settings_toml_is_the_one_of_the_home_that_dotenv_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "settings.toml").write_text("port = 99\n")
    monkeypatch.delenv("RESEARCH_ASSISTANT_HOME")
    Path(".env").write_text(f"RESEARCH_ASSISTANT_HOME={other}\n")
    assert (load_settings().home, load_settings().port) == (other, 99)


def test_a_home_that_is_given_brings_its_own_settings(home: Path, tmp_path: Path) -> None:
    (home / "settings.toml").write_text("port = 1\n")
    assert load_settings(home=tmp_path / "another").port == 7860


def test_dotenv_may_hold_the_settings_of_other_programs() -> None:
    Path(".env").write_text("REDIS_URL=x\nOPENAI_ORGANIZATION=y\nOPENAI_API_KEY=sk-secret\n")
    assert load_settings().openai_api_key == "sk-secret"


@pytest.mark.parametrize("place", ["environment", ".env", "settings.toml", "argument"])
def test_an_unknown_name_is_refused_wherever_it_stands(place: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {}
    match place:
        case "environment":
            monkeypatch.setenv("RESEARCH_ASSISTANT_PROT", "80")
        case ".env":
            Path(".env").write_text("RESEARCH_ASSISTANT_PROT=80\n")
        case "settings.toml":
            (home / "settings.toml").write_text("prot = 80\n")
        case "argument":
            given = {"prot": 80}
    with pytest.raises(InvalidSettings, match=r"(?i)prot"):
        load_settings(**given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "eighty"), ("PORT", "0"), ("PORT", "65536"), ("RELEVANCE_THRESHOLD", "1.5"), ("SEARCH_PAPERS", "0")],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"RESEARCH_ASSISTANT_{name}", value)
    with pytest.raises(InvalidSettings, match=f"'{name.lower()}'") as refused:
        load_settings()
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("place", ["environment", ".env"])
def test_prices_that_are_not_json_are_refused_by_their_variable(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == ".env":
        Path(".env").write_text("RESEARCH_ASSISTANT_LLM_PRICES=cheap\n")
    else:
        monkeypatch.setenv("RESEARCH_ASSISTANT_LLM_PRICES", "cheap")
    with pytest.raises(InvalidSettings, match=r"^RESEARCH_ASSISTANT_LLM_PRICES cannot be read as JSON") as refused:
        load_settings()
    assert "settings.toml" not in str(refused.value) and "_Own" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_of_prompts_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESEARCH_ASSISTANT_PROMPTS_FOLDER", str(tmp_path / "absent"))
    with pytest.raises(
        InvalidSettings, match=r"'prompts_folder' cannot be used: there is no folder .*absent"
    ) as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    monkeypatch.setenv("RESEARCH_ASSISTANT_PROMPTS_FOLDER", str(tmp_path))
    assert load_settings().prompts_folder == tmp_path


@pytest.mark.parametrize("content", [b"port ==", b"\xff\xfe", b"[port"])
def test_a_broken_settings_file_is_named(content: bytes, home: Path) -> None:
    (home / "settings.toml").write_bytes(content)
    with pytest.raises(InvalidSettings, match=r"settings\.toml") as refused:
        load_settings()
    assert "\n" not in str(refused.value)


def test_the_key_is_not_shown_when_settings_are_printed() -> None:
    Path(".env").write_text("OPENAI_API_KEY=sk-secret\nOPENAI_BASE_URL=http://me:hidden@models.example/v1\n")
    shown = repr(load_settings()) + str(load_settings())
    assert "sk-secret" not in shown and "hidden" not in shown
    assert "http://models.example/v1" in shown


def test_every_setting_is_in_the_table_with_its_meaning() -> None:
    rows = {row.split("`")[1]: row for row in settings_table().splitlines()[2:]}
    names = {
        field.alias or f"RESEARCH_ASSISTANT_{name.upper()}": field for name, field in Settings.model_fields.items()
    }
    assert rows.keys() == names.keys()
    assert all(field.description and field.description in rows[name] for name, field in names.items())


def test_a_shared_database_without_shared_vectors_is_refused_in_one_line_that_does_not_show_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hidden@localhost/papers")
    with pytest.raises(InvalidSettings, match="DATABASE_URL is set and CHROMA_URL is not") as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    assert "hidden" not in f"{refused.value} {refused.value.__cause__!r}"


def test_the_address_of_a_database_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://reader:hidden@localhost/papers")
    monkeypatch.setenv("CHROMA_URL", "http://localhost:8000")
    settings = load_settings()
    assert settings.database is not None and "hidden" in settings.database.url
    assert "hidden" not in f"{settings} {settings!r} {settings.database} {settings.database!r}"


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://lab:marked-pw@127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ("https://host/v1?api-key=marked", "https://host/v1"),
        ("https://marked@host/v1#marked", "https://host/v1"),
        ("https://lab:marked@marked@host/v1", "https://host/v1"),
        ("https://lab:marked/or?marked#marked@host/v1", "https://host/v1"),
        ("lab:marked@host/v1", "host/v1"),
        ("http://[::1]:80/v1", "http://[::1]:80/v1"),
        ("http://host:80/v1@2", "http://host:80/v1@2"),
        ("localhost:8000", "localhost:8000"),
        ("http://[broken", "http://[broken"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_what_is_secret_in_it(address: str, shown: str) -> None:
    settings = load_settings(OPENAI_BASE_URL=address, CHROMA_URL=address, rerank_url=address)
    fixed = fixed_settings(settings)
    assert [fixed[name] for name in ("OPENAI_BASE_URL", "CHROMA_URL", "RESEARCH_ASSISTANT_RERANK_URL")] == [shown] * 3
    assert settings.shown_base_url == shown


def test_an_address_as_it_is_shown_stands_for_the_one_that_is_configured() -> None:
    address = "http://lab:marked@host/v1?api-key=k"
    settings = load_settings(OPENAI_BASE_URL=address)
    assert [settings.base_url_of(typed) for typed in ("", " http://host/v1 ", address)] == [address] * 3
    for other in ("http://host/v2", "http://elsewhere/v1", "http://guest:other@host/v1"):
        assert settings.base_url_of(other) == other


def test_passwords_and_keys_in_addresses_are_secret_as_written_and_as_meant() -> None:
    settings = load_settings(
        DATABASE_URL="postgresql://ann:one%2F%40@localhost/papers",
        CHROMA_URL="http://localhost:8000",
        OPENAI_BASE_URL="http://lab:tw%22o@host/v1?api-key=thr%2Fee&version=2024",
        rerank_url="http://host/rerank?Token=four&api_key=five&key=six",
        OPENAI_API_KEY="seven",
    )
    found = settings.secrets()
    assert {"one%2F%40", "one/@", "tw%22o", 'tw"o', "thr%2Fee", "thr/ee", "four", "five", "six", "seven"} <= {*found}
    assert not {"", "2024", "ann", "lab"} & {*found}
