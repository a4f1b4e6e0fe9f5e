"""Signatures for functions that take the parameters of a request as keywords.

At run time such a function takes ``**keywords``, in any spelling and in the order of the call. The decorators below
list every parameter in ``inspect.signature``, which notebooks complete from, and in ``__doc__``, and keep the annotations
that type checkers read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from nbkit.request.image_request import PARAMETERS
from nbkit.request.keywords import name_keywords

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
R = TypeVar("R")


def name_parameters(function: F) -> F:
    """Decorator: list each parameter in a function's signature, in place of ``**parameters``."""
    return name_keywords(function, PARAMETERS)


def explain_parameters(function: F) -> F:
    """Decorator: list each parameter in a function's signature and explain it in the docstring."""
    return _with_parameter_docs(name_parameters(function))


def declared_as(declaration: Callable[P, R]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Decorator: give a function the signature of another one, and explain each parameter in its docstring.

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
    lines += "\n    extra: A dict that is merged into the task unchecked, for parameters that are newer than nbkit."
    function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nParameters of the request:{lines}\n"
    return function
