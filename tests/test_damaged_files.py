"""A stored picture that was damaged, cut or replaced is never handed out as the paid one, and is fetched again."""

import itertools
import os
import shutil

import pytest
import service_faults as fault
from log_checks import assert_log_matches_service
from service import picture

import nbkit
from nbkit import errors
from nbkit.measures import facts

DAMAGES = {
    "flipped": lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
    "cut": lambda data: data[:-40],
    "empty": lambda _: b"",
    "junk": lambda data: b"\0" * len(data),
    "another picture": lambda _: picture("JPG", "red"),
    "longer": lambda data: data + b"\0",
}

damaged = pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)


@pytest.fixture(params=[False, True], ids=["changed", "with the time of before"])
def harm(request):
    """Damages a file; optionally with the time of change that it had before."""

    def do(path, damage):
        before = path.stat()
        path.write_bytes(damage(path.read_bytes()))
        if request.param:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    yield do
    facts.FOUND_DAMAGED.clear()


def generate(studio, **parameters):
    """A run with a seed."""
    return studio.generate("A lantern", seed=7, **parameters)


@damaged
@pytest.mark.parametrize("later", [False, True], ids=["this kernel", "a later kernel"])
def test_every_way_to_the_bytes_raises_an_error_with_the_file_and_what_to_do(
    open_studio, tmp_path, harm, damage, later
):
    """Bytes, pixels, a copy, a conversion, a preview, a reference; a display says so and goes on."""
    studio = open_studio()
    run = generate(studio)
    harm(run.image.path, damage)
    if later:
        run = open_studio().log[run.task_uuid]
    image = run.image
    for access in (
        lambda: image.bytes,
        lambda: image.pil,
        lambda: image.save(tmp_path / "copy"),
        lambda: image.save(tmp_path / "copy.png"),
        image.preview,
        lambda: nbkit.ImageRequest("Like this", reference_images=[image]),
    ):
        with pytest.raises((errors.NoImage, errors.RequestError)) as caught:
            access()
        for words in (image.path.name, "damaged", "studio.recover()", "python -m nbkit verify"):
            assert words in str(caught.value)
    assert not (tmp_path / "copy.jpg").exists()
    assert "damaged" in run.to_html()
    assert str(tmp_path) not in run.to_html()


@damaged
def test_an_export_and_a_comparison_say_which_picture_is_damaged(studio, tmp_path, harm, damage):
    """The other picture is there; the manifest says why this one is not."""
    harmed, whole = generate(studio), studio.generate("A lantern", seed=8, output_format="PNG")
    harm(harmed.image.path, damage)
    with pytest.warns(UserWarning, match="1 of 2 pictures"):
        exported = studio.log.export(tmp_path / "out")
    assert [file.read_bytes() for file in (exported / "images").iterdir()] == [whole.image.bytes]
    assert "damaged" in (exported / "manifest.csv").read_text("utf-8")
    for pair in ((harmed, whole), (studio.df.iloc[0], whole)):
        assert "damaged" in nbkit.compare(*pair).to_html()


@damaged
def test_a_preview_that_was_made_before_does_not_hide_the_damage(studio, open_studio, damage):
    """The table of the log shows a message instead of the picture."""
    image = generate(studio).image
    assert "<img" in studio.log.show().html
    later = image.path.stat().st_mtime_ns + 10_000_000_000
    image.path.write_bytes(damage(image.bytes))
    os.utime(image.path, ns=(later, later))
    for one in (studio, open_studio()):
        shown = one.log.show().html
        assert "<img" not in shown
        assert "damaged" in shown


@damaged
@pytest.mark.parametrize("known", [False, True], ids=["not looked at", "looked at"])
def test_recover_fetches_a_damaged_picture_again(service, open_studio, damage, known):
    """In this kernel and in a later one; nothing is sent, and the file has the paid bytes again."""
    first = open_studio()
    run = generate(first)
    original = run.image.bytes
    run.image.path.write_bytes(damage(original))
    if known:
        with pytest.raises(errors.NoImage):
            _ = run.image.bytes
    studio = first if known else open_studio()
    assert studio.recover().after.tolist() == ["done"]
    assert studio.log[run.task_uuid].image.bytes == run.image.bytes == original
    assert studio.recover().empty
    assert len(service.sent) == 1
    assert_log_matches_service(service, first)


@damaged
@pytest.mark.parametrize("output", ["URL", "base64Data"])
def test_reuse_fetches_a_damaged_picture_again(service, open_studio, harm, damage, output):
    """It answers with the paid bytes, at no cost, even where size and time of the file are those of before."""
    run = generate(open_studio(), output_type=output)
    original = run.image.bytes
    harm(run.image.path, damage)
    again = generate(open_studio(reuse=True), output_type=output)
    assert again.reused
    assert again.image.bytes == original
    assert len(service.sent) == 1


@damaged
def test_reuse_says_so_where_the_picture_is_damaged_and_gone(service, open_studio, harm, damage):
    """It pays for no other one by itself, and hands no other one out."""
    run = generate(open_studio())
    harm(run.image.path, damage)
    service.picture_faults += [fault.file(b"gone", 410)] * 9
    service.has_details = False
    again = generate(open_studio(reuse=True))
    assert (again.status, len(again), len(service.sent)) == ("done", 0, 1)
    assert "damaged" in again.failures[0].message
    with pytest.raises(errors.NoImage, match="damaged"):
        _ = again.image


@damaged
def test_a_damaged_reference_is_not_sent(service, open_studio, harm, damage):
    """Making a run again from the log names the reference image that has to be given again."""
    studio = open_studio()
    run = studio.generate("Like this", reference_images=[picture("PNG", "red")])
    (given,) = run.request.reference_images
    (file,) = (studio.log.folder / "images").rglob(f"{given.sha256}.png")
    harm(file, damage)
    later = open_studio()
    with pytest.raises(errors.StorageError, match="no longer in the image folder"):
        later.log[run.task_uuid].rerun(seed=3)
    with pytest.raises(KeyError, match="damaged"):
        later.log.reference(given.sha256)
    again = later.generate("Like this", reference_images=[picture("PNG", "red")])  # given again, it is written again
    assert again.status == "done"
    assert later.log.reference(given.sha256) == given


def test_recover_reads_only_the_files_that_have_changed(service, open_studio, monkeypatch):
    """On a long log: none at all; after a copy of the folder, each of them once."""
    studio = open_studio()
    sweep = studio.sweep("A lantern", seed=range(6))
    colours = itertools.count()  # a picture that came twice would be written, and so stamped, twice
    service.paint = lambda kind, number: picture(kind, f"#{40 * next(colours):02x}8080")
    sweep.start().wait(60)
    read = []
    check = facts.check_hash

    def counting(data, sha256, file):
        read.append(file)
        return check(data, sha256, file)

    monkeypatch.setattr("nbkit.log.images.check_hash", counting)
    assert studio.recover().empty
    assert open_studio().recover().empty
    assert read == []
    copy = studio.log.folder.with_name("copy")
    studio.close()
    shutil.copytree(studio.log.folder, copy, copy_function=shutil.copyfile)
    assert open_studio(path=copy).recover().empty
    assert len(read) == 6
    assert open_studio(path=copy).recover().empty
    assert len(read) == 6


def test_a_file_that_is_whole_again_is_not_fetched(service, studio):
    """Somebody put it back from a backup."""
    image = generate(studio).image
    original = image.bytes
    image.path.write_bytes(b"junk")
    with pytest.raises(errors.NoImage):
        _ = image.bytes
    image.path.write_bytes(original)
    assert studio.recover().empty
    assert image.bytes == original
    assert len(service.gets) == 1


@pytest.mark.parametrize("how", ["deleted", "cut", "other bytes of the same size", "a link", "its folder is a link"])
def test_recover_finds_every_file_that_has_changed_since_it_was_compared(service, open_studio, tmp_path, how):
    """Size and time tell, and links are none of nbkit's; files that are as they were are not read."""
    studio = open_studio()
    runs = [studio.generate("A lantern", seed=seed, resolution="0.5K") for seed in (1, 2)]
    assert studio.recover().empty
    path, data = runs[0].image.path, runs[0].image.bytes
    if how == "deleted":
        path.unlink()
    elif how == "cut":
        path.write_bytes(data[:-1])
    elif how == "other bytes of the same size":
        path.write_bytes(data[:-1] + b"?")
        os.utime(path, ns=(1, 1))
    elif how == "a link":
        path.rename(tmp_path / "elsewhere.jpg")
        path.symlink_to(tmp_path / "elsewhere.jpg")
    else:
        path.parent.rename(tmp_path / "elsewhere")
        path.parent.symlink_to(tmp_path / "elsewhere")
    found = open_studio().recover()
    assert runs[0].task_uuid in found.taskUUID.tolist()
