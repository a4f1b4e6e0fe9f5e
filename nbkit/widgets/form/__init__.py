"""The form: one widget that holds a control for each parameter, and the state behind it."""
