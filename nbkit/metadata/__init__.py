"""Settings inside the files of pictures: written without touching a pixel, and read back from files of any origin.

``parts.py`` says what a file may carry; ``jpeg.py``, ``png.py`` and ``webp.py`` read that from a file and splice it into
one; ``exif.py`` and ``xmp.py`` are the two formats inside. ``record.py`` is what nbkit writes, ``parameters.py`` the text
that other programs write, ``embedding.py`` joins them, and ``reading.py`` is :func:`nbkit.read`.

A file is a stranger's: sizes that it declares are checked before anything is read, XML with entities is refused, nothing
is run, and no address in it is called.
"""
