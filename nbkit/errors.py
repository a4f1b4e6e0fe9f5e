"""Everything that nbkit raises, as one tree.

::

    NbkitError
    ├── RequestError (ValueError)        a parameter is wrong; raised before anything is sent
    │   └── UnknownParameter (TypeError)     a name that is no parameter
    ├── ConfigurationError               no key, an engine that does not exist, an address that cannot be used
    ├── BudgetExceeded                   the next run might cost more than is left; nothing was sent
    ├── NoImage                          a picture that does not exist or cannot be read was accessed
    ├── NoSuchKey (KeyError)             the log has no run, picture or preset of this name
    ├── NoSuchNumber (IndexError)        a run has no picture, or a sweep no cell, of this number
    ├── StorageError                     the log or the image folder cannot be read or written
    │   └── LogVersionError              the log was made by a newer nbkit
    ├── DownloadError                    a picture could not be fetched, or is not one
    └── EngineError                      the engine refused a task, failed at it, or could not be reached
        ├── NotConnected                 no connection: the task was not sent; nothing was charged
        ├── AnswerLost                   sent, but no usable answer came: the outcome is not known
        ├── AuthenticationError          the key is missing, wrong, or not allowed to do this
        ├── CreditError                  the account has no credit left
        ├── BusyError                    too many requests; try later (``retry_after`` in seconds, if given)
        ├── BlockedError                 refused by a safety filter
        ├── EngineTimeout                the model took too long
        ├── ProviderError                the model failed
        ├── NotFoundError                the service does not know the task or resource, or no longer
        ├── ServerError                  the service itself failed
        └── RefusedError                 the service found the request invalid
            └── ConflictError            this taskUUID has been used: the task arrived earlier

An :class:`EngineError` has the facts of the service's answer (``code``, ``message``, ``parameter``, ``status``) and the
request that failed (``request``), which the ledger attaches. No error contains the API key.

Example:
    >>> import nbkit
    >>> try:
    ...     nbkit.ImageRequest("A teapot", width=1920, height=1080)
    ... except nbkit.RequestError as error:
    ...     print(error.parameter, error.suggestion)
    width (1376, 768)
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from nbkit.tracebacks import short_traceback

_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)
"""What moves a cursor, changes the direction or the order of what follows, or is invisible. Tabs and line breaks stay, and
so do the joiners of Arabic, of Indic scripts and of emoji."""


def printable(text: str) -> str:
    r"""A text from elsewhere for a terminal, a page or an error: control characters are shown as Python escapes.

    Data stays as it is; only what is shown goes through here.

    Example:
        >>> from nbkit.errors import printable
        >>> print(printable("red\x1b[31m"), printable("a\u202eb"))
        red\x1b[31m a\u202eb
    """
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


class NbkitError(Exception):
    """The base class of all errors of nbkit: ``except nbkit.NbkitError`` catches each of them.

    Example:
        >>> import nbkit
        >>> try:
        ...     nbkit.Studio(engine="nowhere")
        ... except nbkit.NbkitError as error:
        ...     print(type(error).__name__)
        ConfigurationError
    """

    def __str__(self) -> str:
        return printable(super().__str__())

    def __reduce__(self) -> tuple[Any, ...]:
        # By default, unpickling calls the class with the message only, and most of these classes require more.
        return type(self).__new__, (type(self), *self.args), self.__dict__

    def _render_traceback_(self) -> list[str]:
        """Called by IPython to show the error: the user's own lines and the message."""
        return short_traceback(self, printable)


class RequestError(NbkitError, ValueError):
    """A parameter is wrong. It is raised before anything is sent.

    Attributes:
        parameter: its name as the user spelled it.
        value: as given.
        reason: the kind of mistake: ``missing``, ``type``, ``range``, ``length``, ``step``, ``choice``, ``dimensions``,
            ``conflict``, ``format``, ``count``, ``unknown``, or ``unsupported`` by the model.
        suggestion: the nearest valid value, or ``None``.

    Example:
        >>> import nbkit
        >>> try:
        ...     nbkit.ImageRequest("A teapot", temperature=1.2)
        ... except nbkit.RequestError as error:
        ...     print(error)
        temperature=1.2: must be a number from 0 to 1 in steps of 0.01. Nearest: temperature=1.0
    """

    def __init__(
        self, message: str, *, parameter: str, value: Any = None, reason: str = "type", suggestion: Any = None
    ) -> None:
        super().__init__(message)
        self.parameter = parameter
        self.value = value
        self.reason = reason
        self.suggestion = suggestion


class UnknownParameter(RequestError, TypeError):
    """A name that is no parameter. It is also a ``TypeError``, as for any Python call with a misspelled keyword."""


class ConfigurationError(NbkitError):
    """The configuration cannot be used: no key, an unknown engine, an unusable address."""


class BudgetExceeded(NbkitError):
    """The next run might cost more than is left of a budget. Nothing was sent.

    Attributes:
        limit: the budget in USD.
        spent: USD that earlier runs have cost.
        held: USD reserved for runs that are not settled.
        asked: the most that the run might cost, in USD.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline", budget=0.05)
        >>> try:
        ...     studio.generate("A teapot", seed=7)
        ... except nbkit.BudgetExceeded as error:
        ...     print(error.limit, error.spent, error.asked)
        0.05 0.0 0.06895
    """

    def __init__(self, message: str, *, limit: float, spent: float, held: float, asked: float) -> None:
        super().__init__(message)
        self.limit, self.spent, self.held, self.asked = limit, spent, held, asked


class NoImage(NbkitError):
    """A picture was accessed that does not exist, or whose file cannot be read."""


class NoSuchKey(NbkitError, KeyError):
    """The log has no run, picture or preset of this name."""

    def __str__(self) -> str:
        return printable(str(self.args[0]) if self.args else "")  # that of KeyError is in quotation marks


class NoSuchNumber(NbkitError, IndexError):
    """A run has no picture, or a sweep no cell, of this number."""


class StorageError(NbkitError):
    """The log or the image folder cannot be read or written."""


class LogVersionError(StorageError):
    """The log was written by a newer version of nbkit, and this one cannot read it."""


class DownloadError(NbkitError):
    """A picture could not be fetched, or the fetched file is not a valid picture.

    Attributes:
        retry: whether another attempt may help (after a cut connection: yes; for a file that is no picture: no).
    """

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class EngineError(NbkitError):
    """The engine refused a task, failed at it, or could not be reached.

    Attributes:
        code: the service's error code, unchanged; ``""`` if it sent none.
        message: the service's error message, unchanged. It is not trusted: nbkit escapes it in HTML.
        parameter: names of the parameters that the service reports, in its spelling.
        status: the HTTP status, or ``None``.
        task_uuid: the taskUUID of the task that failed, or ``None``.
        retry_after: seconds that the service requires to wait, or ``None``.
        request: the :class:`~nbkit.ImageRequest` that failed; ``None`` until the ledger attaches it.
        image_uuid: the imageUUID of the one result that failed; ``None`` if the service named none.
        cost: micro-dollars that the service takes for a result without a picture; ``None`` if it named no cost.
        advice: what the user can do about it.
        never_accepted: whether the service certainly did not take the task: the same may simply be sent again.
    """

    never_accepted: bool = False
    advice = "The service said no more than this. Its documentation lists its error codes."

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        parameter: Iterable[str] = (),
        status: int | None = None,
        task_uuid: str | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(f"{message} [{code}]" if code else message)
        self.message = message
        self.code = code
        self.parameter = tuple(parameter)
        self.status = status
        self.task_uuid = task_uuid
        self.retry_after = retry_after
        self.request: Any = None  # an ImageRequest, whose module imports this one
        self.image_uuid: str | None = None
        self.cost: int | None = None
        if advice is not None:
            self.advice = advice


class NotConnected(EngineError):
    """No connection could be made: the task was not sent and nothing was charged."""

    never_accepted = True
    advice = (
        "Nothing was sent and nothing was charged. Check the network and the engine's address, or ask whoever runs it; "
        'nbkit.Studio(engine="offline") goes on without it.'
    )


class AnswerLost(EngineError):
    """The task was sent and no usable answer came: it may have been accepted and charged."""

    advice = "It may have been accepted. studio.recover() asks the service what became of it; it sends nothing twice."


class AuthenticationError(EngineError):
    """The key is missing, wrong, or not allowed to do this."""

    never_accepted = True
    advice = (
        "Nothing was charged. If a class or a team gave you the key, ask there; it goes into NBKIT_KEY. A key of your own "
        "for the vendor goes into RUNWARE_API_KEY before Jupyter starts, or into Studio(api_key=…); "
        'Studio(engine="offline") works without a key.'
    )


class CreditError(EngineError):
    """The account has no credit left."""

    never_accepted = True
    advice = (
        "Nothing was charged. Top up the account, or ask for more where you got the key: in a class, the teacher. "
        "studio.balance() is what is left."
    )


class BusyError(EngineError):
    """Too many requests at once."""

    never_accepted = True
    advice = "Nothing was charged. Wait a little and run again, with fewer at once."


class BlockedError(EngineError):
    """A safety filter refused the prompt, a reference image, or the picture."""

    advice = "Change the prompt or the reference images: the same request is often refused again."


class EngineTimeout(EngineError):
    """The model took too long."""

    advice = "Run it again, or ask for a smaller size or fewer results at once."


class ProviderError(EngineError):
    """The model failed."""

    advice = "The model's provider had a problem. Run it again in a little while."


class NotFoundError(EngineError):
    """The service does not know the task or resource, or no longer."""

    advice = "The service does not know it (any more). A reference image's UUID may have expired: send the file."


class ServerError(EngineError):
    """The service itself failed."""

    advice = "The service had a problem of its own. Run it again in a little while."


class RefusedError(EngineError):
    """The service found the request invalid."""

    advice = "Nothing was charged. Change the parameter that the message names, then run again."


class ConflictError(RefusedError):
    """This taskUUID has been used before: the task arrived earlier."""

    advice = "The task did arrive earlier. studio.recover() asks the service what became of it."
