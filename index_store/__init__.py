"""What is known: papers in, passages out. No LLM, no chat, no page.

The public names are in `__init__.pyi`; each loads its module when it is first asked for, as a command that only reads
the catalogue would wait for Chroma and LlamaIndex.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
