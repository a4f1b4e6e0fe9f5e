"""A grid of pictures that the page loads as they come into view."""
