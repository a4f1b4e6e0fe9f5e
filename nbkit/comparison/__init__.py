"""Comparisons of pictures: side by side with what differs, and over many of them, which differences are more than noise.

::

    nbkit.compare(run_a, run_b)
    nbkit.compare(run[0], other[2])
    nbkit.compare(studio.df.tail(2))
    nbkit.show(runs)

``subject.py`` turns runs, pictures and rows of the log into subjects. ``settings.py`` finds what differs between
subjects, ``text_difference.py`` what differs between two texts, and ``result.py`` has :func:`nbkit.compare` and its
result. ``pictures.py`` has :func:`nbkit.show`, for many pictures without a table. How alike two pictures are
is measured in ``nbkit.measures.likeness``. ``effects.py`` finds what an axis does to a measure, ``diversity.py`` how
different the pictures of a set look, both with ``alike.py``; ``measuring.py`` reads pictures for ``log.measure()``.
"""
