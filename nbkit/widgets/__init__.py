"""Controls for prompts and parameters. Widgets steer; what they make is shown as an ordinary output beside them.

From the ground up: ``page`` (what every panel needs of the page), ``form`` (a control for each parameter, and undo),
``image_grid`` (many pictures, loaded as they come into view, and the lightbox), ``jobs`` (quotes, queue, what the notebook keeps),
``gallery``, ``explorer`` (the grid of a sweep), ``panel``. A script and a style sheet stand beside the module that they belong to, under the
same name; a script of several parts is a folder.
"""
