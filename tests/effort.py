"""How much a property test tries: all of its examples with ``.ci/run --full``, a third of them otherwise."""

import os

SECONDS = float(os.environ.get("NBKIT_RANDOM_SECONDS", "6"))
"""For how long the random service is tried; ``.ci/run --full`` sets it."""


def examples(number: int) -> int:
    """The number of examples of this run."""
    return number if SECONDS >= 60 else (number + 2) // 3
