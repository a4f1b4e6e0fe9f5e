"""A service whose every decision is drawn: what it does to a task, how it answers, which bytes it delivers.

It keeps books of its own: what each task was charged, and the bytes of each picture of it. What it draws for a task
depends on a seed and on the task's prompt alone, so a failure comes again with its seed, whatever threads and kills do.
Once it is ``calm``, it answers every question and delivers every picture.
"""

import base64
import json
import random
import time
from collections import Counter

from service import HTML_PAGE, PRICE, TYPES, Accepted, Answer, Service, error, unique_picture

REFUSALS = [
    lambda uuid: error("invalidPositivePrompt", "no", taskUUID=uuid),
    lambda uuid: error("invalidProviderContent", "the filter says no", taskUUID=uuid),
    lambda uuid: error("insufficientCredits", "no credit", 402),
    lambda uuid: error("inferenceError", "the model failed", taskUUID=uuid),
    lambda uuid: Answer(402, HTML_PAGE, {"content-type": "text/html"}),
]
"""Answers to a task that is not accepted; asking again does not help."""

BUSY = [
    lambda: error("rateLimitExceeded", "later", 429),
    lambda: Answer(429, b"slow down", {"retry-after": "0.01"}),
]
"""Answers to a task that is certainly not accepted now."""

UNCERTAIN = [
    lambda: Answer(503, HTML_PAGE, {"content-type": "text/html"}),
    lambda: Answer(500, HTML_PAGE, {"content-type": "text/html"}),
    lambda: Answer(504, b""),
    lambda: Answer(silent=True),
]
"""Answers to a task that may have been accepted."""

NO_ANSWERS = [
    lambda: Answer(500, HTML_PAGE, {"content-type": "text/html"}),
    lambda: Answer(429, b""),
    lambda: Answer(200, HTML_PAGE, {"content-type": "text/html"}),
    lambda: Answer(silent=True),
    lambda: Answer(200, {"data": []}, cut=5),
]
"""Answers to a question that say nothing about its task."""

FINAL_WORDS = [
    lambda head: ([], [{**head, "code": "invalidProviderContent", "message": "the filter says no"}]),
    lambda head: ([{**head, "status": "error", "error": {"code": "inferenceError", "message": "it failed"}}], []),
    lambda head: ([], [{**head, "code": "timeoutProvider", "message": "it took too long"}]),
    lambda head: ([{**head, "status": "failed", "message": "it failed"}], []),
    lambda head: ([{**head, "status": "cancelled", "imageURL": None}], []),
    lambda head: ([{**head, "status": "success", "imageURL": None, "NSFWContent": True}], []),
]
"""What is said of a picture that is not made: items of ``data``, and errors."""


OTHER_BYTES = True
"""Whether pictures are cut, of other formats, and no pictures at all."""

ODD_NAMES = True
"""Whether pictures lack their imageUUID, or share one."""

FINAL = 6
"""How many of the final words are drawn."""


class RandomService(Service):
    """The service.

    Args:
        seed: of everything that it draws.
    """

    def __init__(self, seed: str) -> None:
        super().__init__()
        self.seed_text, self.calm = seed, False
        self.asked: Counter[str] = Counter()  # by what is drawn for: the number of requests so far
        self.books: dict[str, list[bytes]] = {}  # by taskUUID: the pictures that were charged
        draw = self.draw("service")
        self.answers_after_sync, self.has_details = draw.random() < 0.5, draw.random() < 0.7
        self.acknowledgement = draw.choice(["plain", "processing", "empty"])
        self.unknown_task = draw.choice(["empty", "notFound"])

    def draw(self, *names: object) -> random.Random:
        """Numbers that depend on the seed and on these names; the same ones each time."""
        return random.Random(json.dumps([self.seed_text, *map(str, names)]))

    def _nth(self, *names: object) -> random.Random:
        """Other numbers each time."""
        with self._lock:
            self.asked[key := str(names)] += 1
            return self.draw(key, self.asked[key])

    # -- tasks ---------------------------------------------------------------------------------------------

    def accept(self, task):
        """Make some of the pictures, and charge those."""
        draw = self.draw("accept", task["positivePrompt"])
        with self._lock:
            uuid = task["taskUUID"]
            if uuid in self.accepted:
                return None
            wanted = task.get("numberResults", 1)
            made = wanted if draw.random() < 0.7 else draw.randrange(wanted + 1)
            self.books[uuid] = []
            items = [self._draw_item(task, number, draw) for number in range(made)]
            accepted = self.accepted[uuid] = Accepted(task, items)
            head = {"taskType": "imageInference", "taskUUID": uuid}
            for _ in range(wanted - made):
                data, errors = draw.choice(FINAL_WORDS[:FINAL])(head)
                accepted.items += data
                accepted.errors += errors
            draw.shuffle(accepted.items)
            self.charges[uuid] = round(PRICE * 1_000_000) * made
            return accepted

    def _draw_item(self, task, number, draw):
        item = self._make(task, number)
        (file, data) = self.pictures.popitem()
        if OTHER_BYTES and draw.random() < 0.2:
            data = self._other_bytes(data, draw)
        self.pictures[file] = data
        self.books[task["taskUUID"]].append(data)
        text = base64.b64encode(data).decode()
        kind = TYPES[task.get("outputFormat", "JPG")][1]
        inline = {"imageBase64Data": text, "imageDataURI": f"data:{kind};base64,{text}"}
        item |= {name: value for name, value in inline.items() if name in item}
        fate = draw.random() if ODD_NAMES else 1.0
        if fate < 0.15:
            del item["imageUUID"]
        elif fate < 0.3:
            item["imageUUID"] = task["taskUUID"]  # the same for all pictures of the task
        if draw.random() < 0.2:
            item["seed"] = draw.choice([None, float(item["seed"]), str(item["seed"]), 9223372036854776000])
        return item

    def _other_bytes(self, data, draw):
        if (kind := draw.randrange(3)) == 0:
            return data[: len(data) * 2 // 3]
        return draw.randbytes(200) if kind == 1 else unique_picture(draw.choice(list(TYPES)), 0)

    def _submit(self, task):
        with self._lock:
            self.sent.append(task["taskUUID"])
        draw = self._nth("submit", task["positivePrompt"])
        fate = 1.0 if self.calm else draw.random()
        time.sleep(draw.random() * 0.004)
        if fate < 0.08 and task["taskUUID"] not in self.accepted:
            return draw.choice(REFUSALS)(task["taskUUID"])
        if fate < 0.2:
            return draw.choice([*BUSY, *UNCERTAIN])()
        is_new = task["taskUUID"] not in self.accepted
        if fate < 0.45 and is_new:
            self.accept(task)
            answer = self._whole(self.accepted[task["taskUUID"]])
            return draw.choice([*UNCERTAIN, lambda: Answer(answer.status, answer.body, cut=len(answer.content) // 2)])()
        if fate < 0.6 and is_new:  # a sync task may be answered before it is ready
            return self._so_far(self.accept(task))
        answer = self.serve(task)
        accepted = self.accepted[task["taskUUID"]]
        is_sync = task.get("deliveryMethod") != "async"
        return self._whole(accepted) if is_new and is_sync and answer.status == 200 else answer

    def _whole(self, accepted):
        if not accepted.items and accepted.errors:
            return Answer(400, {"errors": accepted.errors})
        return Answer(body={"data": accepted.items, **({"errors": accepted.errors} if accepted.errors else {})})

    def _so_far(self, accepted):
        with self._lock:
            accepted.shown = len(accepted.items) if self.calm else min(accepted.shown + 1, len(accepted.items))
        left = len(accepted.items) - accepted.shown
        head = {"taskType": "imageInference", "taskUUID": accepted.task["taskUUID"], "status": "processing"}
        finished = [{"status": "success", **item} for item in accepted.items[: accepted.shown]]
        errors = {"errors": accepted.errors} if accepted.errors and not left else {}
        return Answer(body={"data": finished + [head] * left, **errors})

    # -- questions -----------------------------------------------------------------------------------------

    def _state(self, task):
        draw = self._nth("state", task["taskUUID"])
        if not self.calm and draw.random() < 0.25:
            return draw.choice(NO_ANSWERS)()
        accepted = self.accepted.get(task["taskUUID"])
        is_known = accepted and (self.calm or self.answers_after_sync or accepted.task.get("deliveryMethod") == "async")
        return self._so_far(accepted) if is_known else super()._state({"taskUUID": "unknown"})

    def _past(self, task):
        draw = self._nth("past", task["taskUUID"])
        if not self.calm and draw.random() < 0.25:
            return draw.choice(NO_ANSWERS)()
        accepted = self.accepted.get(task["taskUUID"])
        if not accepted or not (self.calm or self.has_details):
            return Answer(body={"data": []})
        return Answer(body={"data": [{**task, "request": [accepted.task], "response": self._whole(accepted).body}]})

    def _picture(self, path):
        draw = self._nth("picture", path)
        fate = 1.0 if self.calm else draw.random()
        if fate < 0.3:
            data = self.pictures.get(path, b"")
            return draw.choice([
                Answer(404, b"not yet"), Answer(503, HTML_PAGE), Answer(429, b""), Answer(silent=True),
                Answer(body=data, cut=len(data) // 2), Answer(200, HTML_PAGE, {"content-type": "text/html"}),
            ])  # fmt: skip
        return super()._picture(path)
