"""Many requests from one call: a list-like value is an axis.

``spec.py`` turns keywords into axes, fixed values and template variables, ``template.py`` fills templates, and
``grid.py`` spans the cells. ``plan.py`` prices them, ``runner.py`` sends them from threads, ``progress.py`` shows how
far it is, and ``sweep.py`` is what ``studio.sweep()`` returns and joins these; ``signature.py`` names its keywords for
editors. ``result.py`` is what came of it: ``frame.py`` makes its DataFrame, with the columns of the axes that a plan
has too, ``pages.py`` arranges its pictures in grids, ``contact_sheet.py`` draws them as one picture, and
``promotion.py`` makes chosen ones again at a higher tier.
"""
