"""JSON Lines: one object per paper, with its id and its collections; what `readers.jsonl` reads."""

import json
from collections.abc import Iterable, Iterator

from ..papers import Paper


def pieces(papers: Iterable[Paper]) -> Iterator[str]:
    """A line per paper."""
    for paper in papers:
        yield f"{json.dumps(paper.to_dict(), ensure_ascii=False)}\n"
