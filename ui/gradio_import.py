"""The first import of Gradio, without what it does only for those who write components of their own."""

import inspect
from typing import Any


def import_gradio() -> None:
    """Imports Gradio without reading the source of its eighty components.

    It would parse each, to write its events as type hints into a file beside it, at every start: two or three
    seconds, and the release has those files already. A class that comes from no file is passed over.
    """
    getfile = inspect.getfile

    def none_of_gradio(thing: Any) -> str:
        if str(getattr(thing, "__module__", "")).startswith("gradio."):
            raise OSError("not while Gradio is imported")
        return getfile(thing)

    inspect.getfile = none_of_gradio  # type: ignore[assignment]  # one more kind of what may be asked for
    try:
        import gradio  # noqa: F401
    finally:
        inspect.getfile = getfile
