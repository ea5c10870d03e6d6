"""The Library as HTML: its table of papers, the card of one paper, and what adding did. Pure, like `render`."""

from collections.abc import Container, Sequence
from html import escape

from assistant import AddReport, Listing, Order, Paper

from . import words
from .text import visible

ROWS = 50
"""Papers on one page of the table."""


def table(listing: Listing, order: Order, descending: bool, offset: int, chosen: Container[str]) -> str:
    """One page of papers: headings that sort, a row for each paper, and the way to the other pages.

    `data-key` names what the keyboard was on, so that it is there again when the table has been painted anew.
    """
    if not listing.papers:
        return f'<p class="hint">{words.NOTHING_MATCHES}</p>'
    all_chosen = all(paper.id in chosen for paper in listing.papers)
    headings = "".join(_heading(column, order, descending) for column in Order if column is not Order.ADDED)
    box = (
        f'<input type="checkbox" data-do="tick-page" data-key="tick-page" aria-label="{words.SELECT_PAGE}"'
        f"{' checked' if all_chosen else ''}>"
    )
    rows = "".join(_row(paper, paper.id in chosen) for paper in listing.papers)
    return (
        f'<table class="papers"><caption class="unseen">{words.TABLE_OF_PAPERS}</caption>'
        f'<thead><tr><th scope="col" class="box">{box}</th>{headings}{_heading(Order.ADDED, order, descending)}</tr>'
        f"</thead><tbody>{rows}</tbody></table>{_pager(listing, offset)}"
    )


def empty() -> str:
    """What stands in place of the table while the library holds nothing."""
    return f'<section class="empty"><h2>{words.SHELF_EMPTY}</h2><p>{words.SHELF_EMPTY_MORE}</p></section>'


def _heading(column: Order, order: Order, descending: bool) -> str:
    name, state, mark = words.COLUMNS[column], "none", ""
    if column is order:
        state, mark = ("descending", "↓") if descending else ("ascending", "↑")
    return (
        f'<th scope="col" class="{column}" aria-sort="{state}"><button type="button" data-do="sort" data-of="{column}" '
        f'data-key="sort-{column}" title="{words.SORT_BY}: {name}">{name}<span aria-hidden="true">{mark}</span>'
        "</button></th>"
    )


def _row(paper: Paper, chosen: bool) -> str:
    title, number = _shown(paper.display_title), escape(paper.id)
    label = _shown(words.select_paper(paper.display_title))
    mark = "" if paper.abstract else f' <span class="bare">{words.NO_ABSTRACT_MARK}</span>'
    venue = f'<span class="venue" dir="auto">{_shown(paper.venue)}</span>' if paper.venue else ""
    return (
        f'<tr data-of="{number}"><td class="box"><input type="checkbox" data-do="tick" data-of="{number}" '
        f'data-key="tick-{number}" aria-label="{label}"{" checked" if chosen else ""}></td>'
        f'<td class="title"><button type="button" data-do="open" data-of="{number}" data-key="open-{number}" '
        f'dir="auto">{title}</button>{mark}{venue}</td>'
        f'<td class="author" dir="auto">{_shown(_first(paper.authors))}</td>'
        f'<td class="year">{paper.year or ""}</td><td class="added" dir="auto">{_shown(_sources(paper))}</td></tr>'
    )


def _first(authors: Sequence[str]) -> str:
    """The first author, and whether there are others."""
    return f"{authors[0]} {words.ET_AL}" if len(authors) > 1 else "".join(authors)


def _pager(listing: Listing, offset: int) -> str:
    last_page = -(-listing.total // ROWS)
    page = offset // ROWS + 1
    said = f'<span class="rows">{words.rows(offset + 1, offset + len(listing.papers), listing.total)}</span>'
    if last_page == 1:
        return f'<div class="pager">{said}</div>'
    return (
        f'<nav class="pager" aria-label="{words.PAGE}">{said}{_turn(words.PREVIOUS, page - 1, page > 1)}'
        f'<label>{words.PAGE} <input type="number" min="1" max="{last_page}" value="{page}" data-do="page" '
        f'data-key="page"></label><span>{words.of_pages(last_page)}</span>'
        f"{_turn(words.NEXT, page + 1, page < last_page)}</nav>"
    )


def _turn(name: str, page: int, there: bool) -> str:
    off = "" if there else " disabled"
    return f'<button type="button" data-do="page" data-of="{page}" data-key="turn-{name}"{off}>{name}</button>'


def card(paper: Paper, collections: Sequence[str], bibtex: str) -> str:
    """All that is known of one paper. The buttons that do something with it stand below, where the page makes them."""
    abstract = (
        f'<p class="abstract" dir="auto">{_shown(paper.abstract)}</p>'
        if paper.abstract
        else f'<p class="hint">{words.NO_ABSTRACT_MEANS}</p>'
    )
    named = ((words.CAME_FROM, _sources(paper)), (words.IN_COLLECTIONS, ", ".join(collections)))
    names = "".join(
        f'<h3>{heading}</h3><p class="names" dir="auto">{_shown(text)}</p>' for heading, text in named if text
    )
    return (
        f'<article class="paper" data-of="{escape(paper.id)}" aria-labelledby="paper-title">'
        f'<button type="button" class="close" data-do="close" aria-label="{words.CLOSE}">✕</button>'
        f'<h2 id="paper-title" tabindex="-1" dir="auto">{_shown(paper.display_title)}</h2>'
        f'<p class="authors" dir="auto">{_shown(", ".join(paper.authors))}</p>'
        f'<p class="facts" dir="auto">{_facts(paper)}</p>{abstract}{names}'
        f'<h3 id="bibtex-title">{words.BIBTEX} <button type="button" class="copy" data-copy="{_shown(bibtex)}">'
        f"{words.COPY}</button></h3>"
        f'<pre tabindex="0" aria-labelledby="bibtex-title">{_shown(bibtex)}</pre></article>'
    )


def _facts(paper: Paper) -> str:
    facts = [_shown(fact) for fact in (paper.venue, str(paper.year or "")) if fact]
    if paper.link.startswith(("https://", "http://")):
        opens = f'<a href="{escape(paper.link)}" target="_blank" rel="noopener noreferrer">{words.OPEN_PAPER}</a>'
        facts.append(opens)
    return " · ".join(facts)


def _sources(paper: Paper) -> str:
    return ", ".join(map(words.source_name, paper.sources or (paper.source,)))


def adding(what: str, report: AddReport, *, ending: bool = False) -> str:
    """How far the adding is."""
    said = words.FINISHING if ending else words.adding(what, report.read)
    return f'<p class="step">{_shown(said)}</p><p class="counts">{_counts(report)}</p>'


def added(report: AddReport, problem: str = "") -> str:
    """What adding did: the numbers, what there is to know of the files, and why records were left out."""
    said = f'<p class="note problem" role="alert">{_shown(problem)}</p>' if problem else ""
    if report.stopped:
        said += f'<p class="note">{words.CANCELLED}</p>'
    if report.read or not problem:
        said += f'<p class="counts">{_counts(report) if report.read else words.NOTHING_READ}</p>'
    said += "".join(f'<p class="remark" dir="auto">{_shown(str(remark))}</p>' for remark in report.remarks)
    if not report.left_out:
        return said
    items = "".join(f'<li dir="auto">{_shown(str(each))}</li>' for each in report.skipped[: words.SKIPPED_FIRST])
    more = report.left_out - min(len(report.skipped), words.SKIPPED_FIRST)
    rest = f"<p>{words.more_skipped(more)}</p>" if more else ""
    return (
        f'{said}<details class="skipped"><summary>{words.skipped(report.left_out)}</summary>'
        f"<ul>{items}</ul>{rest}</details>"
    )


def _counts(report: AddReport) -> str:
    return words.added(report.new, report.updated, report.same, report.left_out)


def _shown(text: str) -> str:
    return escape(visible(text))
