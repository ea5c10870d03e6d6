"""Unicode text -> what `readers.latex` and LaTeX itself turn back into it; accents and letters stay as they are."""

import re

from ..readers.latex import to_text

_MATH = re.compile(r"\$(?=[^\s$])[^$]*[^\s$\\]\$(?!\d)")  # as in `papers`: "$5 and $10" are prices
_SPECIAL = re.compile(r"[\\{}$&%#_~^]|--|``|''|(?<=[?!])`")
_WRITTEN = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "--": "-{}-",
    "``": "`{}`",
    "''": "'{}'",
    "`": "{}`",
}
_BRACES = {"{": r"\textbraceleft{}", "}": r"\textbraceright{}"}  # balanced, whatever the text


def to_latex(text: str) -> str:
    """The text with what LaTeX would take for a command escaped; mathematics stays as it is where that is safe."""
    pieces, end = list[str](), 0
    for math in _MATH.finditer(text):
        if _balanced(math[0]) and "\\(" not in math[0]:
            pieces += [_escaped(text[end : math.start()]), math[0]]
            end = math.end()
    written = "".join([*pieces, _escaped(text[end:])])
    return written if to_text(written) == text else to_plain_latex(text)


def to_plain_latex(text: str) -> str:
    """The text with every sign kept from every other, for what does not come back otherwise."""
    return "".join(sign if sign.isalnum() or sign == " " else f"{{{_escaped(sign)}}}" for sign in text)


def _escaped(text: str) -> str:
    braces = {} if _balanced(text) else _BRACES
    return _SPECIAL.sub(lambda sign: _WRITTEN.get(sign[0]) or braces.get(sign[0]) or f"\\{sign[0]}", text)


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall("[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0
