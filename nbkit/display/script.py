"""A script inside a plain output: small, and in an attribute.

Where tags are removed from HTML, as on code hosts and in Markdown, the text of a script would be shown. What does not run
scripts, or does not trust the notebook, shows what stands beside it.

Example:
    >>> from nbkit.display.script import script_html
    >>> script_html("console.log('hello')")[:62]
    '<script src="data:text/javascript;charset=utf-8;base64,KGFzeW5'
"""

import base64
import gzip

_UNPACK = (
    '(async()=>{const packed=Uint8Array.from(atob("%s"),(c)=>c.charCodeAt(0));'
    'const text=new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));'
    'const script=document.createElement("script");script.text=await new Response(text).text();'
    "document.head.append(script);script.remove()})();"
)


def script_html(code: str) -> str:
    """The element that runs a script, which is packed: every output with the script has a copy of it.

    Args:
        code: of the script; it runs a moment after the output was drawn.
    """
    packed = base64.b64encode(gzip.compress(code.encode(), mtime=0)).decode()
    return f'<script src="data:text/javascript;charset=utf-8;base64,{base64.b64encode((_UNPACK % packed).encode()).decode()}"></script>'
