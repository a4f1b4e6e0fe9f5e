"""The arena, a widget: pictures side by side, and one key or one press says which is best.

::

    page                                        kernel
    a view is there                  ───────>   the question: one fragment of HTML
    answer "2" to question 7         ───────>   written into the log; the next question
    answer "ranking"                 ───────>   the ranking, as an output under the arena

The widget has no state but that: no picture and nothing about one is in a saved notebook, and the page never learns how a
picture was made. An answer to another question than the one that is shown is dropped, so a key that is pressed twice
judges once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np

from nbkit.comparison.judging import QUESTION, RATER, Judging, rows_for
from nbkit.comparison.ranking import Ranking
from nbkit.display.mime import MimeBundle
from nbkit.display.text import count
from nbkit.log.store import LogStore
from nbkit.results.run import GeneratedImage
from nbkit.widgets.arena.voting import Voting
from nbkit.widgets.jobs.saved_output import SavedOutput
from nbkit.widgets.page.alive import ALIVE
from nbkit.widgets.page.cell import replace_in_cell
from nbkit.widgets.page.guard import words_of
from nbkit.widgets.page.publish import publish
from nbkit.widgets.page.subshell import answer_at_once

HERE = Path(__file__).parent
ALONE = "An nbkit arena: run this cell again to go on judging. What was judged is in the log."


class Arena(anywidget.AnyWidget):
    """Which of some pictures is best: a person judges, blind, and each answer is a row of the log.

    ``studio.arena(result, by="temperature")`` makes one. Keys, after a press on it: 1 to 4 choose a picture, 0 says that all
    are equal, s skips, u takes the last answer back, r shows the ranking. What is shown next is chosen by what it teaches;
    some questions come again unannounced, for the share of answers that a person gives again.

    Args:
        judging: asks, and writes what is answered.

    Example:
        >>> import nbkit
        >>> studio = nbkit.Studio(engine="offline")
        >>> result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2], name="to judge").start().wait()
        >>> arena = studio.arena(result, by="temperature", question="Which glows more?", rater="Ana")
        >>> arena.judge(*arena.shown)  # the first one is the best
        >>> arena.judge(tie=True)
        >>> arena.undo()
        >>> len(studio.log.ranking(by="temperature", question="Which glows more?").to_frame())
        2
    """

    _is_made = False
    _esm = ALIVE + (HERE / "arena.js").read_text("utf-8")

    def __init__(self, judging: Judging) -> None:
        self._judging, self._is_shown = judging, False
        self._voting: Voting | None = None
        self._output = SavedOutput(self._summary)
        super().__init__()
        self._is_made = True
        self.on_msg(self._hear)
        answer_at_once(self)

    @property
    def shown(self) -> list[GeneratedImage]:
        """The pictures that are shown now, in their order on the screen; the first one is at the left."""
        return self._judging.shown

    def judge(self, *pictures: GeneratedImage | str, tie: bool = False) -> None:
        """Answer from code: the best picture, then those it beats.

        Args:
            *pictures: of this arena, or their imageUUIDs. One alone is the best of those that are shown; none, with ``tie``:
                all that are shown.
            tie: whether all of them are equally good.

        Raises:
            RequestError: for a picture that is not one of this arena; nothing is written.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> runs = [studio.generate("A lantern", seed=seed) for seed in (1, 2, 3)]
            >>> arena = studio.arena(runs, question="Which is rounder?")
            >>> arena.judge(runs[0].image, runs[2].image)
            >>> studio.log.judgements.outcome.tolist()[-1] == runs[0].image.image_uuid
            True
        """
        self._judging.judge(*pictures, tie=tie)
        self._show()

    def skip(self) -> None:
        """Leave the question that is shown unanswered.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> arena = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)])
            >>> arena.skip()
            >>> studio.log.judgements.outcome.tolist()[-1]
            'skip'
        """
        self._judging.skip()
        self._show()

    def undo(self) -> None:
        """Take the last answer of this arena back, and show its pictures again.

        Raises:
            NbkitError: if there is none.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> arena = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)], question="Which is older?")
            >>> before = arena.shown
            >>> arena.judge(*before)
            >>> arena.undo()
            >>> arena.shown == before
            True
        """
        self._judging.undo()
        self._show()

    @property
    def ranking(self) -> Ranking:
        """What was answered so far, by all raters; see :meth:`nbkit.RunLog.ranking`."""
        return self._judging.ranking()

    @property
    def state(self) -> dict[str, Any]:
        """The question that is shown now, as plain data that JSON has: for showing it elsewhere than in this widget.

        ``round`` is its number, ``question`` its words, ``pictures`` how many there are, ``says`` a line on what was judged,
        and ``html`` one fragment with the pictures and a button for each answer.
        """
        asked = self._judging.state()
        return {
            "round": asked.round,
            "question": asked.question,
            "pictures": len(asked.pictures),
            "says": asked.says,
            "html": asked.html,
        }

    def answer(self, answer: str, number: int) -> bool:
        """Take the answer of a page that shows :attr:`state`.

        Args:
            answer: as the fragment's buttons have it: the number of a picture, ``"tie"``, ``"skip"`` or ``"undo"``.
            number: the ``round`` of the question; an answer to another one is dropped.

        Returns:
            Whether it was taken.

        Raises:
            NbkitError: if it cannot be written.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> arena = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)], question="Which is larger?")
            >>> number = arena.state["round"]
            >>> arena.answer("1", number), arena.answer("1", number)
            (True, False)
        """
        if number != self._judging.round:
            return False
        shown, answer = self.shown, str(answer)
        if answer == "skip":
            self._judging.skip()
        elif answer == "undo":
            self._judging.undo()
        elif answer == "tie":
            self._judging.judge(tie=True)
        elif answer.isdecimal() and 1 <= int(answer) <= len(shown):
            self._judging.judge(shown[int(answer) - 1])
        else:
            return False
        return True

    def open(self, *, pairs: int = 12, host: str = "127.0.0.1", port: int = 0) -> Voting:
        """Let an audience vote from phones: a page at an address, and a code to type.

        Everybody votes on the same pairs, once, each with the sides by chance; each vote is a row of the log, with a rater of
        its own for each phone. No page tells how a picture was made before ``reveal()``. A phone is told by a cookie: who
        deletes it is another one. Opening again ends what was open; the phones go on where they were.

        Args:
            pairs: how many at most; all there are, if there are fewer.
            host: the address to listen at. Only this machine reaches 127.0.0.1; ``"0.0.0.0"`` is what phones in the same
                network need. They speak plain HTTP: open it in a network that you trust.
            port: 0 picks a free one.

        Returns:
            The vote: it shows address and code as the last line of a cell, and has ``reveal()`` and ``close()``.

        Raises:
            NbkitError: if the extra ``serve`` is not installed: ``pip install "nbkit[serve]"``.
            RequestError: for an address that this machine cannot listen at.
            NoImage: if there are not two pictures to show.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> result = studio.sweep("A lantern", temperature=[0.2, 1.0], seed=[1, 2], name="to vote on").start().wait()
            >>> voting = studio.arena(result, by="temperature", question="Which is warmer?").open()
            >>> voting.pairs, voting.phones
            (4, 0)
            >>> voting.close()
        """
        if not self._is_made:  # a widget that is being made opens its comm by the method of this name
            return super().open()  # type: ignore[no-any-return]
        earlier = self._voting
        if earlier is not None and port:  # perhaps the same port
            earlier.close()
        self._voting = Voting(self._judging, pairs=pairs, host=host, port=port)
        if earlier is not None:  # it goes on if the new one cannot be
            earlier.close()
        return self._voting

    def close(self) -> None:
        """End the widget and, if there is one, the vote.

        Example:
            >>> import nbkit
            >>> studio = nbkit.Studio(engine="offline")
            >>> arena = studio.arena([studio.generate("A lantern", seed=seed) for seed in (1, 2)])
            >>> voting = arena.open()
            >>> arena.close()
            >>> voting
            <Voting 'Which is better?': ended, 0 votes>
        """
        if self._voting is not None:
            self._voting.close()
        super().close()

    def __repr__(self) -> str:
        return f"<Arena {self._judging.question!r}: {self._summary}>"

    # -- inside --------------------------------------------------------------------------------------------------

    @property
    def _summary(self) -> str:
        asked = self._judging.asked()
        by = "" if self._judging.by is None else "by=…"  # blind: not even the name of the column
        return f"{count(len(asked), 'judgement')} in the log; studio.log.ranking({by}) ranks what was judged"

    def _hear(self, _: Any, content: dict[str, Any], __: Any) -> None:
        try:
            kind, answer = content.get("type"), str(content.get("answer", ""))
            if kind == "show":
                self._is_shown = True
                self._show()
            elif kind == "answer" and answer == "ranking":
                ranking = self._judging.ranking()._repr_mimebundle_()
                self._output.show(MimeBundle(ranking["text/html"], ranking["text/plain"]))
                self.send({"type": "says", "text": "The ranking stands below."})
            elif kind == "answer":
                self.answer(answer, int(content.get("round", -1)))
                self._show()
        except Exception as error:  # noqa: BLE001  Jupyter would lose it
            self.send({"type": "says", "text": words_of(error)})

    def _show(self) -> None:
        if self._is_shown:
            self.send({"type": "question", "html": self._judging.state().html})

    def _ipython_display_(self) -> None:
        view: Any = self._repr_mimebundle_()
        data = view[0] if isinstance(view, tuple) else view  # anywidget returns the metadata, too
        publish({**data, "text/plain": ALONE, "text/html": f"<em>{ALONE}</em>"}, raw=True)
        self._output.place()


def arena_of(
    log: LogStore,
    which: Any,
    by: str | Sequence[str] | None = None,
    *,
    show: int = 4,
    question: str = QUESTION,
    rater: str = RATER,
    rng: int | np.random.Generator | None = None,
) -> Arena:
    """An arena; it closes the one that its cell made when it ran before.

    Args:
        log: has the pictures.
        which: a result, rows of the log, runs or pictures.
        by: the column whose values are compared; ``None`` for the pictures themselves.
        show: how many are shown at once.
        question: that is asked.
        rater: who answers.
        rng: for what is left to chance.
    """
    judging = Judging(log, rows_for(log, which), by, show=show, question=question, rater=rater, rng=rng)
    arena = Arena(judging)
    for before in replace_in_cell(arena):
        before.close()
    return arena
