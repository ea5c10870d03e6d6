"""HTML and JATS in fields that should be plain text, as Crossref and publishers leave them there."""

import html
import re

# Only what is certainly a tag: "p <i and j> q" is mathematics.
_TAG = re.compile(
    r"</?(?:(?:jats|mml):[\w-]+|i|b|u|em|strong|italic|bold|sub|sup|scp|sc|tt|span|br|p)(?:\s[^<>=]*=[^<>]*)?/?>",
    re.IGNORECASE,
)
_BREAKS = re.compile(r"</?(?:jats:)?(?:p|br|sec|title|list-item)\b", re.IGNORECASE)
_HEADING = re.compile(r"<jats:title>\s*abstract\s*</jats:title>", re.IGNORECASE)
_ENTITY = re.compile(r"(\\?)&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]\w{1,30});")


def without_markup(text: str, in_latex: bool = False) -> str:
    """The text without tags, its entities resolved once; in LaTeX, those after a backslash are none."""
    if "<" in text:
        text = _TAG.sub(lambda tag: " " if _BREAKS.match(tag[0]) else "", _HEADING.sub("", text))
    if "&" in text:
        text = _ENTITY.sub(lambda found: found[0] if in_latex and found[1] else html.unescape(found[0]), text)
    return text


def with_markup_escaped(text: str) -> str:
    """The text such that `without_markup` gives it back."""
    text = _ENTITY.sub(lambda found: found[0].replace("&", "&amp;"), text)
    return _TAG.sub(lambda tag: f"&lt;{tag[0][1:]}", text)
