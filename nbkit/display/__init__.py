"""How things look in a notebook: pure functions from facts to HTML and text.

Nothing here knows a run, a log or a studio, and nothing here opens a file: the callers hand over facts and
small pictures. HTML is made with inline styles only and needs no script (a comparison adds a wipe and a zoom where
scripts run), so that it reads the same in JupyterLab, in an HTML export, with no kernel, and where styles are taken away. Colours come from the page
(``currentColor``, see-through greys), so that a dark theme needs nothing of its own. Every text is escaped.
"""
