"""The HTML of a vote's pages: pure functions. Every text is escaped here.

All addresses are queries of the page's own address. The pages are forms, and work without their script, which adds keys,
and brings the result by itself.
"""

from __future__ import annotations

from nbkit.audience.ballot import Tally, VoteResult
from nbkit.display.page import COLOURS, page_html, source_hash
from nbkit.display.text import count, escape

STYLE = (
    COLOURS
    + """
:root { --card: #f1f1ee; --bar: #3b6ea5 }
@media (prefers-color-scheme: dark) { :root { --card: #232323; --bar: #7fb0e6 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 0.75rem 1rem 1rem; max-width: 72rem; background: var(--ground); color: var(--ink);
  font: 1.0625rem/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.25rem; line-height: 1.3 }
h2 { margin: 1.75rem 0 0.5rem; font-size: 1.1rem }
p { margin: 0.5rem 0 }
.quiet { color: var(--quiet) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
header { display: flex; flex-wrap: wrap; gap: 0 1rem; align-items: baseline; justify-content: space-between; margin-bottom: 0.6rem }
header p { margin: 0 }
progress { appearance: none; display: block; width: 100%; height: 0.35rem; margin-bottom: 0.75rem; border: 0; background: var(--line); border-radius: 1rem; overflow: hidden }
progress::-webkit-progress-bar { background: var(--line) }
progress::-webkit-progress-value { background: var(--bar) }
progress::-moz-progress-bar { background: var(--bar) }
.ask, .ask form { display: flex; flex-direction: column }
.ask { height: calc(100svh - 1.75rem); min-height: 25rem }
.ask form { flex: 1; min-height: 0 }
.pictures { flex: 1; min-height: 0; display: grid; grid-auto-rows: minmax(0, 1fr); gap: 0.6rem }
.pictures div { position: relative; min-height: 0; border-radius: 0.5rem; overflow: hidden; background: var(--card) }
.pictures img { display: block; width: 100%; height: 100%; object-fit: contain }
.pictures.tall { grid-template-columns: 1fr 1fr }
.number { position: absolute; left: 0.4rem; top: 0.4rem; min-width: 1.7rem; line-height: 1.7rem; border-radius: 0.4rem; background: #000c; color: #fff; font-weight: 600; text-align: center }
button, input { font: inherit; color: inherit }
button { min-height: 3.5rem; padding: 0.4rem 0.6rem; border: 1px solid var(--quiet); border-radius: 0.75rem; background: var(--ground); font-weight: 600; cursor: pointer; touch-action: manipulation }
button:hover { background: var(--card) }
button:active, button.main { border-color: var(--link); background: var(--link); color: var(--ground) }
.answers { display: grid; grid-template-columns: 3fr 2fr 3fr; gap: 0.6rem; margin-top: 0.75rem }
.join { display: grid; gap: 0.75rem; max-width: 22rem; margin: 12svh auto 0 }
.join input { width: 100%; min-height: 4rem; padding: 0.4rem 0.8rem; border: 1px solid var(--quiet); border-radius: 0.75rem; background: var(--ground); font-size: 1.75rem; letter-spacing: 0.15em; text-align: center }
.alert { padding: 0.6rem 0.9rem; border-radius: 0.5rem; background: var(--card); font-weight: 600 }
.thanks { margin-top: 18svh; text-align: center }
.thanks h1 { font-size: 1.75rem }
#said:empty { display: none }
dl { margin: 0 }
dt { margin-top: 0.6rem; font-weight: 600 }
dd { margin: 0 }
svg { display: block; width: 100%; height: 0.6rem; border-radius: 0.3rem; background: var(--line) }
svg rect { fill: var(--bar) }
.pairs { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); gap: 1.25rem; padding: 0; margin: 0; list-style: none }
.pairs > li { padding: 0.6rem; border-radius: 0.5rem; background: var(--card) }
.pairs .two { display: grid; grid-template-columns: 1fr 1fr; gap: 0.6rem }
.pairs figure { margin: 0 }
.pairs img { display: block; width: 100%; height: auto; max-height: 16rem; object-fit: contain; border-radius: 0.25rem }
.pairs figcaption { margin-top: 0.4rem }
.pairs .best { font-weight: 600 }
@media (min-width: 44rem) {
  .pictures { grid-template-columns: 1fr 1fr }
}
"""
)

SCRIPT = """
const said = document.getElementById("said"), waits = document.querySelector("[data-state]");
let sent = false, lost = 0;
document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", (event) => {
  if (sent) event.preventDefault(); // a second press while the first is under way
  sent = true;
}));
addEventListener("pageshow", (event) => event.persisted && location.reload()); // the back button shows what is asked now
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const button = [...document.querySelectorAll("[aria-keyshortcuts]")].find((one) => one.getAttribute("aria-keyshortcuts").split(" ").includes(event.key));
  if (!button) return;
  event.preventDefault();
  button.click();
});
const look = async () => {
  try {
    const answer = await fetch("?state", { cache: "no-store", signal: AbortSignal.timeout(8000) });
    const state = answer.ok ? await answer.text() : "";
    if (state !== waits.dataset.state && !sent) return location.replace(location.pathname);
    lost = 0;
    said.textContent = "";
  } catch {
    lost += 1;
    if (lost > 1) said.textContent = "The vote has ended, or this phone is not in the network any more.";
  }
  setTimeout(look, 3000);
};
if (waits) setTimeout(look, 3000);
"""

_POLICY = (
    f"default-src 'none'; img-src 'self' data:; style-src '{source_hash(STYLE)}'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'"
)

HEADERS = {
    "Content-Security-Policy": f"{_POLICY}; script-src '{source_hash(SCRIPT)}'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of each answer."""

OPEN, REVEALED = "open", "revealed"


def join_page(message: str = "") -> str:
    """Asks for the code, and says nothing else.

    Args:
        message: what was wrong with the last one.
    """
    told = f'<p class="alert" role="alert">{escape(message)}</p>' if message else ""
    return _page(
        "Vote",
        f'<form method="post" class="join"><h1>Vote</h1>{told}<label for="code">Type the code that you see in front.</label>'
        '<input id="code" name="code" inputmode="numeric" autocomplete="off" required maxlength="20" autofocus>'
        '<button class="main">Join</button></form>',
    )


def pair_page(
    question: str, number: int, pairs: int, pictures: tuple[str, ...], *, is_tall: bool = False, message: str = ""
) -> str:
    """Two pictures and three answers.

    Args:
        question: that is asked.
        number: of the pair, from 0 on.
        pairs: how many there are.
        pictures: their tokens, in the order on the screen.
        is_tall: whether they are much higher than wide.
        message: why the last vote was not taken.
    """
    told = f'<p class="alert" role="alert">{escape(message)}</p>' if message else ""
    shown = "".join(
        f'<div><img src="?picture={token}" alt="Picture {i}"><span class="number" aria-hidden="true">{i}</span></div>'
        for i, token in enumerate(pictures, 1)
    )
    answers = "".join(
        f'<button name="choice" value="{value}" aria-keyshortcuts="{keys}">{label}</button>'
        for value, keys, label in (
            ("1", "1 ArrowLeft", "Picture 1"),
            ("tie", "0", "Equal"),
            ("2", "2 ArrowRight", "Picture 2"),
        )
    )
    place = f"Pair {number + 1} of {pairs}"
    return _page(
        question,
        f'<header><h1>{escape(question)}</h1><p class="quiet">{place}</p></header>'
        f'<progress value="{number}" max="{pairs}" aria-label="{place}"></progress>{told}'
        f'<form method="post"><input type="hidden" name="pair" value="{number}">'
        f'<input type="hidden" name="shown" value="{" ".join(pictures)}">'
        f'<div class="pictures{" tall" if is_tall else ""}">{shown}</div><div class="answers">{answers}</div></form>',
        OPEN,
        kind="ask",
    )


def thanks_page(question: str, pairs: int) -> str:
    """For a phone that has voted on everything."""
    return _page(
        question,
        f'<div class="thanks"><h1>Thank you</h1><p>You have voted on {"the pair" if pairs == 1 else f"all {pairs} pairs"}.</p>'
        '<p class="quiet">The result comes here when it is revealed.</p></div>',
        OPEN,
        waits=True,
    )


def result_page(question: str, result: VoteResult) -> str:
    """What was found, with the settings."""
    said = "".join(f"<p>{escape(line)}</p>" for line in result.sentences)
    settings = "".join(_setting(one) for one in result.settings)
    pairs = "".join(_pair(one) for one in result.pairs)
    by = f", by {escape(result.by)}" if result.by else ""
    return _page(
        question,
        f'<header><h1>{escape(question)}</h1><p class="quiet">{count(result.phones, "phone")} voted</p></header>'
        f'<section>{said}</section><section><h2>Share of votes{by}</h2><dl>{settings}</dl><p class="quiet">'
        f'A vote for "equal" is half a vote for each.</p></section><section><h2>Pair by pair</h2><ul class="pairs">{pairs}</ul></section>',
        REVEALED,
    )


def _setting(one: Tally) -> str:
    share = one.votes[0] / one.ties
    return (
        f"<dt>{escape(one.labels[0])}</dt><dd>{share:.0%} of {count(one.ties, 'vote')}"
        f'<svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="{100 * share:.2f}" height="4"/></svg></dd>'
    )


def _pair(one: Tally) -> str:
    most = max(*one.votes, 1)
    figures = "".join(
        f'<figure><img src="?picture={token}" alt="" loading="lazy"><figcaption>{escape(label)}'
        f'<br><span class="{"best" if votes == most else "quiet"}">{count(int(votes), "vote")}</span></figcaption></figure>'
        for label, token, votes in zip(one.labels, one.pictures, one.votes, strict=True)
    )
    equal = f'<p class="quiet">{count(one.ties, "vote")} for equal</p>' if one.ties else ""
    return f'<li><div class="two">{figures}</div>{equal}</li>'


def _page(title: str, body: str, state: str = "", *, kind: str = "", waits: bool = False) -> str:
    """A page; ``state`` is that of the vote, which the script compares with what the server says."""
    head = '<link rel="icon" href="data:,">\n'
    if waits:
        head += '<noscript><meta http-equiv="refresh" content="10"></noscript>\n'
    known = f' data-state="{state}"' if state else ""
    body = f'<main class="{kind}"{known}>{body}<p id="said" class="alert" role="status"></p></main>'
    return page_html(title, body, STYLE, SCRIPT, policy=_POLICY, head=head)
