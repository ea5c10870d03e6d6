"""Every setting, from the environment, `.env` or the home folder's `settings.toml`; makes the README's table."""

import os
import re
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from platformdirs import user_data_path
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from .addresses import address_secrets, shown_address
from .errors import InvalidSettings

if TYPE_CHECKING:
    from index_store import Postgres, Services

PREFIX = "RESEARCH_ASSISTANT_"
_FIELD = re.compile(r'field "(\w+)"')
_PATH = re.compile(r"(/[\w.~-]+)+", re.ASCII)
_ADDRESS = re.compile(r"https?://[^\s/]\S*")


class Settings(BaseSettings):
    """All settings with their defaults. Unknown names are refused, so that a misspelt one is noticed."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    home: Annotated[Path, Field(description="Folder of the library. Default: the platform's folder for user data.")] = (
        Field(default_factory=lambda: user_data_path("research-assistant"))
    )
    embedding_model: Annotated[
        str,
        Field(
            description="`minilm` (bundled, default), `wordllama` (bundled, about fifty times faster, less precise) "
            "or `openai:NAME` for an OpenAI-compatible endpoint. After a change run `research-assistant rebuild`."
        ),
    ] = "minilm"
    relevance_threshold: Annotated[
        float,
        Field(ge=0, le=1, description="Below this relevance (0 to 1) the answer is “not in this collection”."),
    ] = 0.52
    search_papers: Annotated[int, Field(ge=1, le=50, description="How many papers a question looks at closely.")] = 8
    rerank_url: Annotated[
        str,
        Field(
            description="Address of a reranking endpoint, which puts what the search found into a better order. Empty: "
            "no reranking."
        ),
    ] = ""
    rerank_model: Annotated[
        str, Field(description="Name of the model that reranks; empty for a server that has only one.")
    ] = ""
    rerank_api_key: Annotated[str, Field(repr=False, description="Key for the reranking endpoint.")] = ""
    rerank_papers: Annotated[
        int, Field(ge=2, le=200, description="How many of the papers found are given to the reranking endpoint.")
    ] = 50
    chroma_url: Annotated[
        str,
        Field(
            alias="CHROMA_URL",
            description="Address of a Chroma server that keeps the vectors, such as `http://localhost:8000`. Empty: in "
            "the home folder, which one process at a time may then use.",
        ),
    ] = ""
    chroma_token: Annotated[
        str, Field(alias="CHROMA_TOKEN", repr=False, description="Token for the Chroma server or Chroma Cloud.")
    ] = ""
    chroma_tenant: Annotated[str, Field(alias="CHROMA_TENANT", description="Tenant on that server.")] = "default_tenant"
    chroma_database: Annotated[str, Field(alias="CHROMA_DATABASE", description="Database of that tenant.")] = (
        "default_database"
    )
    database_url: Annotated[
        str,
        Field(
            alias="DATABASE_URL",
            repr=False,
            description="Address of a PostgreSQL database that keeps the papers and the conversations, such as "
            "`postgresql://user:password@localhost/papers`; needs `CHROMA_URL` too. Any number of processes, each with "
            "a home folder, then share the library. Empty: SQLite files in the home folder.",
        ),
    ] = ""
    summary_papers: Annotated[int, Field(ge=2, le=200, description="How many papers a summary takes in at most.")] = 40
    summary_calls: Annotated[
        int,
        Field(ge=1, le=100, description="How often a summary may ask the model to read papers; the rest stays unread."),
    ] = 12
    max_upload_mb: Annotated[
        int, Field(ge=1, description="Megabytes of files that may be dropped on the page at once.")
    ] = 2000
    max_question_characters: Annotated[int, Field(ge=1, description="Longer questions are refused.")] = 4000
    turns_at_once: Annotated[
        int, Field(ge=1, description="Questions that are answered at once; those asked meanwhile wait in a line.")
    ] = 64
    turns_per_user: Annotated[
        int, Field(ge=1, description="Questions of one user, where one signs in, that are answered at once.")
    ] = 4
    llm_model: Annotated[
        str, Field(description="Name of the model that writes answers. Empty: quoting mode, no model is asked.")
    ] = ""
    openai_api_key: Annotated[
        str, Field(alias="OPENAI_API_KEY", repr=False, description="Key for the OpenAI-compatible endpoint.")
    ] = ""
    openai_base_url: Annotated[
        str, Field(alias="OPENAI_BASE_URL", description="Address of the OpenAI-compatible endpoint.")
    ] = "https://api.openai.com/v1"
    llm_temperature: Annotated[float, Field(ge=0, le=2, description="0 is the most predictable.")] = 0.1
    llm_context_window: Annotated[
        int, Field(ge=1, description="Tokens that the model takes in and gives out together.")
    ] = 8192
    llm_max_tokens: Annotated[int, Field(ge=1, description="Longest answer, in tokens.")] = 1000
    llm_timeout: Annotated[float, Field(gt=0, description="Seconds without a sign of life before giving up.")] = 60.0
    llm_retries: Annotated[
        int, Field(ge=0, le=10, description="How often a call is repeated that failed before its first word.")
    ] = 2
    llm_report_usage: Annotated[
        bool, Field(description="Ask the server to count tokens; some refuse a request that asks so.")
    ] = True
    llm_judge: Annotated[
        bool, Field(description="Let the model judge every claim of an answer once more, in a call of its own.")
    ] = False
    llm_prices: Annotated[
        dict[str, tuple[float, float]],
        Field(description='US dollars per million tokens in and out, by model: `{"NAME": [0.15, 0.60]}`.'),
    ] = {}
    arxiv_url: Annotated[str, Field(description="Address where arXiv is asked for papers.")] = (
        "https://export.arxiv.org/api/query"
    )
    doi_url: Annotated[str, Field(description="Address where papers are asked for by their DOI.")] = "https://doi.org"
    abstracts_url: Annotated[
        str, Field(description="Address of Semantic Scholar, asked for the abstract of a DOI that came without one.")
    ] = "https://api.semanticscholar.org/graph/v1"
    contact: Annotated[
        str,
        Field(description="Your e-mail address, so that these services know whom to write to; sent only to them."),
    ] = ""
    prompts_folder: Annotated[
        Path | None, Field(description="Folder whose files replace those of `prompts/` that have the same name.")
    ] = None
    host: Annotated[
        str, Field(description="Address the page listens on. Any but this machine's own needs sign-in.")
    ] = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535, description="Port the page listens on.")] = 7860
    log_format: Annotated[
        Literal["plain", "json"], Field(description="Form of the lines on stderr: `plain`, or `json` for machines.")
    ] = "plain"
    log_level: Annotated[
        Literal["debug", "info", "warning"],
        Field(description="What is logged: `info` has a line per question, `debug` also what libraries say."),
    ] = "info"
    log_questions: Annotated[bool, Field(description="Log also what was asked.")] = False
    root_path: Annotated[
        str, Field(description="Path under which a reverse proxy has the page, such as `/papers`. Empty: none.")
    ] = ""
    users_file: Annotated[
        Path | None,
        Field(description="File of those who may sign in, see `user`. Default: `users.json` in the home folder."),
    ] = None
    session_hours: Annotated[float, Field(gt=0, le=8760, description="Hours until one has to sign in again.")] = 12.0
    trusted_proxies: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(
            description="Addresses or networks, separated by commas, of reverse proxies whose `X-Forwarded-*` headers "
            "and user header are believed. Empty: none."
        ),
    ] = ()
    trusted_user_header: Annotated[
        str,
        Field(
            description="Header in which such a proxy says who is signed in, such as `X-Forwarded-User`. Empty: none."
        ),
    ] = ""
    admins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(description="Names, separated by commas, of the admins among those whom the proxy signs in."),
    ] = ()

    @field_validator("trusted_proxies", "admins", mode="before")
    @classmethod
    def _are_listed(cls, given: Any) -> Any:
        return tuple(filter(None, (part.strip() for part in given.split(",")))) if isinstance(given, str) else given

    @field_validator("trusted_proxies")
    @classmethod
    def _are_addresses(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            ip_network(each, strict=False)
        return given

    @field_validator("root_path")
    @classmethod
    def _is_path(cls, path: str) -> str:
        if path.strip("/") and not _PATH.fullmatch(path.rstrip("/")):
            raise ValueError(f"{path!r} is no path; it begins with / and holds letters, digits and - . _ ~ only")
        return path.rstrip("/")

    @model_validator(mode="after")
    def _has_proxy(self) -> Self:
        if self.trusted_user_header and not self.trusted_proxies:
            raise ValueError(
                f"{PREFIX}TRUSTED_USER_HEADER is believed of proxies only; name theirs in {PREFIX}TRUSTED_PROXIES"
            )
        return self

    @property
    def users_path(self) -> Path:
        """The file of those who may sign in."""
        return self.users_file or self.home / "users.json"

    @field_validator("arxiv_url", "doi_url", "abstracts_url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        if not _ADDRESS.fullmatch(url):
            raise ValueError(f"{url!r} is no address of a server; it begins with https:// or http://")
        return url.rstrip("/")

    @field_validator("prompts_folder")
    @classmethod
    def _is_there(cls, folder: Path | None) -> Path | None:
        if folder and not folder.is_dir():
            raise ValueError(f"there is no folder {folder}")
        return folder

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """What `repr` and `str` show: addresses without what is secret in them."""
        for name, value in super().__repr_args__():
            yield name, shown_address(value) if name and name.endswith("_url") else value

    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: keys, tokens, and the passwords and keys in addresses in every form of theirs."""
        fields = type(self).model_fields
        whole = [getattr(self, name) for name, field in fields.items() if not field.repr]
        addresses = [getattr(self, name) for name in fields if name.endswith("_url")]
        inside = [secret for address in addresses for secret in address_secrets(address)]
        return tuple(dict.fromkeys(filter(None, [*whole, *inside])))

    @property
    def shown_base_url(self) -> str:
        """The address of the model's endpoint as it may be shown."""
        return shown_address(self.openai_base_url)

    def base_url_of(self, typed: str) -> str:
        """The address that a field stands for: left empty or as it was shown, the configured one with its password."""
        typed = typed.strip()
        return self.openai_base_url if typed in ("", self.shown_base_url) else typed

    @model_validator(mode="after")
    def _are_shared_together(self) -> "Settings":
        if self.database_url and not self.chroma_url:
            raise ValueError(
                "DATABASE_URL is set and CHROMA_URL is not, so that the papers would be shared and their vectors not"
            )
        return self

    @property
    def database(self) -> "Postgres | None":
        """The database that is shared, if there is one. Raises `LibraryUnreadable` for an address that cannot be."""
        from index_store import Postgres

        return Postgres(self.database_url) if self.database_url else None

    @property
    def services(self) -> "Services":
        """Where papers are fetched from by their identifiers."""
        from index_store import Services

        return Services(self.arxiv_url, self.doi_url, self.abstracts_url, self.contact)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, that over `.env`, that over `settings.toml`."""
        given = init_settings()
        dotenv = _OwnDotEnv(settings_cls, env_file=Path(".env"))
        home = given.get("home") or os.environ.get(f"{PREFIX}HOME") or dotenv().get("home")
        home = home or user_data_path("research-assistant")
        toml = TomlConfigSettingsSource(settings_cls, Path(home) / "settings.toml")
        return (
            init_settings,
            _OwnEnvironment(settings_cls),
            dotenv,
            toml,
        )


class _OwnEnvironment(EnvSettingsSource):
    """Names with our prefix that are no setting go in too, to be refused like any other."""

    def __call__(self) -> dict[str, Any]:
        known = {f"{PREFIX}{name}".lower() for name in self.settings_cls.model_fields}
        ours = {name.lower(): value for name, value in os.environ.items() if name.lower().startswith(PREFIX.lower())}
        return {name: value for name, value in ours.items() if name not in known} | super().__call__()


class _OwnDotEnv(DotEnvSettingsSource):
    """`.env` is shared with other programs: only names with our prefix are held to be ours."""

    def __call__(self) -> dict[str, Any]:
        known = {field.alias or name for name, field in self.settings_cls.model_fields.items()}
        return {
            name: value
            for name, value in super().__call__().items()
            if name in known or name.lower().startswith(PREFIX.lower())
        }


def load_settings(**given: Any) -> Settings:
    """The settings, with arguments that are not None on top. Raises `InvalidSettings` naming the first bad one."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        which = f"The setting {name!r}" if name else "These settings"
        raise InvalidSettings(f"{which} cannot be used: {reason}. The README lists every setting.") from error
    except SettingsError as error:  # a variable that must hold JSON and does not
        field = _FIELD.search(str(error))
        variable = f"{PREFIX}{field[1].upper()}" if field else "A setting"
        raise InvalidSettings(
            f"{variable} cannot be read as JSON: {error.__cause__ or error}. The README lists every setting."
        ) from error
    except ValueError as error:  # tomllib's complaint about the file's syntax
        raise InvalidSettings(f"settings.toml cannot be read: {error}.") from error


def fixed_settings(settings: Settings) -> dict[str, str]:
    """What is set, by its name in the environment, without what is secret; a change needs a restart."""
    return {
        field.alias or f"{PREFIX}{name.upper()}": _shown(name, getattr(settings, name))
        for name, field in Settings.model_fields.items()
        if field.repr
    }


def _shown(name: str, value: Any) -> str:
    if name.endswith("_url"):
        return shown_address(value)
    return ", ".join(value) if isinstance(value, tuple) else "" if value in (None, {}) else str(value)


def settings_table() -> str:
    """A Markdown table of every setting: its name in the environment, its default and what it does."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        variable = field.alias or f"{PREFIX}{name.upper()}"
        default = "" if field.default_factory else f"`{field.default}`" if field.default not in ("", ()) else "empty"
        lines.append(f"| `{variable}` | {default} | {field.description} |")
    return "\n".join(lines)
