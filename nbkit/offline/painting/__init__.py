"""The painter of the offline engine: a picture is a pure function of its request.

``painter.py`` paints a ``Scene`` of ``scene.py`` in these steps:

- ``keywords.py`` finds the colours, sceneries, things and quoted texts that a prompt names;
- ``stable_random.py`` and ``interpolator.py`` turn prompt, seed and temperature into numbers;
- ``composition.py`` plans the picture, and ``layout.py`` arranges the motifs in it;
- ``backdrop.py`` draws the sky and the ground. The grounds are in ``grounds.py``, ``grounds_city.py`` and
  ``grounds_wild.py``; ``ground_context.py`` is what each of them is drawn with;
- ``motifs.py`` lists the motifs, which ``motifs_sky.py``, ``motifs_ground.py``, ``motifs_things.py`` and
  ``motifs_shapes.py`` draw;
- ``brush.py`` has the shapes that they all consist of, and renders them; ``palettes.py`` has their colours;
- ``labels.py`` draws title, footer and badges over the scene, and ``framing.py`` the reference images. Their typeface
  is in ``nbkit/display/lettering.py``.
"""
