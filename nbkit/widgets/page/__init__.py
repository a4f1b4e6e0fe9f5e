"""What every panel needs of the page: names, quiet shortcuts, announcements, the look, outputs; and errors that are said."""
