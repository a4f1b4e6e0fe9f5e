"""What stays: pictures by their content, and the log of every run.

``database.py`` opens a SQLAlchemy engine the way the ledger needs it, ``sqlite.py`` sets SQLite up for that;
``schema.py`` is the log's tables, made from the request's declaration, and ``rows.py`` fills their columns;
``owner.py`` says whose process a run belongs to; ``journal.py`` writes (one transaction a step) and ``accounts.py``
keeps the sums that budgets need; ``marks.py`` writes what a person says of a picture; ``history.py`` reads; ``frame.py`` makes DataFrames of it, ``search.py`` finds rows by their words; ``images.py`` is the
folder of pictures, and ``previews.py`` keeps the small ones of them.
"""
