"""What can be read from the bytes and pixels of a picture.

``facts.py``: media type, size and hashes of a file, whatever it is; ``preview.py``: a small JPEG of it; ``conversion.py``:
the same picture in another format; ``likeness.py``: whether two files are the same picture; ``content.py``: the pixels
that are measured; ``look.py``: sharpness, contrast, colourfulness, near-copies; ``descriptor.py``: how alike pictures look.

Text: ``quotations.py`` finds the words that a prompt wants, ``text.py`` reads those in a picture, ``spelling.py`` compares.
"""
