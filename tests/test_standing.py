"""What a student of a class sees of it: what is left, and the place in the line, in Python and in the panel."""

import httpx
import pytest
from class_tools import new_class
from offline_tasks import task
from panel_tools import message
from sweep_tools import until

import nbkit
from nbkit.classroom.policy import Policy
from nbkit.offline import Offline
from nbkit.offline.server import serving
from nbkit.service.standing import Standing, read_standing

PROMPT = "A paper lantern shop at night"


def studio_of(at_work, folder, who="mia"):
    return nbkit.Studio(engine=at_work.url, api_key=at_work.keys[who], path=folder / "runs")


def test_a_class_says_how_a_student_stands(tmp_path):
    """The name, what is left, whether it is paused, the places of the tasks that wait."""
    with new_class(tmp_path / "class", budget=0.5, engine=Offline(latency=1), policy=Policy(at_work=1)) as at_work:
        studio = studio_of(at_work, tmp_path)
        first, second = (task(deliveryMethod="async") for _ in range(2))
        at_work.ask(first)
        at_work.ask(second)
        standing = studio.standing()
        assert (standing.group, standing.student, standing.offline) == ("nbkit class", "mia", True)
        assert (standing.budget, standing.left, standing.paused) == (500_000, 500_000 - 2 * 46_570, False)
        assert standing.places == {second["taskUUID"]: 1}
        assert standing.place_of({second["taskUUID"]}) == 1
        assert standing.place_of({first["taskUUID"], second["taskUUID"]}) is None
        at_work.classroom.set("mia", paused=True)
        assert studio.standing().paused
        studio.close()


def test_another_server_is_no_class(tmp_path):
    """The offline engine of this process is not asked at all."""
    with serving() as url:
        studio = nbkit.Studio(engine=url, path=tmp_path / "served")
        assert studio.standing() is None
        studio.close()
    assert nbkit.Studio(engine="offline", path=tmp_path / "here").standing() is None


@pytest.mark.parametrize(
    "told",
    [
        None, [], "x", {}, {"queue": "x"}, {"queue": [1, {"taskUUID": 7, "place": 1}, {"taskUUID": "a", "place": True}]},
        {"budget": "much", "student": ["mia"], "paused": 1}, {"budget": -3, "queue": [{"taskUUID": "a", "place": 0}]},
    ],
)  # fmt: skip
def test_junk_is_left_out(told):
    """Whatever a server says, nothing fails, and nothing else is shown."""
    standing = read_standing({"data": [{"class": told, "balance": "x", "organizationName": {}}]})
    assert standing in (None, Standing())


def test_a_panel_shows_the_place_and_what_is_left(tmp_path):
    """While a run waits its place, then that it is worked on; in the head what is left in the class, current at the end."""
    with new_class(tmp_path / "class", budget=0.5, engine=Offline(latency=3), policy=Policy(at_work=1)) as at_work:
        studio = studio_of(at_work, tmp_path)
        panel = studio.panel()
        until(lambda: panel.view.head["left"] == "$0.50 left of $0.50 in class")
        assert panel.view.head["in_class"]
        at_work.ask(task(deliveryMethod="async"))
        panel.set(prompt=PROMPT, resolution="0.5K")
        assert panel.generate()
        until(lambda: message(panel).startswith("Waiting: place 1 in the line."))
        until(lambda: message(panel).startswith("Working."))
        panel.wait(30)
        until(lambda: panel.view.head["left"] == "$0.41 left of $0.50 in class")
        assert panel.view.head["mark"] == "OFFLINE"
        panel.close()
        studio.close()


def test_a_class_that_goes_away_breaks_no_run(tmp_path):
    """Asking fails silently; the run says what became of it."""
    with new_class(tmp_path / "class", budget=0.5) as at_work:
        studio = nbkit.Studio(
            engine=at_work.url, api_key=at_work.keys["mia"], path=tmp_path / "runs", pace=nbkit.Pace(retry_first=0.01)
        )
        panel = studio.panel()
        until(lambda: panel.view.head["in_class"])
    with pytest.raises(httpx.TransportError):
        httpx.get(at_work.url)
    panel.set(prompt=PROMPT)
    assert panel.generate()
    assert panel.wait(30).status == "failed"
    panel.close()
    studio.close()
