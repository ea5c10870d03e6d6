"""What PubMed's two formats have in common."""

import re

_TRANSLATED = re.compile(r"\[(.*)\]\.?", re.DOTALL)  # its mark of a title that is not in English
_MISSING = {"not available", "in process citation"}


def plain_title(title: str) -> str:
    """A title without PubMed's brackets and full stop; empty for what PubMed writes where it has none."""
    title = " ".join(title.split())
    if translated := _TRANSLATED.fullmatch(title):
        title = translated[1].strip()
    if title.rstrip(".").lower() in _MISSING:
        return ""
    return title[:-1] if title.endswith(".") and not title.endswith("..") else title


def address_of(number: str) -> str:
    """The page of a record in PubMed."""
    number = number.strip()
    return f"https://pubmed.ncbi.nlm.nih.gov/{number}/" if number.isascii() and number.isdigit() else ""
