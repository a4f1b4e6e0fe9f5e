"""The painter of the offline engine: a picture as a pure function of its request.

``scene.py`` is what it is told; ``reading.py`` finds in the prompt what can be drawn; ``drift.py`` and ``dice.py``
turn seed and temperature into numbers; ``composition.py`` and ``layout.py`` decide what stands where;
``palettes.py``, ``backdrop.py``, ``ground.py``, ``grounds*.py`` and ``motifs*.py`` draw it with ``brush.py``;
``lettering.py``, ``marks.py`` and ``framing.py`` set type, marks and reference images; ``painter.py`` joins them.
"""
