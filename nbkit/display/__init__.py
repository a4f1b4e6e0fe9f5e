"""What a notebook shows: pure functions from plain values to HTML and text.

``figure.py`` has a picture with its caption, ``notice.py`` a box for an outcome and a quiet line, ``mime.py`` the value
that shows its HTML and text as the last line of a cell. ``table.py`` makes a table with thumbnails, ``grid.py`` a
labelled grid of pictures, ``page.py`` a whole HTML file, and ``compare.py`` a comparison, with ``compare.js`` and
``compare.css`` for its wipe and zoom. ``text.py`` formats numbers, prices and calls. ``lettering.py`` measures and
wraps text in the typeface in ``fonts/``.

Nothing here knows a run, a log or a studio, and no function opens a file of the user: the callers pass values and small
pictures. The HTML has inline styles only and needs no script (a comparison adds a wipe and a zoom where scripts run).
So it reads the same in JupyterLab, in an HTML export, without a kernel, and where styles are removed. Colours come from
the page (``currentColor``, translucent greys), so that a dark theme needs no rules of its own. Every text is escaped.
"""
