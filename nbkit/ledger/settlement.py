"""The last step of a run: its outcome becomes rows of the log, and its pictures become files.

Rows are committed before a download begins, so that a kernel that dies in between leaves the addresses in the log. A
picture that came inside the answer has no address to fetch it from again, so its file is written before its row.
"""

from __future__ import annotations

import time

from nbkit.errors import DownloadError, StorageError
from nbkit.ledger.journal import Journal, StoredPicture
from nbkit.ledger.task_session import status_of
from nbkit.log.images import ImageStore
from nbkit.measures.facts import examine
from nbkit.results.run import UNKNOWN
from nbkit.service.client import Client
from nbkit.service.response import TaskResponse


class Settler:
    """Settles runs and stores their pictures.

    Args:
        client: fetches pictures.
        journal: the log's writing side.
        images: the folder of pictures.
    """

    def __init__(self, client: Client, journal: Journal, images: ImageStore) -> None:
        self._client, self._journal, self._images = client, journal, images

    def settle(self, task_uuid: str, response: TaskResponse, *, wanted: int, started: float | None) -> None:
        """Write what became of a run into the log, and its pictures to disk.

        Args:
            task_uuid: of the run.
            response: what the service said.
            wanted: how many results were asked for.
            started: when the task was sent, on the monotonic clock; ``None`` for a run of an earlier kernel.
        """
        status = status_of(response)
        if status == UNKNOWN:
            self._journal.mark_unknown(task_uuid, response.errors[0])
            return
        inline = {r.image_uuid: self._store(r.source) for r in response.results if r.url is None}
        rows = self._journal.settle(task_uuid, status, response, inline, wanted=wanted)
        pictures = {
            rows[result.image_uuid]: inline.get(result.image_uuid) or self.fetch(result.source)
            for result in response.results
            if result.image_uuid in rows
        }
        self._journal.finish(task_uuid, pictures, latency=None if started is None else time.monotonic() - started)

    def fetch(self, source: str) -> StoredPicture:
        """Store the picture of a result, or return the reason why that failed."""
        try:
            return self._store(source)
        except StorageError as error:
            return StoredPicture(error=str(error))

    def _store(self, source: str) -> StoredPicture:
        try:
            data, facts = self._client.fetch(source, examine)
        except DownloadError as error:
            return StoredPicture(error=str(error))
        return StoredPicture(facts, self._images.put(data, facts.media_type, facts.sha256))
