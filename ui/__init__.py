"""What is seen: the page, in Gradio. Imports `assistant`'s public names only."""

from .gradio_import import import_gradio

import_gradio()
