"""`python -m tests.benchmarks.roles`: the roles of sentences beside those given by hand, `tests/data/roles.jsonl`."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from assistant.roles import Role, roles
from index_store import Paper
from index_store.sample import sample_papers

FILE = Path(__file__).parents[1] / "data" / "roles.jsonl"

Labelled = Sequence[tuple[Paper, dict[str, Any]]]
Label = Callable[[Paper], Sequence[str]]


def main() -> None:
    """Prints a column of figures for each half, for our labels and for those by the sentence's place alone."""
    papers = {paper.title: paper for paper in sample_papers()}
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    halves = {half: [(papers[row["title"]], row) for row in rows if row["half"] == half] for half in ("tune", "test")}
    by_place = places(halves["tune"])
    for half, labelled in halves.items():
        print(f"\n{half}: {len(labelled)} abstracts, {sum(len(row['roles']) for _, row in labelled)} sentences")
        ours, baseline = measured(labelled, roles), measured(labelled, by_place)
        print(f"  {'':<28} {'ours':>6} {'place':>6}")
        for name, value in ours.items():
            print(f"  {name:<28} {value:>6.3f} {baseline[name]:>6.3f}")


def places(labelled: Labelled) -> Label:
    """Labels by the commonest role in each third of an abstract."""
    seen = [Counter[str](), Counter[str](), Counter[str]()]
    for _, row in labelled:
        for place, role in enumerate(row["roles"]):
            seen[3 * place // len(row["roles"])][role] += 1
    common = [counter.most_common(1)[0][0] for counter in seen]

    def label(paper: Paper) -> list[str]:
        count = len(roles(paper))
        return [common[3 * place // count] for place in range(count)]

    return label


def measured(labelled: Labelled, label: Label) -> dict[str, float]:
    """Accuracy, accuracy where a second role that a sentence has counts too, and F1 of each role and their mean."""
    pairs, second = list[tuple[str, str]](), 0
    for paper, row in labelled:
        for number, (gold, found) in enumerate(zip(row["roles"], label(paper), strict=True), start=1):
            pairs.append((gold, str(found)))
            second += gold != found == row.get("also", {}).get(str(number))
    right = Counter(gold for gold, found in pairs if gold == found)
    golds, founds = Counter(gold for gold, _ in pairs), Counter(found for _, found in pairs)
    f1 = {role: 2 * right[role] / max(1, golds[role] + founds[role]) for role in Role if golds[role]}
    return {
        "accuracy": right.total() / len(pairs),
        "accuracy, second role counts": (right.total() + second) / len(pairs),
        **{f"F1 {role} ({golds[role]})": value for role, value in f1.items()},
        "F1, mean of the roles": sum(f1.values()) / len(f1),
    }


if __name__ == "__main__":
    main()
