"""Turns and conversations to keep or to paste elsewhere: Markdown, plain text, and BibTeX of what they cite."""

import html
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from index_store import Paper, write

from .citations import Citation, Piece, Uncited, escape_markdown
from .conversations import Outcome, Turn
from .limits import limited
from .references import address, one_line, reference, without_unseen
from .routing import Mode

_KINDS = {Mode.COMPARE: "Comparison", Mode.SUMMARISE: "Summary"}
_NO_SOURCE = "[?]"
_NO_SOURCE_MEANS = f"{_NO_SOURCE} marks a claim for which no sentence of the papers was found."
_STOPPED = "Stopped. This is what was written until then."
_REFERENCES = "References"

_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_LONG_RUN = re.compile(r"`{3,}|~{3,}")
# What would be a tag, a link, an image or the target of one, unless a backslash stands before it.
_LIVE = re.compile(r"(?<!\\)((?:\\\\)*)(<(?=[A-Za-z/!?])|\](?=[(:]))")
# Headings of the two highest levels, also within lists and quotations, and the lines that make one of the line above.
_HIGH_HEADING = re.compile(r"^([\s>*+-]*(?:\d{1,9}[.)][\s>*+-]*)*)#{1,2}(?=[ \t]|$)")
_UNDERLINE = re.compile(r"^([\s>]*)(?=(?:=+|-+)[ \t]*$)")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_RULE = re.compile(r"^\|[\s:|-]*-[\s:|-]*$")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_ENTITY = re.compile(r"&#\d{1,7};")
_EMPHASIS = re.compile(r"(?<![\w*])(\*{1,3})(?=\S)([^*\n]+?)(?<=\S)\1(?![\w*])")
_BLOCK_SIGN = re.compile(r"^ {0,3}(?:#{1,6}[ \t]+|>[ \t]?)", re.MULTILINE)
_HELD = 0xE100  # an escaped sign waits as a private-use character, which no text keeps


@dataclass(frozen=True, slots=True)
class CitedPaper:
    """A paper under its number, with what was cited of it in order: each sentence once for each label."""

    number: int
    paper: Paper
    citations: tuple[Citation, ...]


def cited_papers(turns: Iterable[Turn]) -> tuple[CitedPaper, ...]:
    """What the turns cite, in the order of the numbers."""
    found: dict[int, dict[tuple[int, str, str], Citation]] = {}
    for turn in turns:
        for piece in turn.pieces:
            if isinstance(piece, Citation):
                cited = found.setdefault(piece.number, {})
                cited.setdefault((piece.sentence, piece.quote, piece.support), piece)
    return tuple(
        CitedPaper(number, next(iter(cited.values())).paper, tuple(sorted(cited.values(), key=lambda c: c.sentence)))
        for number, cited in sorted(found.items())
    )


def as_bibtex(turns: Iterable[Turn]) -> str:
    """The cited papers and no others as a BibTeX file, each once under a key of its own; empty if there are none."""
    file = io.StringIO()
    write((cited.paper for cited in cited_papers(turns)), "bibtex", file)
    return file.getvalue()


def as_markdown(turns: Sequence[Turn], title: str = "") -> str:
    """The turns as a Markdown file: questions as headings, answers, and the references with the cited sentences.

    Only the addresses of papers are links, and there are no images and no HTML.
    """
    blocks = [f"# {_escaped(title)}"] if one_line(title) else []
    for turn in turns:
        blocks += [f"## {_escaped(turn.question)}", *(f"*{escape_markdown(line)}*" for line in _read_as(turn))]
        blocks += [_answer(turn.pieces), *(f"*{escape_markdown(line)}*" for line in _notes(turn))]
    if papers := cited_papers(turns):
        blocks += [f"## {_REFERENCES}", *map(_entry, papers)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def as_text(turn: Turn) -> str:
    """The answer as plain text, for the clipboard: no Markdown, and the references behind it."""
    blocks = [_without_markdown(_answer(turn.pieces)), *_notes(turn)]
    if papers := cited_papers([turn]):
        listed = (f"[{cited.number}] {reference(cited.paper, 'apa')}" for cited in papers)
        blocks.append("\n".join([_REFERENCES, *listed]))
    return "\n\n".join(block for block in blocks if block) + "\n"


def _read_as(turn: Turn) -> list[str]:
    lines = [_KINDS[turn.mode]] if turn.mode in _KINDS else []
    if turn.standalone != turn.question:
        lines.append(f"Read as: {one_line(turn.standalone)}")
    if turn.plan.limits:
        lines.append(f"Searched only: {one_line(limited(turn.plan.limits))}")
    return lines


def _notes(turn: Turn) -> list[str]:
    """How the turn ended if not as expected, and who wrote the answer. A refusal says so in the answer itself."""
    lines = []
    if turn.outcome is Outcome.STOPPED:
        lines.append(_STOPPED)
    elif turn.outcome is Outcome.FAILED:
        lines.append(f"Failed. {one_line(turn.problem)}".strip())
    elif turn.note:
        lines.append(one_line(turn.note))
    if any(isinstance(piece, Uncited) for piece in turn.pieces):
        lines.append(_NO_SOURCE_MEANS)
    if turn.llm:
        checked = ", ".join(f"{count} {label}" for label, count in turn.support.items() if count)
        lines.append(f"Written by {one_line(turn.llm)}." + (f" Claims: {checked}." if checked else ""))
    return lines


def _entry(cited: CitedPaper) -> str:
    """A reference, and beneath it the sentences with what the check found in them."""
    link = address(cited.paper)
    text = escape_markdown(reference(cited.paper, "apa").removesuffix(link).rstrip())
    lines = [f"[{cited.number}] {text}" + (f" <{link}>" if link else "")]
    labels: dict[str, list[str]] = {}
    for citation in cited.citations:
        labels.setdefault(one_line(citation.quote), []).append(citation.support)
    for sentence, found in labels.items():
        check = ", ".join(label for label in found if label != "verbatim")
        lines.append(f"> {escape_markdown(sentence)}" + (f" *({check})*" if check else ""))
    return "\n\n".join(lines)


def _escaped(text: str) -> str:
    return escape_markdown(one_line(text))


def _answer(pieces: Iterable[Piece]) -> str:
    """The answer's Markdown with `[n]` for its citations, such that it stays within its place in a file.

    A writer's text may hold anything: links and tags become text, as on the page, headings go below the question's, and
    a block of code that a stop left open is closed. Blocks of code count at the beginning of a line only, where it is
    certain that they are such; elsewhere their signs become text.
    """
    text = _NOT_TEXT.sub("", re.sub(r"\r\n?", "\n", without_unseen("".join(map(_shown, pieces)))))
    lines, fence = list[str](), ""
    for line in text.split("\n"):
        if fence:
            if re.fullmatch(rf" {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*", line):
                fence = ""
        elif found := _FENCE.match(line):
            fence = found[1]
        else:
            line = _LONG_RUN.sub(lambda run: "".join(f"\\{sign}" for sign in run[0]), line)
            if lines and lines[-1].strip():
                line = _UNDERLINE.sub(r"\1\\", line)
            line = _LIVE.sub(r"\1\\\2", _HIGH_HEADING.sub(r"\1###", line))
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines).strip("\n").rstrip()


def _shown(piece: Piece) -> str:
    if isinstance(piece, str):
        return piece
    return f"[{piece.number}]" if isinstance(piece, Citation) else f" {_NO_SOURCE}"


def _without_markdown(text: str) -> str:
    """The words of the Markdown that answers are made of; a table's rows keep their bars between cells."""
    text = _ESCAPED.sub(lambda sign: chr(_HELD + ord(sign[1])), text)
    lines = [line for line in text.split("\n") if not _RULE.match(line)]
    lines = [line.strip().strip("|").strip() if line.startswith("|") else line for line in lines]
    text = _EMPHASIS.sub(r"\2", _EMPHASIS.sub(r"\2", _BLOCK_SIGN.sub("", "\n".join(lines))))
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = re.sub(r"[\ue100-\ue17f]", lambda sign: chr(ord(sign[0]) - _HELD), text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
