"""One press of a button that sends something, and what a panel needs of a studio to carry it out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol

from nbkit.errors import EngineError, UnknownParameter
from nbkit.history import RunLog
from nbkit.ledger.budget import BudgetListener
from nbkit.request.image_request import NAMES, ImageRequest
from nbkit.request.price import Price
from nbkit.results.money import Budget
from nbkit.results.run import Run
from nbkit.service.cancel import CancelToken
from nbkit.service.standing import Standing
from nbkit.sweep.sweep import Sweep


class StudioAPI(Protocol):
    """What a panel needs of a studio."""

    @property
    def charged(self) -> bool:
        """Whether runs cost real money."""

    @property
    def busy(self) -> str:
        """What a busy service lets through, in words; empty otherwise."""

    @property
    def budget(self) -> Budget:
        """What may still be spent."""

    @property
    def engine(self) -> str:
        """By its name in the log."""

    @property
    def model(self) -> str:
        """The model of requests that name none."""

    def price_of(self, request: ImageRequest, /) -> Price:
        """What a request may cost, in micro-dollars."""

    @property
    def log(self) -> RunLog:
        """Where runs and their pictures are."""

    def new_token(self) -> CancelToken:
        """A token for :meth:`start`."""

    def start(
        self, request: ImageRequest, /, *, parent: str | None, parent_image: str | None, token: CancelToken
    ) -> Future[Run]:
        """Begin a run and return, or raise, and nothing is sent.

        Once the token is cancelled, what the service has not accepted is not sent. The future is cancelled where nobody
        waits for it and nothing has come.
        """

    def sweep(self, prompt: Any = None, **keywords: Any) -> Sweep:
        """Make a sweep; sends nothing."""

    def balance(self) -> float:
        """What the account holds, in USD. Asks the service."""

    def standing(self) -> Standing | None:
        """How the student of a class stands; ``None`` where the engine is no class's server. Asks the service."""

    def watch(self, watcher: BudgetListener, /) -> None:
        """Have it told when money has moved, as long as somebody holds it."""


class Work(Protocol):
    """What a press sends."""

    @property
    def prompt(self) -> str:
        """What people know it by in the queue."""

    @property
    def price(self) -> Price:
        """What it may cost."""

    @property
    def lands(self) -> bool:
        """Whether it is over only when nothing of it is under way, also after Stop."""

    def start(self, token: CancelToken, /) -> Future[Any]:
        """Send it, and return; or raise, and nothing is sent. A cancelled future is one that has sent nothing."""

    def stop(self) -> None:
        """Send no more of it; the token is cancelled."""


class RunWork:
    """A single request.

    Args:
        studio: makes the run.
        request: what is sent.
        parent: the taskUUID of the run that is made again.
        parent_image: the imageUUID of the picture that it is made from.
    """

    lands = False

    def __init__(
        self, studio: StudioAPI, request: ImageRequest, *, parent: str | None = None, parent_image: str | None = None
    ) -> None:
        self._studio, self.request = studio, request
        self.parent, self.parent_image = parent, parent_image
        self.prompt, self.price = request.prompt, studio.price_of(request)

    def start(self, token: CancelToken) -> Future[Run]:
        """Begin the run."""
        return self._studio.start(self.request, parent=self.parent, parent_image=self.parent_image, token=token)

    def stop(self) -> None:
        """The token is all that it takes."""


@dataclass(eq=False)
class Job:
    """One press, until it has ended or is no longer waited for.

    Attributes:
        work: what is sent.
        token: cancelled when nobody waits any more.
        number: of the press; people see it in the queue.
        sent: whether it has been sent; before that it waits in the queue.
        failure: why it did not come to a result.
        over: set when it has ended, or nobody waits any more.
    """

    work: Work
    token: CancelToken
    number: int
    began: float = field(default_factory=time.monotonic)
    sent: bool = False
    failure: BaseException | None = None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def seconds(self) -> float:
        """Since the press, or since it was sent."""
        return time.monotonic() - self.began


def refused(run: Run) -> dict[str, str]:
    """What the service says of single parameters, by their Python names."""
    said = {}
    for spelling in run.error.parameter if isinstance(run.error, EngineError) else ():
        try:
            said[NAMES.find(spelling.rpartition(".")[2]).name] = str(run.error)
        except UnknownParameter:
            continue  # the status line says it
    return said
