"""The real nginx, with the block that docs/server.md has, in a folder of the test."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..ports import free_port, listens

PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/opt/homebrew/bin")
_DOCS = Path(__file__).parents[2] / "docs" / "server.md"
_BLOCK = re.compile(r"```nginx\n(.*?)```", re.DOTALL)


@contextmanager
def proxying(address: str, folder: Path) -> Iterator[str]:
    """Starts nginx before the page at an address; gives the address under which nginx has it."""
    assert PROGRAM, "nginx is needed: apt-get install nginx-light"
    port = free_port()
    (block,) = _BLOCK.findall(_DOCS.read_text(encoding="utf-8"))
    block = block.replace("http://127.0.0.1:7860", address)
    assert address in block
    kinds = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log stderr warn;\nevents {{}}\n"
        f"http {{ access_log off; {kinds}\nserver {{ listen 127.0.0.1:{port};\n{block}\n}} }}\n"
    )
    process = subprocess.Popen([PROGRAM, "-p", folder, "-c", config])
    try:
        deadline = time.monotonic() + 20
        while not listens(port):
            assert process.poll() is None and time.monotonic() < deadline, "nginx did not start; its message is above"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=20)
