"""A scripted model of 30 tokens a second, which repeats the marker of the question that it is asked."""

import json
import re

from assistant.testing import Asked, Reply

from .reader import says

DELAY = 1 / 30  # seconds for each token
MARKER = re.compile(r"\breader\d+n\d+[acs]\b")
_REST = (
    "The cache is compressed across layers [P1.2]. Adjacent layers hold states that are alike [P1.3]. "
    "What is left is how far this goes [P1.4], and what it costs in accuracy is not said by these abstracts."
)


def reply(asked: Asked) -> Reply:
    """The plan, the notes, the table or the text that is asked for."""
    prompt = asked.messages[-1]["content"]
    markers = MARKER.findall(prompt)
    if "kind of answer it asks for" in prompt:
        return Reply(json.dumps({"kind": ""}), delay=DELAY)
    if "Take notes for a summary" in prompt:
        keys = re.findall(r"^(P\d+):", prompt, re.MULTILINE)
        lines = (json.dumps({"paper": key, "note": "It compresses.", "sentences": [1]}) for key in keys)
        return Reply("\n".join(lines), delay=DELAY)
    said = f"{says(markers[-1] if markers else 'nobody')} [P1.1]. {_REST}"
    columns = re.search(r"^Columns: (.+)$", prompt, re.MULTILINE)
    if not columns:
        return Reply(said, delay=DELAY)
    head = columns[1].split(" | ")
    table = [head, ["---"] * len(head), ["memory", *["not stated"] * (len(head) - 1)]]
    lines = [f"| {' | '.join(cells)} |" for cells in table]
    return Reply("\n".join([*lines, "", f"**What differs:** {said}"]), delay=DELAY)
