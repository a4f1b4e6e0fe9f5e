"""A control for each parameter, built from its declaration, and all of them together as a form."""
