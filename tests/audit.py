"""`make audit`: known vulnerabilities of what is locked (pip-audit), and what bandit finds in the code.

Ends with 0 only if every package could be looked up, none has a known vulnerability, and bandit finds what is accepted
below and nothing else. A finding that is no longer there has to leave the list.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
ROOMS = ("assistant", "index_store", "prompts", "ui")

# Bandit's name of a check and the file, or "*" for all; with why it is accepted.
ACCEPTED = {
    ("B101", "*"): "An assert states what the code itself guarantees; what comes from outside is checked with errors.",
    ("B105", "index_store/chroma.py"): "The name of a header.",
    ("B105", "ui/preferences.py"): "Scrambles a reader's preferences in that reader's browser; nothing secret.",
    ("B105", "ui/words.py"): "A sentence of the page.",
    ("B113", "index_store/online.py"): "Calls our own function; the time-out is set where the client is made.",
    ("B311", "index_store/doctor.py"): "Picks papers to look at; nothing rests on the choice.",
    ("B405", "index_store/readers/"): "For types only; the files are parsed with defusedxml.",
    ("B608", "assistant/archive_fts5.py"): "Puts together names of parameters, never what was typed.",
    ("B608", "assistant/archive_tsvector.py"): "Puts together names of parameters, never what was typed.",
    ("B608", "index_store/versions.py"): "The name of a table, which stands in the code.",
}


def main() -> int:
    """Runs both; prints what they find."""
    return 1 if _vulnerabilities() | _findings() else 0


def _vulnerabilities() -> bool:
    """Whether a locked package has a known vulnerability or could not be looked up."""
    told, errors = _run("pip_audit", "--disable-pip", "--require-hashes", "-r", "requirements.lock", "-f", "json")
    if told is None:
        print(f"pip-audit could not ask its advisory service, so NO package was checked:\n{errors[-500:]}")
        return True
    packages = told["dependencies"]
    unknown = [each["name"] for each in packages if "skip_reason" in each]
    bad = [(each["name"], each["version"], found["id"]) for each in packages for found in each.get("vulns", ())]
    print(f"pip-audit: {len(packages) - len(unknown)} of {len(packages)} locked packages checked")
    for name, version, identifier in bad:
        print(f"  {name} {version}: {identifier}")
    if len(unknown) == len(packages):
        print("  NOT ONE could be checked: the advisory service cannot be asked from here, or knows none of them.")
    elif unknown:
        print(f"  NOT checked, as the advisory service does not know them: {', '.join(unknown)}")
    return bool(bad or unknown)


def _findings() -> bool:
    """Whether bandit finds something that is not accepted, or no longer finds something that is."""
    told, errors = _run("bandit", "-q", "-r", *ROOMS, "-f", "json")
    if told is None:
        print(f"bandit did not run:\n{errors[-500:]}")
        return True
    seen, new = set(), []
    for found in told["results"]:
        entry = next((each for each in ACCEPTED if _covers(each, found)), None)
        if entry:
            seen.add(entry)
        else:
            new.append(f"  {found['filename']}:{found['line_number']}: {found['test_id']} {found['issue_text']}")
    gone = [f"  no longer there, take it out of tests/audit.py: {' '.join(each)}" for each in ACCEPTED.keys() - seen]
    print(f"bandit: {len(told['results'])} findings, {len(new)} of them not accepted in tests/audit.py")
    print("\n".join([*new, *gone]), end="\n" if new or gone else "")
    return bool(new or gone)


def _covers(entry: tuple[str, str], found: dict[str, Any]) -> bool:
    check, place = entry
    return check == found["test_id"] and (place == "*" or found["filename"].removeprefix("./").startswith(place))


def _run(module: str, *arguments: str) -> tuple[dict[str, Any] | None, str]:
    """What a program prints as JSON, or None and what it complains of."""
    ran = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, cwd=ROOT)
    try:
        return json.loads(ran.stdout), ran.stderr
    except ValueError:
        return None, ran.stderr


if __name__ == "__main__":
    sys.exit(main())
