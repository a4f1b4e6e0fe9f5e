"""Parameter sweeps: planned, priced, stoppable, resumable.

``axes.py`` tells an axis from a fixed value; ``cells.py`` is the sequence of requests that they span, made when it
is asked for; ``plan.py`` prices it; ``runner.py`` runs it in threads; ``result.py`` is what came of it;
``sweep.py`` joins them into what ``studio.sweep()`` returns.
"""
