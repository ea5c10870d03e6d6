"""Maths in an answer, as MathML, which browsers draw and read aloud by themselves."""

from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

import nh3
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

# Not a single dollar sign, which in abstracts is mostly a price.
_SIGNS = ((r"\(", r"\)", "inline"), (r"\[", r"\]", "block"), ("$$", "$$", "block"))
_LONGEST = 1000  # characters; what is longer stays text
_TAGS = set(
    "math mfrac mi mn mo mover mpadded mphantom mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext "
    "mtr munder munderover".split()
)
_ATTRIBUTES = set(
    "accent columnalign columnspacing display displaystyle fence form height linethickness lspace mathsize mathvariant "
    "maxsize minsize movablelimits rowspacing rspace scriptlevel separator stretchy symmetric width".split()
)


def add_maths(markdown: MarkdownIt) -> None:
    """Has `\\(...\\)`, `\\[...\\]` and `$$...$$` read as maths.

    The rendered text holds a place for each (U+E002, its number, U+E003), and `env["maths"]` what belongs there: tags
    that the cleaning of the rest would not know.
    """
    markdown.inline.ruler.before("escape", "maths", _read)
    markdown.add_render_rule("maths", _place)


def _read(state: StateInline, silent: bool) -> bool:
    # A backslash that was itself escaped, as it is in quotations, opens nothing.
    if state.src[state.pos] not in "\\$" or state.pending.endswith("\\"):
        return False
    for opening, closing, display in _SIGNS:
        if not state.src.startswith(opening, state.pos):
            continue
        end = state.src.find(closing, state.pos + 2)
        latex = state.src[state.pos + 2 : end].strip()
        if end < 0 or not latex or len(latex) > _LONGEST or "\ue000" in latex:
            return False
        if not silent:
            token = state.push("maths", "math", 0)
            token.content, token.info = latex, display
        state.pos = end + 2
        return True
    return False


def _place(
    _: RendererProtocol, tokens: Sequence[Token], place: int, __: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    found = env.setdefault("maths", [])
    found.append(_mathml(tokens[place].content, tokens[place].info))
    return f"\ue002{len(found) - 1}\ue003"


def _mathml(latex: str, display: str) -> str:
    try:
        markup = convert(latex, display=display)
    except Exception:  # whatever the converter makes of what is no LaTeX, the reader sees what was written
        return f"<code>{escape(latex)}</code>"
    return nh3.clean(markup, tags=_TAGS, attributes={"*": _ATTRIBUTES})
