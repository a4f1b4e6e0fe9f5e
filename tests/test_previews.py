"""Previews: each is made once and cached in memory and on disk; without a usable disk they are made all the same."""

import threading

import pytest
from service import picture
from small_requests import generate

from nbkit import errors
from nbkit.history import RunLog
from nbkit.log import previews as module
from nbkit.log.images import ImageStore
from nbkit.log.previews import Previews, previews_of
from nbkit.log.table import figure_of
from nbkit.measures.facts import examine, header_size
from nbkit.measures.preview import make_preview
from nbkit.results.run import GeneratedImage


@pytest.fixture
def file(tmp_path):
    """A stored picture of 96x64 pixels."""
    store = ImageStore(tmp_path / "images")
    data = picture("PNG", "red")
    return store.path(store.put(data, "image/png"))


@pytest.fixture
def decoded(monkeypatch):
    """The sizes in bytes of the files that were decoded, in their order."""
    sizes = []

    def recording(data, size):
        sizes.append(len(data))
        return make_preview(data, size)

    monkeypatch.setattr(module, "make_preview", recording)
    return sizes


def stored(folder):
    """The names of the preview files in a folder."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_preview_is_made_once_and_then_read_from_memory_or_disk(tmp_path, file, decoded):
    """From the disk by another kernel; a small picture is not enlarged."""
    first = Previews(tmp_path / "previews")
    data = first.get(file, 128)
    assert header_size(data) == header_size(file.read_bytes())
    assert first.get(file, 128) == Previews(tmp_path / "previews").get(file, 128) == data
    assert decoded == [file.stat().st_size]
    assert stored(tmp_path / "previews") == [f"{file.stem}-128.jpg"]


def test_a_size_between_the_stored_ones_is_made_from_the_next_larger_one(tmp_path, file, decoded):
    """The original is not decoded again, and no further file is written."""
    previews = Previews(tmp_path / "previews")
    for size in (20, 60, 90):
        assert max(header_size(previews.get(file, size))) == size
    assert decoded.count(file.stat().st_size) == 1
    assert stored(tmp_path / "previews") == [f"{file.stem}-128.jpg"]


def test_a_preview_larger_than_all_stored_sizes_is_not_written_to_disk(tmp_path, file):
    """It is almost the picture itself."""
    assert Previews(tmp_path / "previews").get(file, 5000)
    assert not (tmp_path / "previews").exists()


@pytest.mark.parametrize("damage", [b"", b"\xff\xd8 no", None], ids=["empty", "other", "one byte"])
def test_a_damaged_preview_file_is_replaced(tmp_path, file, damage):
    """An empty one, one with other content, and one with a single changed bit."""
    good = Previews(tmp_path / "previews").get(file, 128)
    (preview,) = (tmp_path / "previews").rglob("*.jpg")
    whole = preview.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    preview.write_bytes(bytes(flipped) if damage is None else damage)
    assert Previews(tmp_path / "previews").get(file, 128) == good
    assert preview.read_bytes() == whole


def test_previews_are_made_even_if_their_folder_cannot_be_made(tmp_path, file):
    """Nothing is raised, and memory still caches them."""
    (tmp_path / "previews").write_text("a file in its place")
    previews = Previews(tmp_path / "previews")
    assert previews.get(file, 128) == previews.get(file, 128)
    assert (tmp_path / "previews").read_text() == "a file in its place"


def test_a_full_disk_leaves_no_part_of_a_preview(tmp_path, file):
    """The preview is returned, and its incomplete file is removed. A limit for the size of files stands for the disk."""
    resource = pytest.importorskip("resource", reason="the system has no limits for the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        assert Previews(tmp_path / "previews").get(file, 128)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert stored(tmp_path / "previews") == []
    assert list((tmp_path / "previews").iterdir())


def test_a_missing_picture_raises_an_os_error_and_a_damaged_one_no_image(tmp_path, file):
    """A missing one even if its preview still exists."""
    previews = Previews(tmp_path / "previews")
    previews.get(file, 128)
    file.unlink()
    with pytest.raises(FileNotFoundError):
        previews.get(file, 128)
    file.write_bytes(b"no picture")
    with pytest.raises(errors.NoImage, match="damaged"):
        previews.get(file, 256)


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"nothing to see", lambda data: data[:-40], lambda data: data + b"x", lambda _: picture("JPG")],
    ids=["junk", "cut", "longer", "another picture"],
)
@pytest.mark.parametrize("size", [128, 100, 5000])
def test_a_damaged_picture_has_the_same_message_everywhere(tmp_path, file, damage, size):
    """In the previews, in the picture's own methods, and in a frame on display."""
    data = file.read_bytes()
    image = GeneratedImage(facts=examine(data), path=file)
    file.write_bytes(damage(data))
    previews, messages = Previews(tmp_path / "elsewhere"), set()
    for access in (lambda: previews.get(file, size), lambda: image.preview(size), lambda: image.pil):
        with pytest.raises(errors.NoImage) as caught:
            access()
        messages.add(str(caught.value))
    messages |= {image.figure(size).missing, figure_of(str(file), "A lantern", size).missing}
    (message,) = messages
    assert message.startswith("the picture's file is damaged: ")
    assert message.count("damaged") == 1
    assert f"{file.parent.name}/{file.name}" in message
    assert str(tmp_path) not in message
    assert "studio.recover()" in message


def test_the_cache_in_memory_holds_at_most_its_limit_in_bytes(tmp_path, file, decoded):
    """The least recently used previews are dropped; a limit of 0 turns the cache off."""
    size = len(Previews(tmp_path / "previews").get(file, 128))
    previews = Previews(tmp_path / "previews", max_bytes=2 * size)
    for pixels in (60, 61, 62, 63, 64):
        previews.get(file, pixels)
    assert previews._cached_bytes == sum(map(len, previews._cache.values())) <= 2 * size
    without_cache = Previews(tmp_path / "previews", max_bytes=0)
    assert without_cache.get(file, 128)
    assert not without_cache._cache


def test_threads_that_want_the_same_preview_decode_the_picture_once(tmp_path, file, decoded):
    """The others wait for the first one."""
    previews, found = Previews(tmp_path / "previews"), []
    start = threading.Barrier(6)

    def get_preview():
        start.wait()
        found.append(previews.get(file, 128))

    threads = [threading.Thread(target=get_preview) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == len(decoded) == 1


def test_the_path_of_a_picture_leads_to_the_previews_of_its_log(tmp_path, file):
    """A log and a frame of its rows share one cache; a file outside the image folder of a log has none."""
    log = RunLog(tmp_path)
    assert previews_of(file) is log.previews
    assert previews_of(tmp_path / "images" / "ab" / "photo.jpg") is None
    assert previews_of(tmp_path / f"{file.stem}.png") is None
    log.close()


def test_showing_a_log_in_two_kernels_decodes_each_picture_once(open_studio, tmp_path, decoded):
    """As the log itself, and as a frame of it."""
    for _ in range(2):
        studio = open_studio()
        generate(studio)
        assert "data:image/jpeg" in studio.log._repr_mimebundle_()["text/html"]
        assert "data:image/jpeg" in studio.df.nbkit.show().html
    pictures = {path.stem for path in (tmp_path / "runs" / "images").rglob("*.*") if examine(path.read_bytes())}
    assert len(decoded) == len(pictures)
