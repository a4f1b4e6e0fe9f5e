"""A log with pictures of several settings and seeds, written directly into its tables, and people who judge by a rule."""

import itertools
import uuid

import numpy as np
import sqlalchemy as sa
from gallery_log import PRICE, picture

from nbkit.history import RunLog
from nbkit.log.schema import IMAGES, RUNS
from nbkit.measures.facts import examine


def write_pictures(folder, temperatures, seeds, size=(48, 32)):
    """A log with one picture for each temperature and seed; the imageUUIDs are its keys, by temperature and seed."""
    log = RunLog(folder)
    log.images.prepare()
    rows, images, names = [], [], {}
    for number, (temperature, seed) in enumerate(itertools.product(temperatures, seeds)):
        data = picture(number, (size[0] + number % 5, size[1] + number // 5))
        facts = examine(data)
        name = names[temperature, seed] = str(uuid.UUID(int=number + 1 + 2**64))
        rows.append(
            {
                "id": number + 1, "taskUUID": str(uuid.UUID(int=number + 1)), "created": 1_760_000_000_000_000 + number,
                "status": "done", "engine": "offline", "model": "google:4@3", "charged": False, "prompt": "A lantern",
                "task": {"taskType": "imageInference", "positivePrompt": "A lantern"}, "request": {"prompt": "A lantern"},
                "temperature": temperature, "requestedSeed": seed, "resendable": True, "estimateLow": PRICE,
                "estimateHigh": PRICE, "held": 0, "spent": PRICE, "cost": PRICE, "studio": "test", "latency": 1.5,
            }
        )  # fmt: skip
        images.append(
            {
                "run": number + 1, "status": "done", "imageUUID": name, "seed": seed, "cost": PRICE, "sha256": facts.sha256,
                "mediaType": facts.media_type, "width": facts.width, "height": facts.height,
                "fingerprint": facts.fingerprint, "file": log.images.put(data, facts.media_type, facts.sha256),
            }
        )  # fmt: skip
    with log.database.writing() as connection:
        connection.execute(sa.insert(RUNS), rows)
        connection.execute(sa.insert(IMAGES), images)
    return log, names


class Judge:
    """Chooses by strengths of the pictures and noise, as Luce's model has it.

    Args:
        strengths: by imageUUID, in logits.
        seed: of the noise.
    """

    def __init__(self, strengths, seed=0):
        self.strengths, self.rng = strengths, np.random.default_rng(seed)

    def best(self, shown):
        """The name that it chooses."""
        return max(shown, key=lambda name: self.strengths[name] + self.rng.gumbel())
