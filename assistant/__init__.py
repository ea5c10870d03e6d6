"""What is said: a question in, events out. No page, no vector store.

The public names are in `__init__.pyi`; each loads its module when it is first asked for, as a command that asks nothing
would wait for all of LlamaIndex and the OpenAI client.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
