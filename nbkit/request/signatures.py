"""Signatures for functions that take the parameters of a request as keywords.

At run time such a function takes ``**keywords``, in any spelling and in the order of the call. The decorators below
list every parameter in ``inspect.signature`` and ``__doc__``, which notebooks use for completion and help, and keep the
annotations that type checkers read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from nbkit.request.image_request import PARAMETERS
from nbkit.request.keywords import RequestKeywords

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def list_parameters(function: F) -> F:
    """Decorator: list each parameter in a function's signature in place of ``**parameters``, and in its docstring."""
    own = [p for p in inspect.signature(function).parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    named = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind.__forward_arg__)
        for name, kind in RequestKeywords.__annotations__.items()
        if name in PARAMETERS or name == "extra"
    ]
    function.__signature__ = inspect.Signature([*own, *named])  # type: ignore[attr-defined]
    return _with_parameter_docs(function)


def declared_as(declaration: Callable[P, R]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Decorator: give a function the signature of another one, and list each parameter in its docstring.

    Args:
        declaration: the function with the signature; it is never called. The decorated function must accept its
            parameters as keywords.
    """

    def declare(function: Callable[..., R]) -> Callable[P, R]:
        function.__signature__ = inspect.signature(declaration)  # type: ignore[attr-defined]
        return _with_parameter_docs(function)

    return declare


def _with_parameter_docs(function: F) -> F:
    lines = "".join(f"\n    {p.name}: {p.help} Takes {p.kind.rule()}." for p in PARAMETERS.values())
    function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nParameters of the request:{lines}\n"
    return function
