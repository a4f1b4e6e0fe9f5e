"""What the page's buttons do: send, stop, make again, edit, take settings over, show a version.

One method for each button, each of which ends in one call: of the jobs, of the form, or of the pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbkit.display.text import usd, usd_short, usd_short_range
from nbkit.errors import BudgetExceeded
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO
from nbkit.results.run import GeneratedImage, Run
from nbkit.widgets.form.form import FINAL_TIERS, Form, is_blank
from nbkit.widgets.image_grid.picture import PictureRef
from nbkit.widgets.jobs.job import RunWork, StudioAPI
from nbkit.widgets.jobs.quote import QuoteBook, check_price, refusal
from nbkit.widgets.jobs.runner import QUEUE, JobRunner
from nbkit.widgets.jobs.sweep_work import SweepWork
from nbkit.widgets.panel import status
from nbkit.widgets.panel.library import Library
from nbkit.widgets.panel.pictures import Pictures
from nbkit.widgets.panel.status import UNDO, Action, Status
from nbkit.widgets.panel.sweeps import Sweeps
from nbkit.widgets.panel.tools import request_of

Press = Mapping[str, Any]


class Presses:
    """The buttons of a panel.

    Args:
        studio: makes runs.
        form: the state of the controls.
        jobs: carries out what is sent.
        pictures: shows what has come.
        library: answers what is asked of the log.
        sweeps: knows what a sweep comes to.
        left: what the budget has left for another press, in micro-dollars; ``None`` without a limit.
        say: puts something into the status line.
        send: sends a message to the page's form.

    Attributes:
        quotes: what Generate and "Make it again" promise.
    """

    def __init__(
        self,
        studio: StudioAPI,
        form: Form,
        jobs: JobRunner,
        pictures: Pictures,
        library: Library,
        sweeps: Sweeps,
        *,
        left: Callable[[], int | None],
        say: Callable[[Status], None],
        send: Callable[[dict[str, Any]], None],
    ) -> None:
        self._studio, self._form, self._jobs, self._pictures = studio, form, jobs, pictures
        self._sweeps = sweeps
        self._left, self._say, self._send = left, say, send
        self._same: tuple[ImageRequest, Run] | None = None
        self.quotes = QuoteBook()
        self._buttons: dict[str, Callable[[Press], None]] = {
            "generate": self._generate,
            "stop": self._stop,
            "reset": self._reset,
            "show same": self._show_same,
            "again": self._again,
            **dict.fromkeys(("Rerun", *FINAL_TIERS), self._make_again),
            "edit": self._edit,
            "settings": lambda press: self._use_settings(press, prompt=True),
            "settings without prompt": lambda press: self._use_settings(press, prompt=False),
            "seed": self._use_seed,
            "reference": self._add_reference,
            "compare": lambda _: pictures.compare(),
            "save": lambda press: pictures.save(settings=press.get("settings") is True),
            "full": lambda _: pictures.open(),
            "version": lambda press: pictures.show_run(studio.log[str(press["uuid"])]),
            **library.buttons,
        }

    def press(self, content: Press) -> None:
        """Do what a button does.

        Args:
            content: the page's message: ``button``, and what belongs to it, such as the number of its ``quote``.

        Raises:
            RequestError: if the press is not agreed to, or there is no such button; nothing has been sent.
        """
        button = self._buttons.get(str(content.get("button", "")))
        if button is None:
            raise refusal("The page sent a press of a button that this panel does not have.")
        button(content)

    def changed(self) -> None:
        """Forget what was offered for the controls as they were."""
        self._same = None

    # -- sending -----------------------------------------------------------------------------------------

    def add(self, request: ImageRequest, *, parent: str | None = None, parent_image: str | None = None) -> bool:
        """Put a request in line; whether there was room.

        Raises:
            BudgetExceeded: if the budget cannot pay it together with what waits.
        """
        waiting = sum(job.work.price.high for job in self._jobs.waiting) / MICRO
        if waiting and (why := status.too_dear(self._studio.price_of(request), self._left())):
            budget, asked = self._studio.budget, self._studio.price_of(request).high / MICRO
            raise BudgetExceeded(
                f"{why} What waits in line counts.",
                limit=budget.limit or 0.0, spent=budget.spent, held=budget.held + waiting, asked=asked,
            )  # fmt: skip
        origin = parent_image or (None if parent else self._origin(request))
        return self._jobs.add(RunWork(self._studio, request, parent=parent, parent_image=origin)) is not None

    @property
    def is_edit(self) -> bool:
        """Whether the only reference image is a generated picture: the prompt then says what to change."""
        items = self._form.references.items
        return len(items) == 1 and bool(items[0].origin)

    def _origin(self, request: ImageRequest) -> str | None:
        """The imageUUID of the generated picture that a request starts from."""
        items = self._form.references.items if request.reference_images else ()
        return next((item.origin for item in items if item.origin), None)

    def _send_now(self, request: ImageRequest, *, parent: str | None = None, parent_image: str | None = None) -> None:
        self._say(Status())
        if self.add(request, parent=parent, parent_image=parent_image):
            self._jobs.send_in_background()
        else:
            self._say(status.say(f"{QUEUE} runs wait already: nothing was added."))

    def add_sweep(self, work: SweepWork) -> bool:
        """Put a sweep in line; whether there was room."""
        self._say(Status())
        taken = self._jobs.add(work) is not None
        if taken:
            self._jobs.send_in_background()
        return taken

    def _generate(self, press: Press) -> None:
        if self._form.is_sweep:
            self._run_sweep(press)
        else:
            self._generate_single(press)

    def _run_sweep(self, press: Press) -> None:
        problems = self._form.asked(self._studio.sweep)[1]
        if problems:
            self._say_wrong(problems, is_empty=getattr(problems.get("prompt"), "reason", "") == "missing")
        elif not self._sweeps.is_taken:  # else the page was behind: what is under way says so
            self.add_sweep(self._sweeps.pressed(press))

    def _say_wrong(self, problems: Mapping[str, Any], *, is_empty: bool) -> None:
        self._say(status.error(status.NO_PROMPT if is_empty else "Nothing was sent: see what is wrong below."))
        name = "prompt" if is_empty else next(iter(problems))
        self._send({"kind": "focus", "name": name, "unless_acted": True})  # whoever has gone on is not called back

    def _generate_single(self, press: Press) -> None:
        promised = self.quotes.promised(press["quote"]) if press.get("quote") else None
        request, problems = self._form.check()
        if request is None:
            self._say_wrong(problems, is_empty=is_blank(self._form.read().get("prompt")))
            return
        if promised is None or self._studio.price_of(request).high > promised:
            self._offer_price(request)
        elif (same := self._studio.log.same_as(request, self._studio.engine)) is not None:
            self._offer_same(request, same)
        else:
            self._send_now(request)

    def _offer_price(self, request: ImageRequest) -> None:
        """Ask about a price that the button did not say: what was typed last has changed it."""
        asked = self._studio.price_of(request)
        price = usd_short_range(asked)
        again = Action("generate", f"Send at {price}", self.quotes.offer("generate", asked.high))
        self._say(status.say(f"The price is {price} now, so nothing was sent.", actions=(again,)))

    def _offer_same(self, request: ImageRequest, same: Run) -> None:
        """Say that the log has exactly this, instead of paying for it again without a word."""
        self._same = request, same
        most = self._studio.price_of(request).high
        quote = self.quotes.offer("again", (request.identity, most))
        again = Action("again", f"Make it again · {usd_short(most)}", quote, usd(most))
        said = f"This exact request is in the log (seed {request.seed})."
        self._say(status.say(said, actions=(Action("show same", "Show it"), again)))

    def _show_same(self, _press: Press) -> None:
        if self._same is not None:
            self._pictures.show_run(self._same[1])
            self._say(status.say("From the log; nothing was sent."))

    def _again(self, press: Press) -> None:
        promised = self.quotes.promised(press.get("quote"))
        request, same = self._same or (None, None)
        if request is None or same is None or promised != (request.identity, self._studio.price_of(request).high):
            raise refusal("The controls have changed since.")
        image = same.images[0].image_uuid if same.images else None
        self._send_now(request, parent=same.task_uuid, parent_image=image or None)

    def _make_again(self, press: Press) -> None:
        """Make the chosen picture again, as it was or at a higher tier."""
        promised = self._pictures.quotes.promised(press.get("quote"))
        picture = self._pictures.chosen
        if picture is None or promised[0] != picture.key:
            raise refusal("Another picture has taken the place of the one that was chosen on the page.")
        request = request_of(picture, str(press["button"]))
        if request is not None:
            high = self._studio.price_of(request).high
            check_price(promised[1], high, f"up to {usd(high)}")
            image = picture.image
            origin = image.image_uuid if image else None
            self._send_now(request, parent=picture.run.task_uuid, parent_image=origin or None)

    def _stop(self, press: Press) -> None:
        number = press.get("number")
        with self._form.lock:
            chosen = [job for job in self._jobs.jobs if number in (None, job.number)]
            if not chosen:
                return
            sweeps = [job.work for job in chosen if job.sent and isinstance(job.work, SweepWork)]
            lines = [line for work in sweeps for line in self._sweeps.stopped(work)]
            runs = [job for job in chosen if job.work not in sweeps]
            sent = sum(job.work.price.high for job in runs if job.sent)
            waiting = sum(not job.sent for job in runs)
            self._jobs.stop(chosen)
            said = status.stopped(sent, waiting, charged=self._studio.charged, number=number) if runs else Status()
            self._say(status.say(*lines, *said.lines))

    def _reset(self, _press: Press) -> None:
        self._form.reset()
        self._say(status.say("Form emptied.", actions=(UNDO,)))
        self._send({"kind": "focus", "name": "prompt"})

    # -- with a picture ----------------------------------------------------------------------------------

    def _picture(self, press: Press) -> PictureRef | None:
        """The picture that a press is about: the one that it names, else the chosen one."""
        return self._pictures.picture(str(press.get("key", ""))) or self._pictures.chosen

    def _edit(self, press: Press) -> None:
        """Make a picture the only reference image and empty the prompt."""
        picture = self._picture(press)
        if picture is None or picture.image is None:
            return
        self.edit(picture.image, picture.run.request)

    def edit(self, image: GeneratedImage, request: ImageRequest) -> None:
        """The same for a picture and the request that made it."""
        with self._form.change():
            self._form.references.append(image, alone=True)
            self._form.write({"prompt": None, "number_results": None, **_kept_size(request, image)})
        seed = "" if image.seed is None else f" with seed {image.seed}"
        self._say(status.say(f"Editing the picture{seed}: describe the change.", actions=(UNDO,)))
        self._send({"kind": "focus", "name": "prompt"})

    def _use_settings(self, press: Press, *, prompt: bool) -> None:
        picture = self._picture(press)
        if picture is not None:
            request = picture.run.request
            self._form.use(request, prompt=prompt)
            extra = "What it had as extra= has no control and is left out." if request.extra else ""
            self._say(status.say("Settings restored from that run.", extra, actions=(UNDO,)))

    def _use_seed(self, press: Press) -> None:
        picture = self._picture(press)
        if picture is not None and picture.image is not None and picture.image.seed is not None:
            self._form.write({"seed": picture.image.seed})
            self._say(status.say(f"The seed is {picture.image.seed} now.", actions=(UNDO,)))

    def _add_reference(self, press: Press) -> None:
        picture = self._picture(press)
        if picture is None or picture.image is None:
            return
        items = self._form.references.items
        same = [bool(item.origin) and item.origin == picture.image.image_uuid for item in items]
        if any(same):
            self._say(status.say(f"It is reference {same.index(True) + 1} already."))
        else:
            self._form.references.append(picture.image)
            self._say(status.say(f"Added as reference {len(items) + 1}.", actions=(UNDO,)))


def _kept_size(request: ImageRequest, image: GeneratedImage) -> dict[str, Any]:
    """The tier of a picture whose request set no size, so that an edit of it has its size, and one price."""
    if not (request.has_default_size and image.width and image.height):
        return {}
    return {"resolution": request.profile.tier_of_pixels(image.width, image.height), "aspect_ratio": None}
