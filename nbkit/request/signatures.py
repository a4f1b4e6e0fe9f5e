"""Functions that take a request's parameters as keywords, with a signature that names each of them.

At run time such a function takes ``**keywords``, in any spelling and in the order of the call. Notebooks complete and
explain what ``inspect.signature`` and ``__doc__`` say, and type checkers read annotations: both are provided here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from nbkit.request.image_request import PARAMETERS

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def names_parameters(function: F) -> F:
    """Replace ``**parameters`` in a function's signature by the parameters, and explain each in its docstring."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    named = [inspect.Parameter(n, inspect.Parameter.KEYWORD_ONLY, default=None) for n in PARAMETERS if n != "prompt"]
    extra = inspect.Parameter("extra", inspect.Parameter.KEYWORD_ONLY, default=None)
    function.__signature__ = inspect.Signature([*own, *named, extra])  # type: ignore[attr-defined]
    return _explained(function)


def declared_as(declaration: Callable[P, R]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the signature of another one, which is never called.

    Args:
        declaration: has the signature. Its parameters must be acceptable as keywords of the function.
    """

    def declare(function: Callable[..., R]) -> Callable[P, R]:
        function.__signature__ = inspect.signature(declaration)  # type: ignore[attr-defined]
        return _explained(function)

    return declare


def _explained(function: F) -> F:
    lines = "".join(f"\n        {p.name}: {p.help} Takes {p.kind.rule()}." for p in PARAMETERS.values())
    function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Parameters of the request:{lines}\n"
    return function
