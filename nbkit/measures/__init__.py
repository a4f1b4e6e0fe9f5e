"""What can be read from the bytes and pixels of a picture.

``facts.py``: media type, size and hashes of a file, whatever it is; ``preview.py``: a small JPEG of it; ``conversion.py``:
the same picture in another format; ``likeness.py``: how far two pictures are apart.
"""
