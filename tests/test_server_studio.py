"""A studio on the served engine: every way in which a picture is delivered, and every fault of the connection."""

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
def test_pictures_are_stored_whatever_their_delivery(studio, output_type, delivery_method):
    """The answer is waited for or polled, and has a URL or the picture itself."""
    delivery = {"output_type": output_type, "delivery_method": delivery_method, "output_format": "PNG"}
    run = studio.generate("A paper lantern", number_results=2, **delivery, **SMALL).raise_for_status()
    assert [(image.width, image.height, image.path.exists()) for image in run.images] == [(512, 512, True)] * 2


def test_the_served_engine_draws_the_same_picture_as_the_engine_in_this_process(studio, tmp_path):
    """The same request gives the same bytes."""
    in_process = nbkit.Studio(engine="offline", path=tmp_path / "in-process")
    request = {"prompt": "A paper lantern", "seed": 7, "temperature": 0.4, **SMALL}
    assert studio.generate(**request).image.sha256 == in_process.generate(**request).image.sha256
    in_process.close()


def test_reference_images_are_sent(studio):
    """A data URI and an earlier result are sent as reference images, and are part of the price."""
    first = studio.generate("A paper lantern", **SMALL)
    run = studio.generate("The same in snow", reference_images=[first.image, data_uri()], **SMALL).raise_for_status()
    assert run.cost == pytest.approx(0.04657 + 2 * 0.00028)


def test_the_cost_of_a_run_is_taken_from_the_balance(studio, engine):
    """It is a list price: the run counts as not charged."""
    run = studio.generate("A paper lantern", **SMALL)
    assert studio.balance() == pytest.approx(100 - run.cost)
    assert not run.charged


def test_a_studio_needs_the_key_of_the_server(tmp_path):
    """Without it the run fails, and nothing is charged."""
    engine = Offline(key="sesame")
    with serving(engine) as url:
        for key, status in ((None, "failed"), ("sesame", "done")):
            studio = nbkit.Studio(engine=url, api_key=key, path=tmp_path / str(key), pace=QUICK)
            assert studio.generate("A paper lantern", **SMALL).status == status
            studio.close()
    assert len(engine.charges) == 1


@pytest.mark.parametrize("fault", ["lost", "cut", "html", "timeout", "download"])
def test_a_paid_picture_is_stored_in_spite_of_a_fault_of_the_connection(studio, engine, fault):
    """Each task meets the fault, ends done with its pictures on disk, and is charged once."""
    engine.failures = {fault: 1}
    runs = [studio.generate("A paper lantern", number_results=2, **SMALL) for _ in range(2)]
    assert [run.status for run in runs] == ["done"] * 2
    assert all(image.path.exists() for run in runs for image in run.images)
    assert set(engine.charges) == {run.task_uuid for run in runs}
    assert sum(engine.charges.values()) / 1e6 == pytest.approx(sum(run.cost for run in runs))


@pytest.mark.parametrize("fault", ["busy", "capacity", "server"])
def test_a_refused_task_is_sent_again_and_charged_at_most_once(studio, engine, fault, monkeypatch):
    """A task that is sent again keeps its taskUUID, so the charged tasks are those of the runs that are done."""
    monkeypatch.setattr(envelope, "RETRY_AFTER_SECONDS", 0)
    engine.failures = {fault: 0.3}
    runs = [studio.generate("A paper lantern", **SMALL) for _ in range(6)]
    done = [run.task_uuid for run in runs if run.status == "done"]
    assert set(engine.charges) == set(done)
    assert {run.status for run in runs} <= {"done", "unknown"}
    assert done


def test_eight_studios_share_one_served_engine(engine, tmp_path, monkeypatch):
    """As in a class, with faults of the connection: each run is done, and each task is charged once."""
    monkeypatch.setattr(envelope, "RETRY_AFTER_SECONDS", 0)
    engine.failures = {"lost": 0.15, "cut": 0.15, "html": 0.15, "busy": 0.15, "download": 0.15}
    runs = []

    def work(number):
        studio = nbkit.Studio(engine=url, path=tmp_path / f"runs-{number}", pace=QUICK)
        runs.extend(studio.generate("A paper lantern", **SMALL) for _ in range(3))
        studio.close()

    with serving(engine) as url:
        threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [run.status for run in runs] == ["done"] * 24
    assert set(engine.charges) == {run.task_uuid for run in runs}
