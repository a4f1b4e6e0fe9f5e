"""What the tests of sweeps share: noisy pictures, waiting for a condition, the books of both sides."""

import io
import time
from html.parser import HTMLParser

import numpy as np
import pytest
import service
from PIL import Image
from service import TYPES

# Head and body of an answer leave apart: without this a client waits 40 ms for the second, cell by cell.
service._Handler.disable_nagle_algorithm = True


def until(condition, seconds=20):
    """Wait for a condition, with a deadline."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)
    return found


def noisy(size=(512, 512)):
    """A way to paint pictures that weigh what photographs weigh, each one another."""
    dice = np.random.default_rng(1)
    ground = dice.normal(128, 45, (size[1] + 64, size[0] + 64, 3)).clip(0, 255).astype("uint8")

    def paint(kind, _number):
        left, top = dice.integers(0, 64, 2)
        out = io.BytesIO()
        Image.fromarray(ground[top : top + size[1], left : left + size[0]]).save(out, TYPES[kind][0], quality=90)
        return out.getvalue()

    return paint


def assert_books_agree(service, studio, cells):
    """One charge a cell, nothing twice, every paid picture in the frame and on disk, no money held."""
    frame = studio.df
    assert len(service.charges) == cells
    done = frame[frame.status == "done"]
    assert sorted(done.imageUUID) == sorted(i["imageUUID"] for a in service.accepted.values() for i in a.items)
    assert done.file.notna().all()
    assert frame.cost.sum() == pytest.approx(service.spent)
    assert studio.log.history.unsettled() == []


class Page(HTMLParser):
    """What a test looks at in HTML: its tags with their attributes, and the texts inside some of them."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self._inside = [], {}, []
        self.feed(html)
        assert not self._inside, f"not closed: {self._inside}"

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "meta", "br"):
            self._inside.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._inside.pop() == tag

    def handle_data(self, data):
        for tag in set(self._inside):
            self.texts[tag][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]
