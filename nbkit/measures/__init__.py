"""What can be read from the bytes and pixels of a picture.

``facts.py``: media type, size and hashes of a file; ``preview.py``: a small JPEG of it; ``likeness.py``: how far two
pictures are apart.
"""
