"""Signatures and docstrings for functions that take the parameters of a request as keywords."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from nbkit.request.image_request import PARAMETERS
from nbkit.request.keywords import F, name_parameters, seal_parameters
from nbkit.request.sources import cite, list_sources

P = ParamSpec("P")
R = TypeVar("R")


def explain_parameters(function: F) -> F:
    """Decorator: list each parameter in a function's signature and explain it in the docstring."""
    return _with_parameter_docs(name_parameters(function))


def declared_as(declaration: Callable[P, R]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Decorator: give a function the signature and the docstring of another one, and explain each parameter in it.

    Args:
        declaration: the function with the signature; it is never called. The decorated function must accept its
            parameters as keywords.
    """

    def declare(function: Callable[..., R]) -> Callable[P, R]:
        sealing = seal_parameters(function)
        sealing.__signature__ = inspect.signature(declaration)  # type: ignore[attr-defined]
        sealing.__doc__ = declaration.__doc__
        return _with_parameter_docs(sealing)

    return declare


def _with_parameter_docs(function: F) -> F:
    lines = "".join(f"\n    {p.name}: {p.help}{cite(p.sources)} Takes {p.kind.rule()}." for p in PARAMETERS.values())
    lines += "\n    extra: A dict that is merged into the task unchecked, for parameters that are newer than nbkit."
    text = inspect.cleandoc(function.__doc__ or "")
    function.__doc__ = f"{text}\n\nParameters of the request:{lines}\n\nSources:\n{list_sources()}\n"
    return function
