"""TAB in a call that takes the parameters of a request: their names first, and their values where those can be listed.

``import nbkit`` registers it in IPython, and it is loaded by the first TAB. The call at the cursor is read from the text;
nothing of it is evaluated. A call is completed if its expression begins with a variable that holds something of nbkit.
"""

from __future__ import annotations

import builtins
import functools
import importlib
import inspect
import operator
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult

from nbkit.request.image_request import NAMES, PARAMETERS
from nbkit.request.parameter import Boolean, Choice

CALLS = {
    "ImageRequest": ("nbkit.request.image_request", "ImageRequest"),
    "replace": ("nbkit.request.image_request", "ImageRequest.replace"),
    "generate": ("nbkit.studio", "Studio.generate"),
    "estimate": ("nbkit.studio", "Studio.estimate"),
    "panel": ("nbkit.studio", "Studio.panel"),
    "sweep": ("nbkit.studio", "Studio.sweep"),
    "sweep_panel": ("nbkit.studio", "Studio.sweep_panel"),
    "rerun": ("nbkit.results.run", "Run.rerun"),
    "edit": ("nbkit.results.run", "GeneratedImage.edit"),
    "set": ("nbkit.widgets.panel.panel", "Panel.set"),
}
"""The calls that take parameters, by their last name, with the module and the name of the function."""

TAKES_LISTS = ("sweep", "sweep_panel", "set")
"""Those of them in which several values of a parameter may be a list."""

_TOKEN = re.compile(
    r"""(?P<string>[rRbBuUfF]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))"""
    r"""|(?P<open_string>[rRbBuUfF]{0,2}(?:\"{3}|'{3}|["'](?=[^\n]*\Z)))|(?P<comment>\#[^\n]*)"""
    r"""|(?P<keyword>[^\W\d]\w*)\s*=(?!=)|(?P<word>\w+)|(?P<opening>[(\[{])|(?P<closing>[)\]}])|(?P<comma>,)|.""",
    re.DOTALL,
)
MAX_EXPRESSION = 500
"""Characters of an expression that are read."""

_BLANK = r"(?:\s|\#[^\n]*\n)*"
_EXPRESSION = re.compile(r"(?<![\w.)\]])([^\W\d]\w*)((?:\s*\.\s*[^\W\d]\w*|\[[^\[\]]*\]|\([^()]*\))*)\s*\Z")
"""A variable with attributes, indices and calls behind it; the part of an expression that is read."""


@dataclass(slots=True)
class Bracket:
    """A bracket that is open at the cursor.

    Attributes:
        start: where it is in the text.
        kind: ``(``, ``[`` or ``{``.
        part: where the present argument or element begins.
        keyword: of the present argument; empty for one without.
        given: the keywords of all arguments before it.
        is_first: whether it is the first argument.
    """

    start: int
    kind: str
    part: int
    keyword: str = ""
    given: set[str] = field(default_factory=set)
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class CallAtCursor:
    """The call in which the cursor is.

    Attributes:
        root: the variable that its expression begins with.
        name: the last name of the expression, such as ``generate``.
        keyword: of the argument at the cursor; empty for one without.
        given: the keywords before it.
        is_first: whether it is the first argument, which may be the prompt.
        typed: of the name or the value.
        in_string: whether quotation marks are open.
        in_list: whether the cursor is in a list that is the value of the keyword.
        is_method: whether the function is an attribute of the variable itself.
    """

    root: str
    name: str
    keyword: str
    given: frozenset[str]
    is_first: bool
    typed: str
    in_string: bool
    in_list: bool
    is_method: bool


def complete(
    context: CompletionContext, variables: Mapping[str, Any], hidden: Iterable[str] = ()
) -> SimpleMatcherResult:
    """The completions for IPython.

    Args:
        context: what IPython knows of the cursor.
        variables: of the notebook.
        hidden: names of variables that are IPython's own.
    """
    above = context.full_text.split("\n")[: context.cursor_line]
    found = call_at("\n".join([*above, context.text_until_cursor]))
    if found is None or (name := _call_of(found, variables)) is None:
        return {"completions": []}
    texts = _values(found, name) if found.keyword else list(_names(found, name, variables, set(hidden)))
    return SimpleMatcherResult(
        completions=[SimpleCompletion(text, type="param" if text.endswith("=") else "instance") for text in texts],
        matched_fragment=found.typed,
        suppress=True,  # Jedi's come first else, with all names of Python
        ordered=True,
    )


def call_at(text: str) -> CallAtCursor | None:
    """The call that is open at the end of a text, if a name or a value is to be typed there.

    Example:
        >>> from nbkit.completion import call_at
        >>> call = call_at('studio.sweep("A pot", resolution=["1K", "2')
        >>> call.root, call.name, call.keyword, call.typed, call.in_list
        ('studio', 'sweep', 'resolution', '2', True)
    """
    stack, typed = _read(text)
    if not stack:
        return None
    *outer, innermost = stack
    in_list = innermost.kind == "[" and bool(outer) and not text[outer[-1].part : innermost.start].strip()
    call = outer[-1] if in_list else innermost
    before = text[innermost.part :] if typed is None else text[innermost.part : len(text) - len(typed)]
    rest = re.fullmatch(rf"{_BLANK}(\w*)" if typed is None else rf"{_BLANK}[rRuU]?(\"{{3}}|'{{3}}|\"|')", before)
    expression = _EXPRESSION.search(text, max(0, call.start - MAX_EXPRESSION), call.start)
    if call.kind != "(" or rest is None or expression is None or (typed is not None and not call.keyword):
        return None
    name = re.findall(r"\.\s*(\w+)\Z|\Z", expression[2])[0] or (expression[1] if not expression[2] else "")
    return CallAtCursor(
        root=expression[1],
        name=name,
        keyword=call.keyword,
        given=frozenset(call.given - {call.keyword}),
        is_first=call.is_first,
        typed=rest[1] if typed is None else typed,
        in_string=typed is not None,
        in_list=in_list,
        is_method=re.fullmatch(r"\s*\.\s*\w+", expression[2]) is not None,
    )


def _read(text: str) -> tuple[list[Bracket], str | None]:
    """The brackets that are open at the end of a text, and what has been typed of an open string."""
    stack: list[Bracket] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "open_string":
            return stack, text[token.end() :]
        if kind == "opening":
            stack.append(Bracket(token.start(), token[0], token.end()))
        elif kind == "closing" and stack:
            stack.pop()
        elif stack and kind == "comma":
            stack[-1].part, stack[-1].keyword, stack[-1].is_first = token.end(), "", False
        elif stack and kind == "keyword" and not text[stack[-1].part : token.start()].strip():
            stack[-1].part, stack[-1].keyword = token.end(), token["keyword"]
            stack[-1].given.add(token["keyword"])
        elif kind == "comment" and token.end() == len(text):
            return [], None
    return stack, None


def _call_of(found: CallAtCursor, variables: Mapping[str, Any]) -> str | None:
    """The key of :data:`CALLS` for a call; ``None`` for any other call."""
    value = variables.get(found.root)
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    elif type(value) is dict and value:
        value = next(iter(value.values()))
    kind = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    module = value.__name__ if isinstance(value, ModuleType) else getattr(kind, "__module__", None)
    is_own = str(module).partition(".")[0] == "nbkit"
    name = getattr(value, "__name__", "") if is_own and found.name == found.root else found.name
    if found.is_method and not isinstance(value, (ModuleType, type)) and name in CALLS:
        is_own = is_own and _takes_parameters(getattr(type(value), name, None))  # the generate() of a panel takes none
    return name if is_own and name in CALLS else None


def _takes_parameters(function: Any) -> bool:
    found = inspect.signature(function).parameters if inspect.isroutine(function) else {}
    return "temperature" in found or any(p.kind is p.VAR_KEYWORD for p in found.values())


def _names(found: CallAtCursor, name: str, variables: Mapping[str, Any], hidden: set[str]) -> Iterator[str]:
    """Parameters, the function's own keywords, the notebook's variables; of Python's names those that were begun."""
    given = {NAMES.find(keyword).name if keyword in NAMES else keyword for keyword in found.given}
    given |= set() if found.is_first else {"prompt"}
    free = [parameter for parameter in PARAMETERS.values() if parameter.name not in given]
    parameters = _starting([parameter.name for parameter in free], found.typed)
    spellings = [spelling for parameter in free for spelling in parameter.spellings]
    own = [keyword for keyword in _keywords(name) if keyword not in given]
    yield from (f"{text}=" for text in parameters or (_starting(spellings, found.typed) if found.typed else []))
    yield from (f"{text}=" for text in _starting(own, found.typed))
    if not found.in_list:
        visible = [text for text in variables if text not in hidden and (text[:1] != "_" or found.typed[:1] == "_")]
        yield from _starting(visible, found.typed)
        yield from _starting(dir(builtins), found.typed) if found.typed else []


@functools.cache
def _keywords(name: str) -> tuple[str, ...]:
    """The keywords of a function that are no parameters of a request."""
    module, path = CALLS[name]
    function = operator.attrgetter(path)(importlib.import_module(module))
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(function).parameters.values()
    return tuple(p.name for p in found if p.kind in kinds and p.name not in PARAMETERS and p.name != "self")


def _values(found: CallAtCursor, name: str) -> list[str]:
    """The values of the parameter at the cursor, as they are typed there."""
    kind = NAMES.find(found.keyword).kind if found.keyword in NAMES else None
    if found.in_list and name not in TAKES_LISTS:
        return []
    if isinstance(kind, Boolean) and not found.in_string:
        return _starting(("True", "False"), found.typed)
    values = _starting(kind.choices, found.typed) if isinstance(kind, Choice) else []
    return values if found.in_string else [f'"{value}"' for value in values]


def _starting(texts: Iterable[str], typed: str) -> list[str]:
    return [text for text in texts if text.lower().startswith(typed.lower())]
