"""The request and the run of most tests: one lantern, in the smallest size, so that it is quick."""

from nbkit.request.image_request import ImageRequest

URL = "https://example.com/cat.jpg"
"""The address of a reference image; nothing fetches it."""


def lantern(**parameters):
    """A request for a lantern."""
    return ImageRequest("A lantern", **parameters)


def generate(studio, prompt="A lantern", **parameters):
    """A run of 512x512 pixels; keywords override."""
    return studio.generate(prompt, **{"width": 512, "height": 512} | parameters)
