"""What the panel asks of the log and the account: prompts typed before, presets, the balance; what is opened under it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nbkit.request.image_request import PARAMETERS
from nbkit.service.threads import THREADS
from nbkit.widgets.form.form import SIZE, Form
from nbkit.widgets.jobs.job import StudioAPI
from nbkit.widgets.page.guard import showing
from nbkit.widgets.panel import status
from nbkit.widgets.panel.pictures import Pictures
from nbkit.widgets.panel.status import UNDO, Status

PROMPTS = 50
"""Prompts in the list; a search finds the others."""
LEFT_OUT = ("prompt", "reference_images", "webhook_url", "upload_endpoint")
"""What a preset does not hold: what is about one picture, and credentials."""


class Library:
    """What can be opened in a panel.

    Args:
        studio: has the log and the account.
        form: the state of the controls.
        pictures: shows the history.
        say: puts something into the status line, and brings the panel in step.
        send: sends a message to the page's form.
        fault: shows an error.

    Attributes:
        balance: what the account holds, in words; empty until somebody asks.
        buttons: what the page's buttons of these do, by their names.
    """

    def __init__(
        self,
        studio: StudioAPI,
        form: Form,
        pictures: Pictures,
        *,
        say: Callable[[Status | None], None],
        send: Callable[[dict[str, Any]], None],
        fault: Callable[[BaseException], None],
    ) -> None:
        self._studio, self._form, self._pictures = studio, form, pictures
        self._say, self._send, self._fault = say, send, fault
        self._open: set[str] = set()
        self.balance = ""
        self.buttons: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "prompts": self._prompts,
            "presets": lambda _: self._presets(),
            "save preset": self._save_preset,
            "use preset": self._use_preset,
            "delete preset": self._delete_preset,
            "balance": lambda _: self._ask_balance(),
            "history": lambda _: self._toggle("history"),
            "code": lambda _: self._toggle("code"),
            "json": lambda _: self._toggle("json"),
            "plan": lambda _: self._toggle("plan"),
        }

    def source(self, texts: Mapping[str, Callable[[], str]]) -> dict[str, Any]:
        """The texts that are open, as the page shows them; ``None`` for one that is not, which then costs nothing.

        Args:
            texts: what makes each, by its name; those that are missing cannot be opened now.
        """
        shown = {name: make() if name in self._open else None for name, make in texts.items()}
        return {**shown, "history": "history" in self._open}

    def _toggle(self, name: str) -> None:
        self._open ^= {name}
        if name == "history":
            self._pictures.show_past(open_="history" in self._open)
        self._say(None)

    def _prompts(self, press: Mapping[str, Any]) -> None:
        found = self._studio.log.prompts(str(press.get("search", "")), limit=PROMPTS)
        self._send({"kind": "prompts", "prompts": found})

    def _presets(self) -> None:
        self._send({"kind": "presets", "names": list(self._studio.log.presets)})

    def _save_preset(self, press: Mapping[str, Any]) -> None:
        name = " ".join(str(press["name"]).split())
        values = {name: value for name, value in self._form.read().items() if name not in LEFT_OUT}
        self._studio.log.presets[name] = values
        self._presets()
        self._say(status.say(f"Kept as “{name}”: all settings but prompt, references and addresses."))

    def _use_preset(self, press: Mapping[str, Any]) -> None:
        name = str(press["name"])
        values = self._studio.log.presets[name]
        unset = [n for n in PARAMETERS if n not in (*LEFT_OUT, *SIZE)]
        self._form.write({**dict.fromkeys((*unset, "aspect_ratio", "resolution")), **values})
        self._say(status.say(f"Settings of “{name}”.", actions=(UNDO,)))

    def _delete_preset(self, press: Mapping[str, Any]) -> None:
        del self._studio.log.presets[str(press["name"])]
        self._presets()

    def _ask_balance(self) -> None:
        self.balance = "asking…"
        self._say(None)
        THREADS.submit(self._tell_balance)

    def _tell_balance(self) -> None:
        self.balance = ""
        with showing(self._fault):  # nobody looks at what a thread raises
            self.balance = f"${self._studio.balance():,.2f} on the account"
        self._say(None)
