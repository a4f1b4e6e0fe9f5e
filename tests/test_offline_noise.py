"""The same request and seed give the same picture offline, unless noise is asked for; pictures know their footer."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest
from PIL import ImageChops, ImageStat

import nbkit
from nbkit import GeneratedImage

REQUEST = {"prompt": "A cat, a boat and a lighthouse", "seed": 7, "resolution": "0.5K"}


def above_footer(image: GeneratedImage):
    """The part of a picture that is above its footer."""
    assert image.footer is not None
    return image.pil.convert("RGB").crop((0, 0, image.width, image.footer[1]))


def apart(first: GeneratedImage, second: GeneratedImage) -> float:
    """The mean difference of two pictures without their footers, in percent of the range."""
    means = ImageStat.Stat(ImageChops.difference(above_footer(first), above_footer(second))).mean
    return sum(means) / len(means) / 2.55


def pictures(tmp_path, noise: float, seed: int | None = None, times: int = 3) -> list[GeneratedImage]:
    """The pictures of one request that is sent several times to a new engine."""
    studio = nbkit.Studio(engine=nbkit.Offline(noise=noise, seed=seed), path=tmp_path)
    return [studio.generate(**REQUEST).image for _ in range(times)]


def test_without_noise_the_same_request_is_the_same_file(tmp_path):
    """Also in another process, whose hashes of texts are others."""
    first, *others = pictures(tmp_path / "here", 0.0)
    assert all(other.bytes == first.bytes for other in others)
    code = (
        "import sys, hashlib, nbkit; studio = nbkit.Studio(engine='offline', path=sys.argv[1]); "
        f"print(hashlib.sha256(studio.generate(**{REQUEST!r}).image.bytes).hexdigest())"
    )
    command = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "there")]
    found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    assert found == hashlib.sha256(first.bytes).hexdigest()


def test_noise_makes_them_differ_a_little(tmp_path):
    """Less than another seed does; more noise makes them differ more. Two engines have other noise."""
    calm, noisy, loud = (pictures(tmp_path / str(noise), noise) for noise in (0.0, 0.03, 0.3))
    studio = nbkit.Studio(engine="offline", path=tmp_path / "seeds")
    other_seed = apart(calm[0], studio.generate(**REQUEST | {"seed": 8}).image)
    for one, other in ((noisy[0], noisy[1]), (noisy[1], noisy[2]), (noisy[0], calm[0])):
        assert 0 < apart(one, other) < other_seed / 2
    assert apart(*loud[:2]) > apart(*noisy[:2])
    assert apart(pictures(tmp_path / "again", 0.03)[0], noisy[0]) > 0


def test_an_engine_with_a_seed_repeats_its_noise(tmp_path):
    """The first picture of a request is the same in each, and so is the second; lessons have stored outputs."""
    first, second = (pictures(tmp_path / name, 0.03, seed=1) for name in ("one", "two"))
    assert [image.bytes for image in first] == [image.bytes for image in second]
    assert len({image.sha256 for image in first}) == 3
    assert pictures(tmp_path / "three", 0.03, seed=2)[0] != first[0]


def test_a_picture_with_noise_is_one_picture(tmp_path):
    """Fetched again, its file is the same."""
    engine = nbkit.Offline(noise=0.1)
    image = nbkit.Studio(engine=engine, path=tmp_path).generate(**REQUEST).image
    assert engine.picture(image.image_uuid).body == engine.picture(image.image_uuid).body == image.bytes


@pytest.mark.parametrize("noise", [-0.1, 1.5, float("nan")])
def test_a_noise_that_is_not_allowed_is_refused(noise):
    """The error says what is."""
    with pytest.raises(ValueError, match=r"noise=.*0 to 1"):
        nbkit.Offline(noise=noise)


@pytest.mark.parametrize("output_format", ["JPG", "PNG", "WEBP"])
@pytest.mark.parametrize("size", [(512, 512), (1264, 848), (384, 688)])
def test_a_picture_knows_where_its_footer_is(tmp_path, output_format, size):
    """Also read from the log; only the footer differs where only a mark does."""
    studio = nbkit.Studio(engine="offline", path=tmp_path)
    given = {"prompt": "A cat", "seed": 7, "width": size[0], "height": size[1], "output_format": output_format}
    run, marked = studio.generate(**given), studio.generate(**given, thinking="HIGH")
    left, top, right, bottom = run.image.footer
    assert (left, right, bottom) == (0, *size)
    assert 0.85 * size[1] < top < size[1]
    assert studio.log[run.task_uuid].image.footer == run.image.footer
    if output_format == "PNG":
        assert apart(run.image, marked.image) == 0
        assert run.image != marked.image


def test_a_picture_of_a_service_has_no_footer(service, studio):
    """Nor has one that was read from elsewhere."""
    assert studio.generate("A cat", seed=7).image.footer is None
