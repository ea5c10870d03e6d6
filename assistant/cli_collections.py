"""The command `collection`: named collections of papers. They are in the catalogue only, so no index is opened."""

from typing import Annotated

import typer

from .console import AsJson, Home, PaperIds, known_collection, open_catalogue, out, print_json

collection_app = typer.Typer(
    help="Named collections of papers, such as `thesis`; a paper may be in several.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(metavar="NAME")]


@collection_app.command("list")
def collection_list(home: Home = None, as_json: AsJson = False) -> None:
    """The collections, and how many papers each has."""
    with open_catalogue(home) as (_, catalogue):
        found = catalogue.collections()
    if as_json:
        print_json(found)
        return
    for name, count in found.items():
        out.print(f"{name}: {count:,} papers", markup=False, highlight=False, soft_wrap=True)
    if not found:
        out.print("No collections yet; `research-assistant collection add NAME ID...` makes one.", highlight=False)


@collection_app.command("add")
def collection_add(name: Name, paper_ids: PaperIds, home: Home = None, as_json: AsJson = False) -> None:
    """Put papers into a collection, which is made if it is not there."""
    name = " ".join(name.split())
    if not name:
        raise typer.BadParameter("A collection needs a name.", param_hint="NAME")
    with open_catalogue(home) as (_, catalogue):
        for paper_id in paper_ids:
            catalogue.paper(paper_id)
        added = catalogue.collect(name, paper_ids)
        papers = catalogue.collections()[name]
    _print_change("added", added, name, papers, as_json=as_json)


@collection_app.command("remove")
def collection_remove(name: Name, paper_ids: PaperIds, home: Home = None, as_json: AsJson = False) -> None:
    """Take papers out of a collection; they stay in the library."""
    with open_catalogue(home) as (_, catalogue):
        known_collection(catalogue, name)
        for paper_id in paper_ids:
            catalogue.paper(paper_id)
        removed = catalogue.uncollect(name, paper_ids)
        papers = catalogue.collections().get(name, 0)
    _print_change("removed", removed, name, papers, as_json=as_json)


@collection_app.command("delete")
def collection_delete(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Forget a collection; its papers stay in the library."""
    with open_catalogue(home) as (_, catalogue):
        known_collection(catalogue, name)
        catalogue.delete_collection(name)
    if as_json:
        print_json({"deleted": name})
    else:
        out.print(f"Deleted {name}; its papers stay in the library.", markup=False, highlight=False, soft_wrap=True)


@collection_app.command("rename")
def collection_rename(
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Give a collection another name; if there is one of that name, they become one."""
    new = " ".join(new.split())
    if not new:
        raise typer.BadParameter("A collection needs a name.", param_hint="NEW")
    with open_catalogue(home) as (_, catalogue):
        known_collection(catalogue, old)
        catalogue.rename_collection(old, new)
        papers = catalogue.collections()[new]
    if as_json:
        print_json({"collection": new, "papers": papers})
    else:
        out.print(f"{old} is {new} now: {papers:,} papers", markup=False, highlight=False, soft_wrap=True)


def _print_change(verb: str, count: int, name: str, papers: int, *, as_json: bool) -> None:
    if as_json:
        print_json({verb: count, "collection": name, "papers": papers})
    else:
        line = f"{verb.capitalize()} {count:,}; {name} has {papers:,} papers."
        out.print(line, markup=False, highlight=False, soft_wrap=True)
