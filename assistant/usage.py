"""What a turn cost."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of all calls of a turn; `estimated` when the server did not count them."""

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.estimated or other.estimated,
        )

    def cost(self, model: str, prices: Mapping[str, tuple[float, float]]) -> float | None:
        """US dollars by a table of prices per million tokens in and out; None for a model that is not in it."""
        if model not in prices:
            return None
        price_in, price_out = prices[model]
        return (self.prompt_tokens * price_in + self.completion_tokens * price_out) / 1_000_000
