"""Previews: made once, kept in memory and on disk, never missed when they cannot be kept."""

import os
import threading
from pathlib import Path

import pytest
from service import picture

from nbkit import errors
from nbkit.history import RunLog
from nbkit.log import previews as module
from nbkit.log.images import ImageStore
from nbkit.log.previews import Previews, previews_of
from nbkit.log.table import figure_of
from nbkit.measures.facts import examine, header_size
from nbkit.measures.preview import make_preview
from nbkit.results.image import GeneratedImage


@pytest.fixture
def file(tmp_path):
    """A picture in a store: 96x64."""
    store = ImageStore(tmp_path / "images")
    data = picture("PNG", "red")
    return store.path(store.put(data, "image/png"))


@pytest.fixture
def decoded(monkeypatch):
    """The sizes of the files that were decoded, in their order."""
    made = []

    def counting(data, size):
        made.append(len(data))
        return make_preview(data, size)

    monkeypatch.setattr(module, "make_preview", counting)
    return made


def kept(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_picture_is_decoded_once_also_by_a_later_kernel(tmp_path, file, decoded):
    """The second time it comes from memory, in another kernel from the disk."""
    first = Previews(tmp_path / "previews")
    data = first.get(file, 128)
    assert header_size(data) == header_size(file.read_bytes())  # never enlarged
    assert first.get(file, 128) == Previews(tmp_path / "previews").get(file, 128) == data
    assert decoded == [file.stat().st_size]
    assert kept(tmp_path / "previews") == [f"{file.stem}-128.jpg"]


def test_sizes_between_are_made_of_the_next_larger_one(tmp_path, file, decoded):
    """The original is not decoded again for them, and the disk keeps no file for each."""
    previews = Previews(tmp_path / "previews")
    for size in (20, 60, 90):
        assert max(header_size(previews.get(file, size))) == size
    assert decoded.count(file.stat().st_size) == 1
    assert kept(tmp_path / "previews") == [f"{file.stem}-128.jpg"]


def test_a_size_beyond_all_buckets_stays_off_the_disk(tmp_path, file):
    """It is nearly the picture itself."""
    assert Previews(tmp_path / "previews").get(file, 5000)
    assert not (tmp_path / "previews").exists()


@pytest.mark.parametrize("damage", [b"", b"\xff\xd8 no", None], ids=["empty", "other", "one byte"])
def test_a_damaged_preview_is_made_again(tmp_path, file, damage):
    """Whatever happened to its file: the person sees the picture, and the file is mended."""
    good = Previews(tmp_path / "previews").get(file, 128)
    (small,) = (tmp_path / "previews").rglob("*.jpg")
    whole = small.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    small.write_bytes(bytes(flipped) if damage is None else damage)
    assert Previews(tmp_path / "previews").get(file, 128) == good
    assert small.read_bytes() == whole


def test_without_a_place_to_keep_them_they_are_made_all_the_same(tmp_path, file):
    """A folder that cannot be made is no error."""
    (tmp_path / "previews").write_text("a file in its place")
    previews = Previews(tmp_path / "previews")
    assert previews.get(file, 128) == previews.get(file, 128)
    assert (tmp_path / "previews").read_text() == "a file in its place"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no disk that is always full")
def test_a_full_disk_leaves_nothing_behind(tmp_path, file, monkeypatch):
    """A preview that could not be written whole is not kept, and no half of it either."""
    place = tmp_path / "previews" / file.stem[:2]
    place.mkdir(parents=True)
    (place / f".part-{os.getpid()}-{threading.get_ident()}").symlink_to("/dev/full")
    assert Previews(tmp_path / "previews").get(file, 128)
    assert list(place.iterdir()) == []


def test_what_is_not_there_and_what_cannot_be_decoded(tmp_path, file):
    """A missing picture is an OSError, also when its preview is there; a damaged one is NoImage."""
    previews = Previews(tmp_path / "previews")
    previews.get(file, 128)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        previews.get(file, 128)
    file.write_bytes(b"no picture")
    with pytest.raises(errors.NoImage, match="damaged"):
        previews.get(file, 256)


@pytest.mark.parametrize(
    ("damage", "why"),
    [(lambda _: b"nothing to see", "no JPEG, PNG or WEBP"), (lambda data: data[:-40], "truncated")],
    ids=["junk", "cut"],
)
@pytest.mark.parametrize("size", [128, 100, 5000])
def test_damage_is_said_once_and_in_the_same_words_everywhere(tmp_path, file, damage, why, size):
    """By the previews, by the picture itself and by a frame that is shown."""
    data = file.read_bytes()
    image = GeneratedImage(facts=examine(data), path=file)
    file.write_bytes(damage(data))
    previews, words = Previews(tmp_path / "elsewhere"), set()
    for look in (lambda: previews.get(file, size), lambda: image.preview(size), lambda: image.pil):
        with pytest.raises(errors.NoImage) as caught:
            look()
        words.add(str(caught.value))
    words |= {image.figure(size).missing, figure_of(str(file), "A lantern", size).missing}
    (said,) = words
    assert said.startswith("the picture's file is damaged: ")
    assert said.count("damaged") == 1
    assert why in said


def test_memory_is_bounded_in_bytes(tmp_path, file, decoded):
    """What was not asked for lately is let go, and comes from the disk again."""
    size = len(Previews(tmp_path / "previews").get(file, 128))
    previews = Previews(tmp_path / "previews", max_bytes=2 * size)
    for pixels in (60, 61, 62, 63, 64):
        previews.get(file, pixels)
    assert previews._cached_bytes == sum(map(len, previews._cache.values())) <= 2 * size
    nothing = Previews(tmp_path / "previews", max_bytes=0)
    assert nothing.get(file, 128)
    assert not nothing._cache


def test_threads_that_want_the_same_picture_decode_it_once(tmp_path, file, decoded):
    """The others wait for the first one."""
    previews, found = Previews(tmp_path / "previews"), []
    start = threading.Barrier(6)

    def ask():
        start.wait()
        found.append(previews.get(file, 128))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == len(decoded) == 1


def test_a_picture_knows_its_log_by_its_path(tmp_path, file):
    """The log and a frame of its rows share the previews; a file that lies in no store has none."""
    log = RunLog(tmp_path)
    assert previews_of(file) is log.previews
    assert previews_of(tmp_path / "images" / "ab" / "photo.jpg") is None
    assert previews_of(tmp_path / f"{file.stem}.png") is None
    log.close()


def test_a_frame_is_shown_with_the_kept_previews(open_studio, tmp_path, decoded):
    """Showing the log twice, in two kernels, decodes each picture once."""
    for _ in range(2):
        studio = open_studio()
        studio.generate("A lantern", width=512, height=512)
        assert "data:image/jpeg" in studio.log._repr_mimebundle_()["text/html"]
        assert "data:image/jpeg" in studio.df.nbkit.show().html
    stored = {path.stem for path in (tmp_path / "runs" / "images").rglob("*.*") if examine(path.read_bytes())}
    assert len(decoded) == len(stored)
