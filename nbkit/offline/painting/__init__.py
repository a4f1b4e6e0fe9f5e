"""The painter of the offline engine: a picture is a pure function of its request.

``painter.py`` paints a ``Scene`` of ``scene.py`` in these steps:

- ``keywords.py`` finds what a prompt names, how often, what it does not want, and what was not understood;
  ``languages.py`` tells whether it is English;
- ``stable_random.py`` turns prompt, seed and temperature into numbers;
- ``composition.py`` plans the picture and arranges the motifs in it;
- ``painter.py`` draws the sky, the ground and the motifs. What they look like is data: ``motifs.py``, ``sceneries.py`` and
  ``palettes.py`` have a line for each shape, each strip of land and each palette, and the words that call for them;
- ``shapes.py`` describes the language of these lines, and has its interpreter and the canvas that it draws on;
- ``labels.py`` lays title, footer and reference images over the scene. Their typeface is in
  ``nbkit/display/lettering.py``.
"""
