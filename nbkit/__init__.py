"""nbkit: a Jupyter toolkit for the image model Nano Banana 2 (``google:4@3``), reached over the Runware image API.

::

    import nbkit

    studio = nbkit.Studio()
    studio.generate("A paper lantern shop at night", temperature=0.72, seed=7)
    studio.df

Importing it does no work: each name below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbkit import errors
    from nbkit.comparison import compare
    from nbkit.errors import BudgetExceeded, NbkitError, RequestError
    from nbkit.image import GeneratedImage
    from nbkit.offline import Offline
    from nbkit.request import ImageRequest
    from nbkit.run import Run
    from nbkit.studio import Studio

__version__ = "0.1.0"

__all__ = [
    "BudgetExceeded",
    "GeneratedImage",
    "ImageRequest",
    "NbkitError",
    "Offline",
    "RequestError",
    "Run",
    "Studio",
    "compare",
    "errors",
]

_HOMES = {
    "BudgetExceeded": "nbkit.errors",
    "GeneratedImage": "nbkit.image",
    "ImageRequest": "nbkit.request",
    "NbkitError": "nbkit.errors",
    "Offline": "nbkit.offline",
    "RequestError": "nbkit.errors",
    "Run": "nbkit.run",
    "Studio": "nbkit.studio",
    "compare": "nbkit.comparison",
    "load_ipython_extension": "nbkit.magic.imagine",  # for %load_ext nbkit; no names for a person, so not in __all__
    "unload_ipython_extension": "nbkit.magic.imagine",
}


def __getattr__(name: str) -> Any:
    if name == "errors":
        return importlib.import_module("nbkit.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'nbkit' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
