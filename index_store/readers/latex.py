"""LaTeX in the fields of BibTeX -> plain Unicode text: braces, accents and commands go, mathematics stays."""

import re
import unicodedata
from functools import cache, lru_cache
from typing import Any

_ANYTHING = re.compile(r"[\\{}$~]|--|``|''|[?!]`")
_LONGEST = 20_000  # characters that are looked through for rare commands; hardly an abstract is that long
_LONGEST_NAME = 100  # characters of what is likely to come again: people, journals
# An escaped character is matched, too, so that the second of "\\$" opens nothing.
_MATH = re.compile(
    r"\$\$[^$]{1,5000}\$\$|\$[^$\\]*(?:\\.[^$\\]*)*\$|\\\(.{1,400}?\\\)|\\\[.{1,400}?\\\]|\\.", re.DOTALL
)
_ACCENTS = dict(
    zip(
        "`'^\"~=.uvHckrd",
        "\u0300\u0301\u0302\u0308\u0303\u0304\u0307\u0306\u030c\u030b\u0327\u0328\u030a\u0323",
        strict=True,
    )
)
_ACCENT = re.compile(
    r"\\(?:(?P<escaped>\\)"
    r"|(?P<sign>[`'^\"~=.])\s*(?:\{\s*(?P<a>[A-Za-z]|\\[ij])\s*\}|(?P<b>[A-Za-z]|\\[ij](?![A-Za-z])))"
    r"|(?P<name>[uvHckrd])(?:\s*\{\s*(?P<c>[A-Za-z]|\\[ij])\s*\}|\s+(?P<d>[A-Za-z])(?![A-Za-z])))"
)
_LIGATURES = {"---": "—", "--": "–", "``": "“", "''": "”", "~": " "}
_INVERTED = {"?": "¿", "!": "¡"}
_BARE = re.compile(r"\\.|[%&#_^]", re.DOTALL)  # LaTeX would take these for a comment, a column, an index
_HIDDEN = "\0"  # stands for a piece of mathematics while the text around it is read
# The commands that are read here; pylatexenc, which knows hundreds, takes twenty times as long.
_LETTERS = dict(
    command.split("=")
    for command in r"""
    ss=ß o=ø O=Ø l=ł L=Ł ae=æ AE=Æ oe=œ OE=Œ aa=å AA=Å i=ı j=ȷ dh=ð DH=Ð th=þ TH=Þ dj=đ DJ=Đ ng=ŋ NG=Ŋ S=§ P=¶
    textendash=– textemdash=— ldots=… dots=… textellipsis=… textbullet=• textperiodcentered=· textquotesingle='
    textquoteright=’ textquoteleft=‘ textquotedblright=” textquotedblleft=“ textquotedbl=" textdegree=°
    textregistered=® texttrademark=™ copyright=© textcopyright=© pounds=£ textsterling=£ texteuro=€ textmu=μ textpm=±
    texttimes=× textonehalf=½ textordmasculine=º textordfeminine=ª textbraceleft={ textbraceright=} textless=<
    textgreater=> textbar=| slash=/ textunderscore=_ textbackslash=\ textasciitilde=~ textasciicircum=^
    """.split()
)
_SHAPES = (  # how a text looks is not kept
    *("emph", "textit", "textbf", "texttt", "textsc", "textrm", "textsf", "textup", "textmd", "textnormal", "text"),
    *("mbox", "url", "textsubscript", "textsuperscript", "it", "bf", "tt", "rm", "sf", "em", "sc", "small", "relax"),
)
_SPACES = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "-": "", "/": "", "@": ""}
_PLAIN = re.compile(
    r"\\(?P<sign>[&%$#_{}])|\\(?P<space>[,;: !/@-])"
    rf"|\\(?P<letter>{'|'.join((*_LETTERS, *_SHAPES))})(?![A-Za-z])(?:\s*\{{\}}|\s+)?"
    r"|\\(?P<raised>[~^])\{\}|[{}]|---?|``|''|(?P<inverted>[?!])`|~"
)


def to_text(latex: str) -> str:
    """Plain text on one line; `$...$` is kept as it is. Broken LaTeX loses its braces and keeps its commands."""
    if _ANYTHING.search(latex):
        latex = _decoded_name(latex) if len(latex) <= _LONGEST_NAME else _decoded(latex)
    return " ".join(latex.split())


@lru_cache(maxsize=4096)
def _decoded_name(latex: str) -> str:
    return _decoded(latex)


def _decoded(latex: str) -> str:
    math: list[str] = []

    def hide(found: re.Match[str]) -> str:
        if found[0][0] == "\\" and len(found[0]) == 2:
            return found[0]
        math.append(found[0])
        return _HIDDEN

    text = _MATH.sub(hide, latex.replace(_HIDDEN, ""))
    text = _ACCENT.sub(_accented, text)
    has_commands = "\\" in _PLAIN.sub("", text) and len(text) <= _LONGEST
    text = _with_commands(text) if has_commands else _PLAIN.sub(_plain, text)
    pieces = iter(math)
    return re.sub(_HIDDEN, lambda _: next(pieces, ""), text)


def _accented(found: re.Match[str]) -> str:
    if found["escaped"]:
        return found[0]
    letter = (found["a"] or found["b"] or found["c"] or found["d"]).lstrip("\\")
    return unicodedata.normalize("NFC", letter + _ACCENTS[found["sign"] or found["name"]])


def _plain(found: re.Match[str]) -> str:
    if sign := found["sign"] or found["raised"]:
        return sign
    if found["letter"]:
        return _LETTERS.get(found["letter"], "")
    if found["space"]:
        return _SPACES[found["space"]]
    return _INVERTED[found["inverted"]] if found["inverted"] else _LIGATURES.get(found[0], "")


def _with_commands(text: str) -> str:
    from pylatexenc.latexwalker import LatexWalkerError

    text = text.replace(r"\~{}", r"\textasciitilde{}").replace(r"\^{}", r"\textasciicircum{}")
    text = _BARE.sub(_escaped, text)
    try:
        return str(_converter().latex_to_text(text)).replace("\u00a0", " ")
    except (LatexWalkerError, AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError):
        return _PLAIN.sub(_plain, text)  # pylatexenc raises these on a command without its argument


def _escaped(found: re.Match[str]) -> str:
    if found[0] == "^":
        return r"\textasciicircum{}"
    return found[0] if len(found[0]) > 1 else f"\\{found[0]}"


@cache
def _converter() -> Any:
    from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

    macros = [MacroTextSpec(name, letter) for name, letter in _LETTERS.items()]
    macros += [MacroTextSpec(name, "%s") for name in ("mbox", "text", "url")]
    macros += [MacroTextSpec(name, "") for name in ("cite", "citep", "citet")]
    known = get_default_latex_context_db()
    known.add_context_category("bibliographies", macros=macros, prepend=True)
    return LatexNodes2Text(known, math_mode="verbatim")
