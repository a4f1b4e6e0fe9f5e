"""Controls for prompts and parameters. Widgets steer; what they make is shown as an ordinary output beside them.

From the ground up: ``page`` (what every panel needs of the page), ``controls`` (one for each parameter),
``image_grid`` (many pictures, loaded as they come into view), ``gallery``, ``panel``, ``sweep_panel``. A script and a
style sheet stand beside the module that they belong to, under the same name; the script of ``image_grid`` is a folder
of parts.
"""
