"""The time of a run beside its bare requests, and the time of each of its steps.

    python -m tests.benchmarks.overhead

``studio.generate``, in turn with a bare ``httpx.Client`` that does the same POST and the same GET of 200 kB at the same
server with no latency. Then each step of a run by itself.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import httpx

import nbkit
from nbkit.ledger.journal import RunPlan
from nbkit.measures.facts import examine
from nbkit.service.cancel import CancelToken
from tests.benchmarks.stub import bare_request, stub
from tests.benchmarks.timing import median_of_each, median_seconds

RUNS, ROUNDS = 60, 4


def main() -> None:
    """Print the time of a run and of its steps."""
    with stub() as url, tempfile.TemporaryDirectory() as folder, httpx.Client() as client:
        studio = nbkit.Studio(engine=url, path=folder)

        def bare(seed: int) -> bytes:
            return bare_request(client, url, seed)

        def ours(seed: int) -> None:
            studio.generate("A lantern", seed=seed)

        data = bare(0)
        ours(0)
        count = RUNS // ROUNDS
        pairs = [(median_seconds(ours, count) * 1000, median_seconds(bare, count) * 1000) for _ in range(ROUNDS)]
        run, floor = median_of_each(pairs)
        print(
            f"studio.generate {run:.1f} ms · bare POST and GET {floor:.1f} ms · ratio {run / floor:.1f} · added {run - floor:.1f} ms"
        )

        # The steps of a run are not public: only the ledger may call them, in their order. Here each is timed alone.
        ledger, journal, images = studio._ledger, studio._ledger.journal, studio.log.images

        def plan(seed: int) -> RunPlan:
            request = nbkit.ImageRequest("A lantern", seed=seed)
            return ledger.plan(RunPlan(request, request.to_send()))

        def mark_sent(plan: RunPlan) -> None:
            with ledger.limiter(plan.task).slot(CancelToken(), partial(journal.mark_sent, plan.task_uuid)) as slot:
                assert slot.acquire()

        plans = [plan(seed) for seed in range(1000, 1000 + RUNS)]
        answers = [ledger.client.submit(plan.task) for plan in plans]
        steps = {
            "commit the row and hold the money, before anything is sent": plan,
            "commit the status 'sent', before the request is sent": lambda n: mark_sent(plans[n]),
            "decode the picture completely": lambda _: examine(data),
            "write, sync and rename the file, so that no file is incomplete": lambda n: images.put(
                data + bytes(n + 1), "image/jpeg"
            ),
            "settle: commit results, seeds, costs and addresses": lambda n: journal.settle(
                plans[n].task_uuid, "done", answers[n], [None]
            ),
            "finish: commit which files are there": lambda n: journal.finish(plans[n].task_uuid, {}),
            "read the run from the log": lambda n: studio.log.history.get(plans[n].task_uuid),
        }
        for name, step in steps.items():
            print(f"  {median_seconds(step, RUNS) * 1000:5.2f} ms  {name}")
        print(f"  {sum(path.stat().st_size for path in Path(folder).rglob('*.sqlite*')) / 1000:.0f} kB of log")
        studio.close()


if __name__ == "__main__":
    main()
