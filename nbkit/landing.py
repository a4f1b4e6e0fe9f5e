"""The last part of a run: what the answers told becomes rows, and pictures come to disk.

Results are committed before anything is downloaded, so that a kernel which dies in between leaves addresses to go
on from. A picture that came inside an answer has no address: its file comes before its row.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from nbkit.answer import Result
from nbkit.client import Client
from nbkit.conversation import Verdict
from nbkit.errors import DownloadError, StorageError
from nbkit.image import Facts
from nbkit.run import UNKNOWN
from nbkit.storage.images import ImageStore
from nbkit.storage.journal import Journal, Outcome, Picture

Inline = dict[str, tuple[Facts, str]]
"""Pictures that came inside an answer, by image UUID: their facts and their files."""


class Landing:
    """Settles runs and fetches their pictures.

    Args:
        client: where pictures come from.
        journal: the log's writing side.
        store: where pictures go.
    """

    def __init__(self, client: Client, journal: Journal, store: ImageStore) -> None:
        self._client, self._journal, self._store = client, journal, store

    def land(
        self, task_uuid: str, verdict: Verdict, task: Mapping[str, Any], *, charged: bool, started: float | None = None
    ) -> None:
        """Write down how a run ended, and bring its pictures to disk.

        Args:
            task_uuid: of the run.
            verdict: what became of it.
            task: as it was sent.
            charged: whether it is real money, unless the answer said that it is not.
            started: when it was sent, on the monotonic clock; ``None`` for a run of an earlier kernel.
        """
        first = verdict.errors[0] if verdict.errors else None
        told = {"error": first.message, "code": first.code, "kind": type(first).__name__} if first else {}
        if verdict.status == UNKNOWN:
            self._journal.unknown(task_uuid, told.get("error", ""), told.get("code", ""), told.get("kind", ""))
            return
        inline = self._inline_pictures(verdict.results)
        rows = self._journal.settle(
            task_uuid,
            verdict.status,
            _outcomes(verdict, task.get("numberResults", 1), inline),
            charged=charged and not verdict.offline,
            **({} if verdict.results else told),
        )
        wanted = [r for r in verdict.results if r.image_uuid in rows and r.image_uuid not in inline]
        pictures = [self.fetch(rows[result.image_uuid], result.source) for result in wanted]
        self._journal.finish(task_uuid, pictures, latency=None if started is None else time.monotonic() - started)

    def _inline_pictures(self, results: Sequence[Result]) -> Inline:
        """Pictures that came inside the answer have no address to ask again: their files come before their rows."""
        inline = {}
        for result in results:
            if result.url is None:
                try:
                    data, facts = self._client.fetch(result.source)
                except DownloadError:
                    continue  # fetch meets the same error again and writes it down
                inline[result.image_uuid] = (facts, self._store.put(data, facts.media_type, facts.sha256))
        return inline

    def fetch(self, row: int, source: str) -> Picture:
        """A result's picture brought to disk, or the reason why it could not be."""
        try:
            data, facts = self._client.fetch(source)
            return Picture(row, facts, self._store.put(data, facts.media_type, facts.sha256))
        except (DownloadError, StorageError) as error:
            return Picture(row, error=str(error))


def _outcomes(verdict: Verdict, wanted: Any, inline: Inline) -> list[Outcome]:
    """The results as rows: pictures first, then what failed, then what did not come at all."""
    if not verdict.results:
        return []
    outcomes = [
        Outcome(r.image_uuid, r.seed, r.cost, r.url, r.nsfw, None, *inline.get(r.image_uuid, (None, None)))
        for r in verdict.results
    ]
    outcomes += [Outcome(error=str(error)) for error in verdict.errors]
    missing = (wanted if isinstance(wanted, int) else 1) - len(outcomes)
    return outcomes + [Outcome(error="the service returned nothing for this result")] * max(missing, 0)
