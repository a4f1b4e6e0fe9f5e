"""``%%imagine``: a cell whose body is the prompt.

``options`` reads the cell's first line; ``imagine`` is the magic in a notebook, with its completions.
"""
