"""What every panel needs of the page: names, quiet shortcuts, announcements, the look; and errors that are said."""
