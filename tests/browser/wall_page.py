"""A wall of pictures as a person finds it on a page: its tiles by their place, and what a further cell says."""


def tile(output, place):
    return output.locator(f'[role=option][aria-posinset="{place}"]')


def selected(output):
    return output.locator('[role=option][aria-selected="true"]')


def said(book, index):
    """What a cell says that is run now."""
    book.run(index)
    return book.output(index).locator(".jp-OutputArea-output").inner_text().strip()
