"""The only folder that may spend money.

``ledger.py`` takes one run from its estimate to its pictures on disk; ``task_session.py`` talks to the service about one
task until its outcome is known, and ``outcome.py`` puts its answers together; ``recovery.py`` finishes what an earlier
kernel left open. ``journal.py`` is the log's writing side, one transaction for each step, and ``result_rows.py`` writes
the rows of results; ``budget.py`` holds money before a send and settles it after; ``in_flight.py`` has the runs that this
process works on.
"""
