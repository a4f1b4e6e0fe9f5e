"""What may be asked of the model.

``image_request.py`` declares each parameter once, as a field of :class:`~nbkit.ImageRequest`; checks, JSON, log columns,
controls and help texts are derived from it. ``parameter.py`` has the kinds of values, ``rules.py`` the rules that concern
several parameters, ``naming.py`` the spellings that lead to one, ``keywords.py`` the types of the keywords for editors and
type checkers. ``model.py`` is the model as data: sizes, limits, prices. ``reference.py`` reads reference images.
"""
