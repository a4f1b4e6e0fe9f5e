"""The values that people hold: ``run.py`` a run, ``image.py`` a picture of it, ``money.py`` estimates and budgets."""
