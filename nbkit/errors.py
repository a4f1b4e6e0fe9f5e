"""Everything that nbkit raises.

::

    NbkitError
    ├── RequestError (ValueError)        a parameter is wrong; found here, nothing was sent
    │   └── UnknownParameter (TypeError)     a name that is no parameter
    ├── ConfigurationError               no key, an engine that does not exist, an address that cannot be used
    ├── BudgetExceeded                   the next run might cost more than is left; nothing was sent
    ├── NoImage                          a run that has no picture was asked for one
    ├── StorageError                     the log or the image folder cannot be read or written
    │   └── LogVersionError              the log was made by a newer nbkit
    ├── DownloadError                    a picture could not be fetched, or is not one
    └── EngineError                      the engine refused a task, failed at it, or could not be reached
        ├── NotConnected                 no connection: the task never left; nothing was charged
        ├── AnswerLost                   sent, but no usable answer came: the outcome is not known
        ├── AuthenticationError          the key is missing, wrong, or not allowed to do this
        ├── CreditError                  the account has no credit left
        ├── BusyError                    too many requests; try later (``retry_after`` in seconds, if said)
        ├── BlockedError                 refused by a safety filter
        ├── EngineTimeout                the model took too long
        ├── ProviderError                the model failed
        ├── NotFoundError                the task or resource is not known, or no longer
        ├── ServerError                  the service itself failed
        └── RefusedError                 the service found the request invalid
            └── ConflictError            this taskUUID has been used: the task did arrive before

An :class:`EngineError` carries what the service said (``code``, ``message``, ``parameter``, ``status``) and
the request that it was about (``request``), attached in one place, the ledger. No error holds the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class NbkitError(Exception):
    """The root: ``except nbkit.NbkitError`` catches whatever nbkit raises."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Python would call the class with the message alone, and most of these ask for more than that.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[NbkitError], args: tuple[Any, ...], state: Mapping[str, Any]) -> NbkitError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class RequestError(NbkitError, ValueError):
    """A parameter is wrong. Found before anything was sent.

    Attributes:
        parameter: the name as the person spelled it.
        value: what was given.
        reason: one word for the kind of mistake: ``missing``, ``type``, ``range``, ``length``, ``step``,
            ``choice``, ``dimensions``, ``conflict``, ``format``, ``count`` or ``unknown``.
        suggestion: the nearest valid choice, where there is one.
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
    """A name that is no parameter; also a ``TypeError``, as for any Python call with a misspelled keyword."""


class ConfigurationError(NbkitError):
    """nbkit cannot work as it was set up: no key, an unknown engine, an unusable address."""


class BudgetExceeded(NbkitError):
    """The next run might cost more than is left. Nothing was sent.

    Attributes:
        limit, spent, held, asked: USD. ``held`` is money kept back for runs that are not settled.
    """

    def __init__(self, message: str, *, limit: float, spent: float, held: float, asked: float) -> None:
        super().__init__(message)
        self.limit, self.spent, self.held, self.asked = limit, spent, held, asked


class NoImage(NbkitError):
    """A run that has no picture was asked for one."""


class StorageError(NbkitError):
    """The log or the image folder cannot be read or written."""


class LogVersionError(StorageError):
    """The log was written by a newer nbkit than this one."""


class DownloadError(NbkitError):
    """A picture could not be fetched, or what came is not a picture that can be trusted.

    Attributes:
        retry: whether asking again may help (a cut connection: yes; a file that is no picture: no).
    """

    def __init__(self, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.retry = retry


class EngineError(NbkitError):
    """The engine refused a task, failed at it, or could not be reached.

    Attributes:
        code: the service's error code, as it came; ``""`` if none came.
        message: the service's sentence, as it came. It is data: it is escaped wherever HTML is made.
        parameter: the parameters that the service named, in its spelling.
        status: the HTTP status, or ``None``.
        task_uuid: the task it is about, or ``None``.
        retry_after: seconds that the service asked to wait, or ``None``.
        request: the :class:`~nbkit.ImageRequest` it is about, once the ledger has attached it.
    """

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
        self.request: Any = None  # an ImageRequest; its module stands further up and raises these errors
        if advice is not None:
            self.advice = advice


class NotConnected(EngineError):
    """No connection could be made: the task never left, nothing was charged."""

    advice = "Nothing was sent and nothing was charged. Check the network and the engine's address; then run again."


class AnswerLost(EngineError):
    """The task was sent and no usable answer came: it may have been accepted, and charged."""

    advice = "It may have been accepted. studio.recover() asks the service what became of it; it sends nothing twice."


class AuthenticationError(EngineError):
    """The key is missing, wrong, or not allowed to do this."""

    advice = (
        "Nothing was charged. Set RUNWARE_API_KEY before Jupyter starts, or pass Studio(api_key=…); "
        'Studio(engine="offline") works without a key.'
    )


class CreditError(EngineError):
    """The account has no credit left."""

    advice = "Nothing was charged. Top up the account, then run again; studio.balance() tells what it holds."


class BusyError(EngineError):
    """Too many requests at once."""

    advice = "Nothing was charged. Wait a little and run again, with fewer at once."


class BlockedError(EngineError):
    """A safety filter refused the prompt, a reference image, or the picture."""

    advice = "Change the prompt or the reference images: sending the same again gives the same answer."


class EngineTimeout(EngineError):
    """The model took too long."""

    advice = "Run it again, or ask for a smaller size or fewer results at once."


class ProviderError(EngineError):
    """The model failed."""

    advice = "The model's provider had a problem. Run it again in a little while."


class NotFoundError(EngineError):
    """The task or resource is not known, or no longer."""

    advice = "The service does not know it (any more). A reference image's UUID may have expired: send the file."


class ServerError(EngineError):
    """The service itself failed."""

    advice = "The service had a problem of its own. Run it again in a little while."


class RefusedError(EngineError):
    """The service found the request invalid."""

    advice = "Nothing was charged. Change the parameter that the message names, then run again."


class ConflictError(RefusedError):
    """This taskUUID has been used before: the task did arrive."""

    advice = "The task did arrive earlier. studio.recover() asks the service what became of it."
