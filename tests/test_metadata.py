"""Pictures that remember: ``image.save(metadata=True)``, ``nbkit.read``, exports, and what other programs make of it."""

import io
import json
import re
import shutil
import subprocess
from contextlib import closing

import numpy as np
import pytest
from effort import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from metadata_files import SUFFIX, image_of, signed, with_foreign_text
from PIL import Image
from service import picture
from small_requests import generate

import nbkit
from nbkit import errors
from nbkit.metadata.embedding import original_of
from nbkit.request.footer import footer_of
from nbkit.request.parameter import MAX_INTEGER as MAX_SEED

KINDS = ["JPG", "PNG", "WEBP"]
HTML = '<script>alert("1")</script> & <b>lantern</b>'


@pytest.fixture(scope="module")
def offline(tmp_path_factory):
    """A studio on the offline engine."""
    studio = nbkit.Studio(engine="offline", path=tmp_path_factory.mktemp("offline"))
    yield studio
    studio.close()


def pixels(data):
    """The pixels of a picture, decoded."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return np.asarray(image)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None, max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    prompt=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=3, max_size=300).filter(
        str.strip
    ),
    seed=st.integers(0, MAX_SEED),
)
def test_every_prompt_and_seed_come_back_whole(tmp_path, kind, prompt, seed):
    """Control characters, quotation marks and markup too; no pixel changes, and the original bytes can be had again."""
    data = picture(kind)
    image = image_of(data, nbkit.ImageRequest(prompt, seed=seed), seed=seed)
    file = image.save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
    found = nbkit.read(file)
    assert (found.request, found.facts["seed"], found.source) == (image.request, seed, "nbkit")
    assert found.facts["sha256"] == image.sha256
    assert np.array_equal(pixels(file.read_bytes()), pixels(data))
    assert original_of(file.read_bytes(), image.sha256) == data


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("letter", ["灯", "🏮"])
def test_the_longest_request_and_the_largest_seed_come_back_whole(tmp_path, kind, letter):
    """45,000 letters of three or four bytes each do not fit into one segment of a JPEG."""
    request = nbkit.ImageRequest(letter * 45_000, system_prompt=letter * 50_000, seed=MAX_SEED, temperature=0.72)
    file = image_of(picture(kind), request, seed=MAX_SEED).save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
    found = nbkit.read(file)
    assert (found.request, found.facts["seed"]) == (request, MAX_SEED)
    assert np.array_equal(pixels(file.read_bytes()), pixels(picture(kind)))


@pytest.mark.parametrize("kind", KINDS)
def test_without_metadata_the_original_bytes_are_saved(tmp_path, kind):
    """As ever."""
    image = image_of(picture(kind), nbkit.ImageRequest("A lantern"))
    assert image.save(tmp_path / f"x{SUFFIX[kind]}").read_bytes() == picture(kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_says_all_that_is_known_of_it(offline, tmp_path, kind):
    """Its run, its parent, its sweep with the template and the values of the variables; the offline footer stays known."""
    drawn = generate(offline, "A draft", seed=3).image
    sweep = offline.sweep(
        "A {colour} lantern", colour=["jade"], seed=[5], resolution="0.5K", name=f"lanterns {kind}", output_format=kind
    )
    run = sweep.start().wait().runs[0]
    edited = drawn.edit("In the snow", output_format=kind)
    facts = nbkit.read(run.image.save(tmp_path / f"a{SUFFIX[kind]}", metadata=True)).facts
    assert facts == {
        "seed": 5, "model": "google:4@3", "cost": run.image.cost, "charged": False, "engine": "offline", "created": run.created,
        "width": 512, "height": 512, "taskUUID": run.task_uuid, "imageUUID": run.image.image_uuid, "sha256": run.image.sha256,
        "parent": None, "sweep": f"lanterns {kind}", "template": "A {colour} lantern", "axes": {"colour": "jade"},
    }  # fmt: skip
    file = edited.image.save(tmp_path / f"b{SUFFIX[kind]}", metadata=True)
    found = nbkit.read(file)
    assert (found.facts["parent"], found.facts["parentImage"]) == (edited.parent.task_uuid, drawn.image_uuid)
    assert found.request == edited.request
    assert found.request.reference_images[0].is_missing
    assert footer_of(file.read_bytes()) == edited.image.footer
    assert original_of(file.read_bytes(), edited.image.sha256) == edited.image.bytes


@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpeg"])
def test_a_converted_copy_carries_the_settings_too(offline, tmp_path, suffix):
    """With the hash of the original."""
    image = generate(offline, seed=1).image
    found = nbkit.read(image.save(tmp_path / f"x{suffix}", metadata=True))
    assert (found.request, found.facts["sha256"]) == (image.request, image.sha256)


def test_a_format_without_a_place_has_a_file_beside_it(offline, tmp_path):
    """And a warning says so."""
    image = generate(offline, seed=1).image
    with pytest.warns(UserWarning, match=r"x\.gif has no settings in it, because GIF has no place.*x\.gif\.xmp"):
        file = image.save(tmp_path / "x.gif", metadata=True)
    assert nbkit.read(file).request == image.request


@pytest.mark.parametrize("kind", KINDS)
def test_a_signed_picture_stays_as_it_is_and_its_settings_are_beside_it(tmp_path, kind):
    """A change would break the signature; what was done is said at the user's own line."""
    image = image_of(signed(kind), nbkit.ImageRequest("A lantern"), seed=7)
    with pytest.warns(UserWarning, match="C2PA signature") as caught:
        file = image.save(tmp_path / f"lantern{SUFFIX[kind]}", metadata=True)
    assert caught[0].filename == __file__
    assert file.read_bytes() == signed(kind)
    assert file.with_name(file.name + ".xmp").exists()
    found = nbkit.read(file)
    assert (found.request, found.facts["seed"], found.source) == (image.request, 7, "nbkit")


def test_a_file_beside_another_picture_is_not_believed(tmp_path):
    """A picture was saved over a signed one: the settings beside it are not its own."""
    with pytest.warns(UserWarning, match="C2PA"):
        file = image_of(signed("JPG"), nbkit.ImageRequest("A lantern")).save(tmp_path / "x.jpg", metadata=True)
    file.write_bytes(picture("JPG"))
    with pytest.raises(errors.RequestError, match=r"x\.jpg\.xmp is of another picture"):
        nbkit.read(file)


EDITS = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:darktable="http://darktable.sf.net/" darktable:history="exposure" '
    b'xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="theirs"/></rdf:RDF></x:xmpmeta>'
)


def test_a_persons_own_file_beside_a_picture_keeps_what_it_says(tmp_path):
    """However often the picture is saved, signed or not."""
    (tmp_path / "x.jpg.xmp").write_bytes(EDITS)
    for prompt in ("A lantern", "A boat"):
        with pytest.warns(UserWarning, match="C2PA"):
            file = image_of(signed("JPG"), nbkit.ImageRequest(prompt)).save(tmp_path / "x.jpg", metadata=True)
        packet = (tmp_path / "x.jpg.xmp").read_text("utf-8")
        assert ("exposure" in packet, packet.count("CreatorTool>") + packet.count("CreatorTool=")) == (True, 1)
        assert "theirs" in packet
        assert nbkit.read(file).request == nbkit.ImageRequest(prompt)
    assert "A lantern" not in packet
    image_of(picture("JPG")).save(file)
    assert (tmp_path / "x.jpg.xmp").read_text("utf-8") == packet


def test_a_file_beside_a_picture_that_cannot_be_read_stays(tmp_path):
    """The picture is saved, and a warning says that its settings are not."""
    (tmp_path / "x.jpg.xmp").write_bytes(b"notes of mine")
    with pytest.warns(UserWarning, match="stays as it is: its XMP is no XML"):
        file = image_of(signed("JPG"), nbkit.ImageRequest("A lantern")).save(tmp_path / "x.jpg", metadata=True)
    assert (file.read_bytes(), (tmp_path / "x.jpg.xmp").read_bytes()) == (signed("JPG"), b"notes of mine")


@pytest.mark.parametrize("metadata", [False, True])
def test_what_nbkit_wrote_beside_another_picture_goes_with_it(tmp_path, metadata):
    """A picture that is saved over a signed one has no file beside it that is not its own."""
    with pytest.warns(UserWarning, match="C2PA"):
        file = image_of(signed("JPG"), nbkit.ImageRequest("A\r\n\x01lantern")).save(tmp_path / "x.jpg", metadata=True)
    image_of(signed("JPG")).save(file)
    assert nbkit.read(file).request == nbkit.ImageRequest("A\r\n\x01lantern")
    image_of(picture("JPG"), nbkit.ImageRequest("A boat")).save(file, metadata=metadata)
    assert [one.name for one in tmp_path.iterdir()] == ["x.jpg"]


def test_what_a_picture_has_already_stays(tmp_path):
    """EXIF data with a thumbnail's table and values, and the XMP of another program; only nbkit's own are replaced."""
    exif = Image.Exif()
    exif[0x010F] = "Lantern works"
    exif.get_ifd(0x8769)[0x9003] = "2026:01:02 03:04:05"
    out = io.BytesIO()
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description rdf:about="" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:Credit="Made here" '
        b'xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:DigitalSourceType="theirs" e:AISystemUsed="theirs"/>'
        b"</rdf:RDF></x:xmpmeta>"
    )
    Image.new("RGB", (32, 32), "teal").save(out, "JPEG", exif=exif, xmp=xmp)
    request = nbkit.ImageRequest("A lantern " * 4_000)
    file = image_of(out.getvalue(), request).save(tmp_path / "x.jpg", metadata=True)
    with Image.open(file) as saved:
        tags, packet = saved.getexif(), saved.info["xmp"].decode()
        assert (tags[0x010F], tags.get_ifd(0x8769)[0x9003]) == ("Lantern works", "2026:01:02 03:04:05")
        assert "Made here" in packet
        assert packet.count("theirs") == packet.count("DigitalSourceType") / 1 == 1
    again = image_of(file.read_bytes(), nbkit.ImageRequest("Another one")).save(tmp_path / "y.jpg", metadata=True)
    assert nbkit.read(again).request == nbkit.ImageRequest("Another one")
    assert b"A lantern A lantern" not in again.read_bytes().replace(b"\0", b"")


def adopted(studio, folder, data, name):
    """A picture that is in the log and was not made by nbkit."""
    folder.mkdir()
    (folder / name).write_bytes(data)
    return studio.log[studio.log.adopt(folder).taskUUID[0]].image


def test_a_picture_of_unknown_origin_gets_no_claims(tmp_path):
    """A photo is not marked as made by a model, neither in a file nor in an export."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(out, "JPEG")
    with closing(nbkit.Studio(engine="offline", path=tmp_path / "log")) as studio:
        image = adopted(studio, tmp_path / "photos", out.getvalue(), "photo.jpg")
        with pytest.warns(UserWarning, match="nothing is known of how it was made") as caught:
            file = image.save(tmp_path / "x.jpg", metadata=True)
        assert caught[0].filename == __file__
        assert file.read_bytes() == out.getvalue()
        folder = studio.log.export(tmp_path / "out", metadata=True)
        assert [one.read_bytes() for one in (folder / "images").iterdir()] == [out.getvalue()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_of_another_program_keeps_its_text_and_is_not_marked(tmp_path, kind):
    """A converted copy has that text too."""
    data = with_foreign_text(kind)
    with closing(nbkit.Studio(engine="offline", path=tmp_path / "log")) as studio:
        image = adopted(studio, tmp_path / "theirs", data, f"a{SUFFIX[kind]}")
        assert image.save(tmp_path / f"x{SUFFIX[kind]}", metadata=True).read_bytes() == data
        for suffix in SUFFIX.values():
            file = image.save(tmp_path / f"y{suffix}", metadata=True)
            assert (nbkit.read(file).source, nbkit.read(file).facts["seed"]) == ("a1111", 1234567)
            assert b"trainedAlgorithmicMedia" not in file.read_bytes()


def test_no_secret_goes_into_a_file(open_studio, tmp_path):
    """No key, credential, query, folder or picture: of an address its host and path, of a reference its hash."""
    studio = open_studio(api_key="sk-very-secret-key")
    run = generate(
        studio,
        seed=1,
        reference_images=[picture("PNG"), "https://me:pw-123456@example.com/cat.jpg?token=abcdef12"],
        webhook_url="https://example.com/hook?sig=abcdef34",
        upload_endpoint="https://example.com/put/x?X-Amz-Signature=abcdef56",
        extra={"newKey": "abcdef78", "newFlag": True},
    )
    for kind in KINDS:
        data = run.image.save(tmp_path / f"x{SUFFIX[kind]}", metadata=True).read_bytes()
        texts = data + data.replace(b"\0", b"")  # the second one for texts of two bytes per letter
        for secret in ("sk-very", "pw-123456", "abcdef", str(tmp_path), "iVBOR"):
            assert secret.encode() not in texts
        found = nbkit.read(data)
        assert found.request.extra == {"newKey": "…", "newFlag": True}
        assert str(found.request.reference_images[0]).startswith("sha256:")
        assert found.request.webhook_url == "https://example.com/hook"
        assert {"webhook_url", "upload_endpoint", "reference_images", "extra"} == {*found.request.lacking}


def test_a_model_that_extra_named_stays_the_model(tmp_path):
    """A request of a model without a profile is not read as one of the default model; it has no price."""
    request = nbkit.ImageRequest("A lantern", extra={"model": "google:9@9"})
    found = nbkit.read(image_of(picture("PNG"), request).save(tmp_path / "x.png", metadata=True))
    assert (found.request, found.request.has_price, found.left_out) == (request, False, ())
    known = nbkit.ImageRequest("A lantern", extra={"model": "google:4@3"})
    found = nbkit.read(image_of(picture("PNG"), known).save(tmp_path / "y.png", metadata=True))
    assert "extra['model']='google:4@3' was left out" in found.left_out[0]


def test_an_address_in_a_file_is_not_called(tmp_path):
    """Without credentials it was whole; who reads a stranger's file must still type it again."""
    request = nbkit.ImageRequest("A lantern", webhook_url="https://example.com/done")
    found = nbkit.read(image_of(picture("PNG"), request).save(tmp_path / "x.png", metadata=True)).request
    assert found == request
    with pytest.raises(errors.StorageError, match="webhook_url"):
        found.to_send()


# -- reading other programs' text -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_another_program_is_read_and_marked(kind):
    """What is a parameter of nbkit is in the request; everything else is a fact, the negative prompt too."""
    found = nbkit.read(with_foreign_text(kind))
    assert found.source == "a1111"
    prompt = "a lantern, (night:1.2)\nsecond line"
    assert found.request == nbkit.ImageRequest(prompt, seed=1234567, width=1024, height=1024)
    assert found.facts == {
        "Negative prompt": "blurry, text", "Steps": "20", "Sampler": "Euler a", "CFG scale": "7", "seed": 1234567,
        "width": 1024, "height": 1024, "model": "dream", "Lora": "a: 1, b: 2",
    }  # fmt: skip
    assert "another program (a1111)" in repr(found)
    assert "another program (a1111) claims" in found._repr_html_()


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("a lantern", nbkit.ImageRequest("a lantern")),
        ("Note: a lantern, at night", nbkit.ImageRequest("Note: a lantern, at night")),
        ("a lantern\nSeed: 5, Size: 500x500, Steps: 3", nbkit.ImageRequest("a lantern", seed=5)),
        ("a lantern\nSeed: -1, Size: 0x0, Steps: 3", nbkit.ImageRequest("a lantern")),
        ("灯のある店\nSeed: 5, Size: x, Steps: 3", nbkit.ImageRequest("灯のある店", seed=5)),
        ("\nSeed: 5, Size: 64x64, Steps: 3", None),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_foreign_text_gives_what_is_valid_here(kind, text, request_):
    """A size that the model does not have stays a fact; without a prompt there is no request."""
    assert nbkit.read(with_foreign_text(kind, text)).request == request_


@pytest.mark.parametrize("kind", KINDS)
def test_other_viewers_find_a_text_where_they_look(tmp_path, kind):
    """The prompt, then a line of settings; in a JPEG a prompt that is too long is cut, and the line stays."""
    for prompt in ("A lantern", "Eine Laterne · 灯", "灯" * 45_000):
        request = nbkit.ImageRequest(prompt, temperature=0.72)
        file = image_of(picture(kind), request, seed=7).save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
        with Image.open(file) as saved:
            if kind == "PNG":
                text = saved.text["parameters"]
            else:
                text = saved.getexif().get_ifd(0x8769)[0x9286].removeprefix(b"UNICODE\0").decode("utf-16-be")
        written, _, line = text.rpartition("\n")
        assert line == "Seed: 7, Size: 96x64, Temperature: 0.72, Version: nbkit"
        assert written == prompt or (kind == "JPG" and len(written) > 30_000 and written.endswith("灯…"))


# -- what a file shows --------------------------------------------------------------------------------------------


def test_settings_of_nbkit_always_name_the_same_facts(tmp_path):
    """What is not known is ``None``, and is not shown."""
    found = nbkit.read(
        image_of(picture("PNG"), nbkit.ImageRequest("A lantern")).save(tmp_path / "x.png", metadata=True)
    )
    always = ("seed", "model", "cost", "taskUUID", "imageUUID", "parent", "sweep", "created")
    assert [found.facts[name] for name in always] == [None] * 8
    assert "None" not in repr(found) + found._repr_html_()
    assert "cost" not in nbkit.read(with_foreign_text("PNG")).facts


def test_a_value_that_was_read_shows_itself_as_text(tmp_path):
    """Markup in a prompt is text."""
    request = nbkit.ImageRequest(HTML, temperature=0.72, extra={"newFlag": True})
    found = nbkit.read(image_of(picture("PNG"), request, seed=7).save(tmp_path / "x.png", metadata=True))
    shown = found._repr_html_()
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown
    assert "0.72" in shown
    assert repr(found) == f"<PictureSettings of nbkit: {HTML!r}, seed 7>"


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_without_settings_says_so(tmp_path, kind):
    """And what writes them."""
    file = image_of(picture(kind)).save(tmp_path / f"x{SUFFIX[kind]}")
    with pytest.raises(errors.RequestError, match=r"x\.\w+ has no settings in it.*metadata=True") as caught:
        nbkit.read(file)
    assert (caught.value.parameter, caught.value.reason) == ("path", "missing")


@pytest.mark.parametrize(
    "given", [7, None, 0.5, object(), "no such file.jpg", ".", "a\0b", "~nobody-at-all/x.png", "/dev/zero"]
)
def test_what_is_no_file_is_an_error_that_names_the_argument(given):
    """A folder and a device too."""
    with pytest.raises(errors.RequestError) as caught:
        nbkit.read(given)
    assert caught.value.parameter == "path"


# -- exports ------------------------------------------------------------------------------------------------------


def test_an_export_may_carry_settings(offline, tmp_path):
    """The manifest keeps the hash of each picture as the log has it, and so does the picture's file."""
    runs = [generate(offline, "An exported lantern", seed=seed, output_format=kind) for seed, kind in enumerate(KINDS)]
    folder = offline.log.export(tmp_path / "out", runs, metadata=True)
    rows = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert [row["sha256"] for row in rows] == [run.image.sha256 for run in runs]
    for row, run in zip(rows, runs, strict=True):
        data = (folder / row["file"]).read_bytes()
        found = nbkit.read(folder / row["file"])
        assert (found.request, found.facts["taskUUID"]) == (run.request, run.task_uuid)
        assert original_of(data, row["sha256"]) == run.image.bytes
    plain = offline.log.export(tmp_path / "plain", runs)
    assert (plain / rows[0]["file"]).read_bytes() == runs[0].image.bytes


def test_an_export_has_files_beside_signed_pictures_and_says_so(service, studio, tmp_path):
    """Once for all of them."""
    service.paint = lambda kind, number: signed(kind)
    runs = [generate(studio, seed=seed) for seed in (1, 2)]
    with pytest.warns(UserWarning, match="2 pictures of the export .* have no settings inside") as caught:
        folder = studio.log.export(tmp_path / "out", metadata=True)
    assert len(caught) == 1
    files = sorted((folder / "images").glob("*.jpg"))
    assert [file.read_bytes() for file in files] == [run.image.bytes for run in runs]
    assert [nbkit.read(file).facts["taskUUID"] for file in files] == [run.task_uuid for run in runs]


# -- other programs -----------------------------------------------------------------------------------------------


def tool(name, *arguments):
    """What another program prints; skips the test where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", ["A lantern 灯", "灯" * 45_000], ids=["short", "long"])
def test_exiftool_reads_the_standard_fields_and_its_edits_keep_the_record(offline, tmp_path, kind, prompt):
    """It joins the parts of a long packet; it finds nothing wrong with the structure."""
    image = generate(offline, prompt, seed=MAX_SEED, output_format=kind).image
    file = image.save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
    (found,) = json.loads(tool("exiftool", "-j", "-b", "-G1", "-struct", file))
    assert found["XMP-iptcExt:AIPromptInformation"] == prompt
    assert found["XMP-iptcExt:DigitalSourceType"].endswith("/digitalsourcetype/algorithmicMedia")
    assert found["XMP-iptcExt:AISystemUsed"] == "nbkit offline engine"
    assert found["XMP-dc:Description"].rstrip("…") == prompt[:1_999]
    assert not {"ExifTool:Warning", "ExifTool:Error"} & found.keys()
    comment = tool("exiftool", "-s3", "-b", "-UserComment" if kind != "PNG" else "-PNG:Parameters", file)
    assert f"Seed: {MAX_SEED}, " in comment
    tool("exiftool", "-q", "-overwrite_original", "-XMP-dc:Creator=Ana", "-Artist=Ana", file)
    assert nbkit.read(file).request == image.request
    another = nbkit.ImageRequest("Another lantern")
    again = image_of(file.read_bytes(), another).save(file.with_stem("again"), metadata=True)
    assert nbkit.read(again).request == another
    (found,) = json.loads(tool("exiftool", "-j", "-G1", again))
    assert (found["XMP-dc:Creator"], found["XMP-iptcExt:AIPromptInformation"]) == ("Ana", "Another lantern")
    assert "ExifTool:Warning" not in found


@pytest.mark.parametrize("kind", ["JPG", "PNG"])
def test_programs_that_make_files_smaller_keep_the_settings(offline, tmp_path, kind):
    """Of the longest prompts, jpegoptim keeps the beginning: then there is no request, and no other prompt in its place."""
    command = ["jpegoptim", "-q"] if kind == "JPG" else ["optipng", "-quiet"]
    for prompt in ("A lantern 灯", "灯" * 18_000, "灯" * 45_000):
        image = generate(offline, prompt, seed=MAX_SEED, output_format=kind).image
        file = image.save(tmp_path / f"x{SUFFIX[kind]}", metadata=True)
        tool(*command, file)
        found = nbkit.read(file)
        if kind == "JPG" and len(prompt) == 45_000:
            assert (found.request, found.facts["seed"]) == (None, MAX_SEED)
            assert "cut" in found.left_out[0]
        else:
            assert found.request == image.request


def test_a_real_model_is_named_as_one(studio, tmp_path):
    """Its pictures are of a trained model."""
    file = generate(studio, seed=7).image.save(tmp_path / "x.png", metadata=True)
    text = file.read_bytes().decode("latin-1")
    assert "/digitalsourcetype/trainedAlgorithmicMedia<" in text
    assert re.search(r"<Iptc4xmpExt:AISystemUsed>Nano Banana 2 \(http://127\.0\.0\.1:\d+[^)]*\)<", text)
    assert "<Iptc4xmpExt:AISystemVersionUsed>google:4@3<" in text


def test_imagemagick_keeps_the_settings_of_a_png(offline, tmp_path):
    """It drops texts in UTF-8, and packs long ones."""
    for prompt in ("A lantern 灯", "灯" * 45_000):
        image = generate(offline, prompt, seed=MAX_SEED, output_format="PNG").image
        file = image.save(tmp_path / "x.png", metadata=True)
        tool("convert", file, tmp_path / "y.png")
        assert nbkit.read(tmp_path / "y.png").request == image.request


@pytest.mark.parametrize("kind", KINDS)
def test_imagemagick_sees_the_same_pixels(offline, tmp_path, kind):
    """And no warning of a damaged file."""
    image = generate(offline, seed=1, output_format=kind).image
    plain, saved = image.save(tmp_path / f"a{SUFFIX[kind]}"), image.save(tmp_path / f"b{SUFFIX[kind]}", metadata=True)
    assert len({tool("identify", "-format", "%# %w %h", file) for file in (plain, saved)}) == 1
