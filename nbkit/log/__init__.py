"""What stays: the log of every run, and the pictures by their content.

``store.py`` opens a log and is the way to all of it. ``schema.py`` has the tables, made from the request's declaration;
``database.py`` runs transactions on them, in a file (``sqlite.py``) or on a server (``postgres.py``,
``casefolding.py``), and ``sql.py`` has what the two spell differently; ``rows.py`` converts requests
into columns and back. Read with ``runs.py`` (as runs), ``frame.py`` (as DataFrames), ``search.py`` (by words) and
``filter.py`` (by a condition, which ``filter_columns.py`` applies to a frame or to the database); ``damage.py`` decodes what
is read, and names and leaves out damaged rows. ``prompts.py`` finds the prompts that were typed before; ``presets.py``
keeps settings under a name, in a file of their own. ``annotations.py`` writes ratings, tags and notes;
``measurements.py`` keeps what was read from pixels. ``images.py`` is the
folder of pictures, ``previews.py`` keeps small ones of them. ``table.py`` shows rows with thumbnails; ``export.py`` writes
them into a folder or a ZIP file, whole or not at all; ``excel.py`` writes a spreadsheet, ``backup.py`` copies a whole log.
``trust.py`` tells whose a log is; ``owner.py`` tells which process works on a row, and whether it is alive;
``accounts.py`` names the accounts that count it. ``verify.py`` checks a whole log, with ``row_checks.py`` for its rows.
"""
