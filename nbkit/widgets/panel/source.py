"""What the controls stand for, as the line of Python that does the same and as the JSON that would be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import ipywidgets as widgets

from nbkit.display.text import escape
from nbkit.log.images import ImageStore
from nbkit.request.address import Url
from nbkit.request.image_request import ImageRequest, task_for_display
from nbkit.request.reference import Reference
from nbkit.results.run import PLANNED, Run
from nbkit.widgets.controls.control import Changed
from nbkit.widgets.page.plain import plain

NEW_UUID = "(a new UUID at each send)"
NOTHING = "Nothing to show yet: the controls do not make a request."


def findable(references: Iterable[Reference], files: Mapping[str, str], store: ImageStore) -> dict[str, str]:
    """Files of reference images by the hash of their content; what only the page has given is put into the image folder.

    Code that names a dropped file by its name would not run, or would find another file of that name.

    Raises:
        StorageError: if it cannot be written there.
    """
    given = [reference for reference in references if reference.data and reference.sha256 not in files]
    return {**files, **{one.sha256: store.put(one.data, one.media_type, one.sha256) for one in given}}


def code_of(request: ImageRequest, files: Mapping[str, str]) -> str:
    """The ``studio.generate(…)`` call of a request.

    Args:
        request: what the controls ask for.
        files: a file for each reference that has pixels here (:func:`findable`); the code names the file, not its bytes.
    """
    code = Run(request=request, task_uuid="", status=PLANNED, reference_files=dict(files)).as_code()
    addresses = [reference.text for reference in request.reference_images or () if not reference.data]
    addresses += [value for value in (request.webhook_url, request.upload_endpoint) if value]
    for address in addresses:
        if isinstance(address, Url) and address != str.__str__(address):
            code = f"# the query of {address} may be a credential: it is left out here\n{code}"
    return f"import pathlib\n\n{code}" if "pathlib.Path(" in code else code  # a file that no log has yet


def json_of(request: ImageRequest) -> str:
    """What would be sent; credentials are left out and pictures stand as the hash of their content."""
    return json.dumps([task_for_display(request, NEW_UUID)], indent=2, ensure_ascii=False)


def source_html(text: str) -> str:
    """A text to read and to copy."""
    return (
        '<div class="nbkit-copied"><button type="button" class="nbkit-copy">Copy</button>'
        f'<pre class="nbkit-source" tabindex="0">{escape(text)}</pre></div>'
    )


class Source:
    """Two buttons, Show code and Show JSON, and the text under them.

    Attributes:
        buttons: to be placed beside Generate.
        box: the texts, each gone while its button is up.
    """

    def __init__(self) -> None:
        self.code = plain(
            widgets.ToggleButton, description="Show code", tooltip="The line of Python that makes the same run"
        )
        self.json = plain(widgets.ToggleButton, description="Show JSON", tooltip="What is sent to the service")
        self.buttons = (self.code, self.json)
        for button in self.buttons:
            button.add_class("nbkit-small")
        self._code, self._json = plain(widgets.HTML, layout={}), plain(widgets.HTML, layout={})
        self.box = plain(widgets.VBox, (self._code, self._json))
        self._request: ImageRequest | None = None
        self._files: Mapping[str, str] = {}
        self._fill()

    def on_change(self, changed: Changed) -> None:
        """Have ``changed`` called when a text is asked for or put away."""
        for button in (self.code, self.json):
            button.observe(lambda _: changed(), "value")

    def show(self, request: ImageRequest | None, files: Mapping[str, str]) -> None:
        """Keep what is open in step with the controls; what is not open costs nothing."""
        self._request, self._files = request, files
        self._fill()

    def _fill(self) -> None:
        request = self._request
        for button, place in ((self.code, self._code), (self.json, self._json)):
            place.layout.display = "" if button.value else "none"
            if not button.value:
                place.value = ""
                continue
            text = NOTHING
            if request is not None:
                text = code_of(request, self._files) if button is self.code else json_of(request)
            place.value = source_html(text)
