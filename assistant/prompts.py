"""Prompts as files: a head that declares the variables, then the text (LlamaIndex's RichPromptTemplate)."""

import importlib.resources
import re
from pathlib import Path

from banks import env  # type: ignore[import-untyped]  # what LlamaIndex fills templates in with
from llama_index.core.prompts import RichPromptTemplate

from .errors import InvalidSettings

VARIABLES: dict[str, frozenset[str]] = {
    "answer_system": frozenset({"fence"}),
    "answer_user": frozenset({"fence", "papers", "question"}),
    "judge": frozenset({"claims", "fence"}),
    "compare_system": frozenset({"fence"}),
    "compare_user": frozenset({"columns", "fence", "missing", "papers", "question", "rows"}),
    "language": frozenset({"language"}),
    "length": frozenset({"length"}),
    "notes": frozenset({"fence", "papers", "topic"}),
    "plan": frozenset({"history", "message"}),
    "summarise_system": frozenset({"fence"}),
    "summarise_user": frozenset({"fence", "length", "papers", "question"}),
}
"""What the code gives to each prompt; every file must declare and use exactly these."""

_HEAD = re.compile(r"\A---\nvariables:(?P<names>[^\n]*)\n---\n(?P<text>.*)\Z", re.DOTALL)


class Prompts:
    """The prompts of the package, each replaced by a file of the same name in `folder` if it is there."""

    def __init__(self, folder: Path | None = None) -> None:
        """Reads all prompts. Raises `InvalidSettings` if one is malformed or has other variables than it is given."""
        # LlamaIndex compiles a template whenever it is filled in: 3 ms, three times for a question.
        self._templates = {name: env.from_string(self._load(name, folder).template_str) for name in VARIABLES}

    def render(self, name: str, **variables: str) -> str:
        """The text of a prompt. Values are put in as they are and never rendered themselves."""
        filled: str = self._templates[name].render(variables)
        return filled.strip()

    @staticmethod
    def _load(name: str, folder: Path | None) -> RichPromptTemplate:
        own = folder / f"{name}.md" if folder else None
        if own and own.is_file():
            source, text = str(own), own.read_text(encoding="utf-8")
        else:
            file = importlib.resources.files("prompts") / f"{name}.md"
            source, text = f"prompts/{name}.md", file.read_text(encoding="utf-8")
        head = _HEAD.match(text)
        if not head:
            raise InvalidSettings(f"{source} must begin with `---`, a line `variables: ...` and `---`.")
        declared = frozenset(part.strip() for part in head["names"].split(",") if part.strip())
        try:
            template = RichPromptTemplate(head["text"])
        except Exception as error:  # Jinja's, which is no dependency of ours to name
            raise InvalidSettings(f"{source} is not a template that can be read: {error}") from error
        if template.is_chat_template:
            raise InvalidSettings(f"{source} must be one text, without `{{% chat %}}`.")
        used = frozenset(template.template_vars)
        if not declared == used == VARIABLES[name]:
            wanted = ", ".join(sorted(VARIABLES[name]))
            raise InvalidSettings(
                f"{source} must declare and use exactly these variables: {wanted}; "
                f"it declares {', '.join(sorted(declared)) or 'none'} and uses {', '.join(sorted(used)) or 'none'}."
            )
        return template
