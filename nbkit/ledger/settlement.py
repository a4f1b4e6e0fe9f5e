"""The last step of a run: its outcome becomes rows of the log, and its pictures become files.

Rows are committed before a download begins, so that a kernel that dies in between leaves the addresses in the log. A
picture that came inside the answer has no address to fetch it from again, so its file is written before its row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from nbkit.errors import DownloadError, StorageError
from nbkit.ledger.journal import Journal, ResultRow, StoredPicture
from nbkit.ledger.task_session import Outcome
from nbkit.log.images import ImageStore
from nbkit.measures.facts import PictureFacts, examine
from nbkit.results.run import UNKNOWN
from nbkit.service.client import Client
from nbkit.service.response import ImageResult

InlinePictures = dict[str, tuple[PictureFacts, str]]
"""By image UUID: facts and file of the pictures that came inside an answer."""


class Settler:
    """Settles runs and stores their pictures.

    Args:
        client: fetches pictures.
        journal: the log's writing side.
        images: the folder of pictures.
    """

    def __init__(self, client: Client, journal: Journal, images: ImageStore) -> None:
        self._client, self._journal, self._images = client, journal, images

    def settle(
        self, task_uuid: str, outcome: Outcome, task: Mapping[str, Any], *, charged: bool, started: float | None = None
    ) -> None:
        """Write a run's outcome into the log and its pictures to disk.

        Args:
            task_uuid: of the run.
            outcome: what became of it.
            task: as it was sent.
            charged: whether the engine charges real money; an offline answer overrides it.
            started: when the task was sent, on the monotonic clock; ``None`` for a run of an earlier kernel.
        """
        first = outcome.errors[0] if outcome.errors else None
        reason = {"error": first.message, "code": first.code, "kind": type(first).__name__} if first else {}
        if outcome.status == UNKNOWN:
            self._journal.mark_unknown(
                task_uuid, reason.get("error", ""), reason.get("code", ""), reason.get("kind", "")
            )
            return
        inline = self._store_inline(outcome.results)
        rows = self._journal.settle(
            task_uuid,
            outcome.status,
            _result_rows(outcome, task.get("numberResults", 1), inline),
            charged=charged and not outcome.offline,
            **({} if outcome.results else reason),
        )
        to_fetch = [r for r in outcome.results if r.image_uuid in rows and r.image_uuid not in inline]
        pictures = [self.fetch(rows[result.image_uuid], result.source) for result in to_fetch]
        self._journal.finish(task_uuid, pictures, latency=None if started is None else time.monotonic() - started)

    def _store_inline(self, results: Sequence[ImageResult]) -> InlinePictures:
        inline = {}
        for result in results:
            if result.url is None:
                try:
                    data, facts = self._client.fetch(result.source, examine)
                except DownloadError:
                    continue  # fetch() meets the same error again and logs it
                inline[result.image_uuid] = (facts, self._images.put(data, facts.media_type, facts.sha256))
        return inline

    def fetch(self, row: int, source: str) -> StoredPicture:
        """Store the picture of a result, or return the reason why that failed."""
        try:
            data, facts = self._client.fetch(source, examine)
            return StoredPicture(row, facts, self._images.put(data, facts.media_type, facts.sha256))
        except (DownloadError, StorageError) as error:
            return StoredPicture(row, error=str(error))


def _result_rows(outcome: Outcome, wanted: Any, inline: InlinePictures) -> list[ResultRow]:
    """One row for each result that was asked for: pictures, then failures, then results that did not come."""
    if not outcome.results:
        return []
    rows = [
        ResultRow(r.image_uuid, r.seed, r.cost, r.url, r.nsfw, None, *inline.get(r.image_uuid, (None, None)))
        for r in outcome.results
    ]
    rows += [ResultRow(error=str(error)) for error in outcome.errors]
    missing = (wanted if isinstance(wanted, int) else 1) - len(rows)
    return rows + [ResultRow(error="the service returned nothing for this result")] * max(missing, 0)
