"""Many pictures on a page that asks for what it shows."""
