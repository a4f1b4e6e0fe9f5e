"""What a request may cost: by the price list, and by what earlier runs have cost where the list has no price."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from nbkit.display.text import usd
from nbkit.errors import BudgetExceeded, RequestError
from nbkit.log.database import Database
from nbkit.log.schema import IMAGES, RUNS
from nbkit.log.trust import Trust
from nbkit.request.image_request import ImageRequest
from nbkit.request.price import MICRO, Price
from nbkit.request.profile import PROFILES

NEWEST = 200
"""Pictures whose costs are read when a log is opened."""


class PriceBook:
    """The prices of one engine.

    Args:
        database: the log.
        engine: its name in the log.
        trust: whose rows the log has: a price is learned of the person's own runs.
    """

    def __init__(self, database: Database, engine: str, trust: Trust) -> None:
        self._database = database
        self._costs = (
            sa.select(
                IMAGES.c.cost,
                IMAGES.c.width,
                IMAGES.c.height,
                RUNS.c.referenceImages,
                RUNS.c.webSearch,
                RUNS.c.imageSearch,
            )
            .join(RUNS, IMAGES.c.run == RUNS.c.id)
            .where(
                RUNS.c.engine == engine,
                IMAGES.c.adopted.is_(None),
                IMAGES.c.cost > 0,
                IMAGES.c.width > 0,
                IMAGES.c.height > 0,
                trust.condition(),
            )
        )
        self._learned: dict[str, dict[tuple[str, int, int], Price]] = {}
        self._lock = threading.Lock()

    def price(self, request: ImageRequest, max_cost: int | None = None) -> Price:
        """What a request may cost, in micro-dollars.

        Args:
            request: for the pictures.
            max_cost: the most that it may cost; that much is held where the price is not known.

        Raises:
            RequestError: if nothing is known of what its model costs, and there is no ``max_cost``.
            BudgetExceeded: if it might cost more than ``max_cost``.
        """
        if not request.has_price:
            if max_cost is None:
                model = request.extra["model"]
                message = (
                    f"model={model!r}: nbkit does not know what it costs; studio.generate(…, max_cost=0.25) is the most, in USD, "
                    "that one call may cost, and studio.sweep(…, max_cost=0.25) that each cell may"
                )
                raise RequestError(message, parameter="max_cost", reason="missing")
            return Price(0, max_cost)
        profile = PROFILES[str(request.extra.get("model", request.profile.identifier))]
        learned = self._of(profile.identifier) if profile.has_unknown_prices else {}
        price = request.price_with(learned)
        if max_cost is not None and price.high > max_cost:
            message = (
                f"this may cost up to {usd(price.high)}, more than max_cost={max_cost / MICRO:g}. Nothing was sent"
            )
            raise BudgetExceeded(message, limit=max_cost / MICRO, spent=0.0, held=0.0, asked=price.high / MICRO)
        return price

    def learn(self, request: ImageRequest, task_uuid: str) -> None:
        """Take note of what a run has cost, if the price of its model is not known."""
        if request.profile.has_unknown_prices:
            costs = self._costs.where(RUNS.c.taskUUID == task_uuid)
            known = self._of(request.profile.identifier)
            with self._lock:
                self._learned[request.profile.identifier] = self._read(request.profile.identifier, costs, known)

    def _of(self, model: str) -> dict[tuple[str, int, int], Price]:
        """What images of a model have cost."""
        with self._lock:
            if model not in self._learned:
                newest = self._costs.where(RUNS.c.model == model).order_by(RUNS.c.id.desc()).limit(NEWEST)
                self._learned[model] = self._read(model, newest, {})
            return self._learned[model]

    def _read(
        self, model: str, costs: sa.Select[Any], known: dict[tuple[str, int, int], Price]
    ) -> dict[tuple[str, int, int], Price]:
        with self._database.reading() as connection:
            rows: Iterable[Any] = connection.execute(costs).all()
        found = dict(known)
        for cost, width, height, references, *searches in rows:
            tier = PROFILES[model].tier_of_pixels(width, height)
            what = (tier, len(references or ()), searches.count(True))
            before = found.get(what, Price(cost, cost))
            found[what] = Price(min(cost, before.low), max(cost, before.high))
        return found
