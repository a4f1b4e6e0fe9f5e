"""HTML as the tests read it: its elements with their attributes, and its text."""

from html.parser import HTMLParser

HTML, TEXT = "text/html", "text/plain"
"""The formats of an output in a notebook."""

MARKUP = "<script>alert('x')</script> & \"quoted\" <img src=x onerror=alert(1)>"
"""A prompt that runs a script in every page that does not escape it."""

_WITHOUT_END = ("br", "img", "meta")


class Page(HTMLParser):
    """A parsed piece of HTML; an element that is not closed fails.

    Attributes:
        elements: each tag with its attributes, in their order.
        words: the texts between the tags, in their order.
        texts: by tag, the whole text of each element, in their order.
    """

    def __init__(self, html):
        super().__init__()
        self.elements, self.words, self.texts, self._open = [], [], {}, []
        self.feed(html)
        self.close()
        assert not self._open, f"not closed: {[tag for tag, _ in self._open]}"

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in _WITHOUT_END:
            texts = self.texts.setdefault(tag, [])
            self._open.append((tag, len(texts)))
            texts.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        self.words.append(data)
        for tag, number in self._open:
            self.texts[tag][number] += data

    def all(self, tag):
        """The attributes of every element with a tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self):
        """All words of the page."""
        return " ".join(self.words)
