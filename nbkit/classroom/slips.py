"""What students are handed: the lines to type, and a slip of paper with name, address and key for each."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import pandas as pd

from nbkit.display.page import COLOURS, page_html
from nbkit.display.text import escape
from nbkit.log.export import without_formulas

_STYLE = (
    COLOURS
    + """
body { margin: 1.5rem auto; padding: 0 1rem; max-width: 60rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.45 system-ui, sans-serif }
p { margin: 0.5rem 0 }
.quiet { color: var(--quiet) }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr)); padding: 0; list-style: none }
li { border: 1px dashed var(--quiet); padding: 1.1rem 1.3rem; break-inside: avoid; overflow-wrap: anywhere }
h2 { margin: 0; font-size: 1.3rem }
.key, .address { font: 600 1.2rem/1.5 ui-monospace, Consolas, monospace }
.blank { display: inline-block; width: 14rem; border-bottom: 1px solid currentColor }
pre { margin: 0.4rem 0; font: 0.8rem/1.5 ui-monospace, Consolas, monospace; white-space: pre-wrap }
@media print {
  :root { --ground: #fff; --ink: #000; --quiet: #444 }
  body { margin: 0; padding: 0; max-width: none }
  header { display: none }
  ul { grid-template-columns: 1fr 1fr }
}
"""
)

BLANK = "ADDRESS"
"""In the lines to type, where the address is written on the board."""


def engine_address(address: str) -> str:
    """What ``NBKIT_ENGINE`` has to be: under a path, the API's own path has to be named.

    Args:
        address: of the server, such as ``https://school.example/class``.

    Example:
        >>> engine_address("http://192.168.1.5:8765/"), engine_address("https://school.example/class")
        ('http://192.168.1.5:8765', 'https://school.example/class/v1')
    """
    cut = address.rstrip("/").removesuffix("/v1")
    return f"{cut}/v1" if urlsplit(cut).path else cut


def first_cell(address: str) -> str:
    """The lines that a student runs first; the key is asked for, so that no saved notebook has it.

    Args:
        address: of the server.

    Example:
        >>> print(first_cell("http://192.168.1.5:8765"))
        import getpass, os
        os.environ["NBKIT_ENGINE"] = "http://192.168.1.5:8765"
        os.environ["NBKIT_KEY"] = getpass.getpass("key: ")
        <BLANKLINE>
        import nbkit
        studio = nbkit.Studio()
        studio.panel()
    """
    return (
        "import getpass, os\n"
        f'os.environ["NBKIT_ENGINE"] = "{engine_address(address)}"\n'
        'os.environ["NBKIT_KEY"] = getpass.getpass("key: ")\n\n'
        "import nbkit\n"
        "studio = nbkit.Studio()\n"
        "studio.panel()"
    )


def slips_html(title: str, keys: Mapping[str, str], address: str = "") -> str:
    """A page to print and cut: one slip for each student.

    Args:
        title: of the class.
        keys: of the students, by name.
        address: of the server; without one, each slip has a line to write it on.
    """
    slips = "\n".join(f"<li>{_slip(name, key, address)}</li>" for name, key in keys.items())
    told = (
        "Print, cut, hand out. Whoever has a key can spend its budget; python -m nbkit class set … --new-key ends one."
    )
    heading = f'<header><h1>{escape(title)}</h1>\n<p class="quiet">{escape(told)}</p></header>'
    return page_html(f"{title}: slips", f"<main>\n{heading}\n<ul>\n{slips}\n</ul>\n</main>", _STYLE)


def _slip(name: str, key: str, address: str) -> str:
    where = f'<span class="address">{escape(address)}</span>' if address else '<span class="blank">&nbsp;</span>'
    lines = first_cell(address) if address else first_cell("").replace('= ""', f'= "{BLANK}"')
    return (
        f"<h2>{escape(name)}</h2>"
        f'<p><span class="quiet">Key</span> <span class="key">{escape(key)}</span></p>'
        f'<p><span class="quiet">Address</span> {where}</p>'
        '<p class="quiet">In the first cell of a notebook (a browser shows these lines at the address, to copy):</p>'
        f"<pre>{escape(lines)}</pre>"
        '<p class="quiet">Type the key when you are asked for it, and keep it to yourself.</p>'
    )


def slips_csv(keys: Mapping[str, str], address: str = "") -> str:
    """The same as a table, to send by mail.

    Args:
        keys: of the students, by name.
        address: of the server.

    Example:
        >>> print(slips_csv({"mia": "mia-7h2k-…", "=1+1": "11-9xyz-…"}, "http://192.168.1.5:8765"), end="")
        name,key,address
        mia,mia-7h2k-…,http://192.168.1.5:8765
        '=1+1,11-9xyz-…,http://192.168.1.5:8765
    """
    table = pd.DataFrame({"name": list(keys), "key": list(keys.values()), "address": address}, dtype=object)
    return str(without_formulas(table).to_csv(index=False, lineterminator="\n"))
