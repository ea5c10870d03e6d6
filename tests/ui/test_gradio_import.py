"""The first import of Gradio: quicker, and as whole as ever."""

import subprocess
import sys

_COUNTED = """
import ast, inspect
parse, getfile, read = ast.parse, inspect.getfile, []
ast.parse = lambda source, *rest, **more: read.append(source) or parse(source, *rest, **more)
import ui
assert inspect.getfile is getfile, "what stood in for a function of Python's is still there"
import gradio as gr
assert not any("gradio.components" in str(source) for source in read), "the source of a component was read"
with gr.Blocks():
    gr.Button().click(print)
print(inspect.getfile(gr.Button))
"""


def test_gradio_is_imported_without_reading_the_source_of_its_components() -> None:
    ran = subprocess.run([sys.executable, "-c", _COUNTED], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip().endswith("button.py")
