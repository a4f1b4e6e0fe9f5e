"""The typed request: its parameters, their checks, the model's limits and prices, and reference images.

``image_request.py`` declares each parameter once, as a field of :class:`~nbkit.ImageRequest`; checks, JSON, log
columns, controls and help texts are derived from it. ``parameter.py`` has the kinds of values, ``rules.py`` the rules
between parameters and the error messages, ``naming.py`` finds a parameter by any of its spellings, ``keywords.py``
types the keywords for editors and type checkers and lists them in the signatures of functions, and ``signatures.py``
explains them in docstrings.
``profile.py`` is a model as data: sizes, prices, what it takes; ``profiles.py`` has the models of the family, ``models.py``
shows them as a table, and ``price.py`` is money. ``address.py`` and ``task.py`` are addresses and tasks that show
themselves without credentials. ``reference.py`` reads reference images: ``reference_values.py`` takes what people give,
``formats.py`` tells what bytes are, ``decoder.py`` opens a picture, and ``pixels.py`` removes all but the pixels.
"""
