"""A studio on the served engine: every way that a picture comes, and every way that it may not."""

import threading

import pytest
from offline_tasks import data_uri

import nbkit
from nbkit.offline import Offline, envelope
from nbkit.offline.server import serving
from nbkit.service.pace import Pace

QUICK = Pace(poll_first=0.01, poll_cap=0.05, retry_first=0.01, busy_tries=40, patience=20)
SMALL = {"width": 512, "height": 512}


@pytest.fixture
def engine():
    return Offline(seed=5)


@pytest.fixture
def studio(engine, tmp_path):
    """A studio whose engine is served over HTTP by this process."""
    with serving(engine) as url:
        studio = nbkit.Studio(engine=url, path=tmp_path / "runs", pace=QUICK)
        yield studio
        studio.close()


@pytest.mark.parametrize("output_type", ["URL", "base64Data", "dataURI"])
@pytest.mark.parametrize("delivery_method", ["sync", "async"])
def test_picture_comes_in_every_way(studio, output_type, delivery_method):
    """Waited for or polled, at an address or inside the answer: the pictures are on disk."""
    ways = {"output_type": output_type, "delivery_method": delivery_method, "output_format": "PNG"}
    run = studio.generate("A paper lantern", number_results=2, **ways, **SMALL).raise_for_status()
    assert [(image.width, image.height, image.path.exists()) for image in run.images] == [(512, 512, True)] * 2


def test_pictures_are_those_of_the_engine_in_this_process(studio, tmp_path):
    """Over HTTP the engine draws what it draws without it: the same request, the same bytes."""
    here = nbkit.Studio(engine="offline", path=tmp_path / "here")
    words = {"prompt": "A paper lantern", "seed": 7, "temperature": 0.4, **SMALL}
    assert studio.generate(**words).image.sha256 == here.generate(**words).image.sha256
    here.close()


def test_references_travel(studio):
    """A data URI and an earlier result go along as reference images, and the price has them."""
    first = studio.generate("A paper lantern", **SMALL)
    run = studio.generate("The same in snow", reference_images=[first.image, data_uri()], **SMALL).raise_for_status()
    assert run.cost == pytest.approx(0.04657 + 2 * 0.00028)


def test_balance_is_the_engines(studio, engine):
    """What a run costs is gone from the account, and counts as list prices."""
    run = studio.generate("A paper lantern", **SMALL)
    assert studio.balance() == pytest.approx(100 - run.cost)
    assert not run.charged


def test_key_goes_along(tmp_path):
    """A studio with the server's key works; one without it is told so, and nothing is charged."""
    engine = Offline(key="sesame")
    with serving(engine) as url:
        for key, status in ((None, "failed"), ("sesame", "done")):
            studio = nbkit.Studio(engine=url, api_key=key, path=tmp_path / str(key), pace=QUICK)
            assert studio.generate("A paper lantern", **SMALL).status == status
            studio.close()
    assert len(engine.charges) == 1


@pytest.mark.parametrize("fault", ["lost", "cut", "html", "timeout", "download"])
def test_what_is_paid_arrives_whatever_the_wire_does(studio, engine, fault):
    """Each task meets the fault; each ends done with its picture on disk, and was charged once."""
    engine.failures = {fault: 1}
    runs = [studio.generate("A paper lantern", number_results=2, **SMALL) for _ in range(2)]
    assert [run.status for run in runs] == ["done"] * 2
    assert all(image.path.exists() for run in runs for image in run.images)
    assert set(engine.charges) == {run.task_uuid for run in runs}
    assert sum(engine.charges.values()) / 1e6 == pytest.approx(sum(run.cost for run in runs))


@pytest.mark.parametrize("fault", ["busy", "capacity", "server"])
def test_what_was_refused_is_sent_again(studio, engine, fault, monkeypatch):
    """An engine that refuses some sendings is asked again under the same taskUUID; a task is charged at most once."""
    monkeypatch.setattr(envelope, "RETRY_AFTER_SECONDS", 0)
    engine.failures = {fault: 0.3}
    runs = [studio.generate("A paper lantern", **SMALL) for _ in range(6)]
    done = [run.task_uuid for run in runs if run.status == "done"]
    assert set(engine.charges) == set(done)
    assert {run.status for run in runs} <= {"done", "unknown"}
    assert done


def test_studios_share_the_engine(engine, tmp_path, monkeypatch):
    """Several studios at once, as in a class, each with faults on the wire: charges are distinct tasks."""
    monkeypatch.setattr(envelope, "RETRY_AFTER_SECONDS", 0)
    engine.failures = {"lost": 0.15, "cut": 0.15, "html": 0.15, "busy": 0.15, "download": 0.15}
    runs = []

    def work(place):
        studio = nbkit.Studio(engine=url, path=tmp_path / f"runs-{place}", pace=QUICK)
        runs.extend(studio.generate("A paper lantern", **SMALL) for _ in range(3))
        studio.close()

    with serving(engine) as url:
        people = [threading.Thread(target=work, args=[place]) for place in range(8)]
        for person in people:
            person.start()
        for person in people:
            person.join()
    assert [run.status for run in runs] == ["done"] * 24
    assert set(engine.charges) == {run.task_uuid for run in runs}
