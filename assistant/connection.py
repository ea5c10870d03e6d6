"""Which language model is asked, and how."""

from dataclasses import dataclass, field

from .settings import Settings

OPENAI_BASE_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True)
class Connection:
    """Which model to ask, and how. Its repr shows neither the key nor the address, which may hold a password."""

    model: str
    base_url: str = field(default=OPENAI_BASE_URL, repr=False)
    key: str = field(default="", repr=False)
    temperature: float = 0.1
    context_window: int = 8192
    max_tokens: int = 1000
    timeout: float = 60.0
    retries: int = 2
    report_usage: bool = True

    @classmethod
    def of(cls, settings: Settings, model: str = "") -> "Connection | None":
        """The connection that the settings describe, to their model or the one given; None when neither is named."""
        if not (model or settings.llm_model):
            return None
        return cls(
            model=model or settings.llm_model,
            base_url=settings.openai_base_url or OPENAI_BASE_URL,
            key=settings.openai_api_key,
            temperature=settings.llm_temperature,
            context_window=settings.llm_context_window,
            max_tokens=settings.llm_max_tokens,
            timeout=settings.llm_timeout,
            retries=settings.llm_retries,
            report_usage=settings.llm_report_usage,
        )
