"""``%%imagine``: a cell whose body is the prompt.

``options.py`` parses the options in the first line of the cell and completes them; ``imagine.py`` has the magic itself
and its registration in IPython.
"""
