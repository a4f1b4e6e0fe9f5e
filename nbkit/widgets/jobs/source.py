"""What the controls stand for, as the line of Python that does the same and as the JSON that would be sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from nbkit.log.images import ImageStore
from nbkit.request.address import Url
from nbkit.request.image_request import ImageRequest, task_for_display
from nbkit.request.reference import Reference
from nbkit.results.run import PLANNED, Run

NEW_UUID = "(a new UUID at each send)"


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
