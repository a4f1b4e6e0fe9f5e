"""The HTML of a class's pages: pure functions of what is in the class. Every text is escaped here.

All addresses are queries of the page's own address ("?part"), so that a page works under any path, with and without a
slash at its end, whatever a proxy cuts off.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from nbkit.classroom.slips import first_cell
from nbkit.display.page import COLOURS, page_html, source_hash
from nbkit.display.text import count, ellipsis, escape, usd, usd_short
from nbkit.ledger.budget import Account
from nbkit.request.price import MICRO

REFRESH_SECONDS = 4
"""How often a page fetches its newest part; without a script, every ``PLAIN_REFRESH_SECONDS`` the whole page."""

PLAIN_REFRESH_SECONDS = 15

NEVER, PAUSED = "never connected", "paused"
"""Troubles that need no card of their own: most students have the first before the class begins."""

STYLE = (
    COLOURS
    + """
:root { --card: #f6f6f4; --alert: #9a3412; --alert-ground: #fff4ec; --bar: #3b6ea5; --held: #c98a1b; --track: #e2e2df }
@media (prefers-color-scheme: dark) {
  :root { --card: #1f1f1f; --alert: #ffb88a; --alert-ground: #33231a; --bar: #7fb0e6; --held: #e0ae55; --track: #383838 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 82rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
body.narrow { max-width: 46rem }
h1 { margin: 0; font-size: 1.6rem; line-height: 1.25 }
h2 { margin: 2rem 0 0.6rem; font-size: 1.15rem }
p { margin: 0.5rem 0 }
a { color: var(--link) }
.quiet { color: var(--quiet) }
.small { font-size: 0.875rem }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; align-items: baseline; justify-content: space-between }
.notice { margin: 0.75rem 0; padding: 0.6rem 0.9rem; border-left: 4px solid var(--bar); background: var(--card) }
.notice:empty { display: none }
.alert { border-left-color: var(--alert); background: var(--alert-ground); color: var(--alert) }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1.25rem 0 0 }
.facts div { padding: 0.7rem 0.9rem; border-radius: 0.5rem; background: var(--card) }
.facts dt { color: var(--quiet); font-size: 0.875rem }
.facts dd { margin: 0; font-size: 1.35rem; font-weight: 600; line-height: 1.3 }
.facts dd.quiet { font-size: 0.875rem; font-weight: 400 }
.stuck { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem; padding: 0; margin: 0; list-style: none }
.stuck li { padding: 0.6rem 0.9rem; border-left: 4px solid var(--alert); border-radius: 0.25rem; background: var(--alert-ground) }
.stuck strong { display: block }
.stuck span { color: var(--alert) }
button, summary.button, input { font: inherit; color: inherit }
button, summary.button { padding: 0.2rem 0.7rem; border: 1px solid var(--quiet); border-radius: 0.4rem; background: var(--ground); cursor: pointer }
button:hover, summary.button:hover { background: var(--card) }
button.main { padding: 0.4rem 1.1rem; border-color: var(--link); background: var(--link); color: var(--ground) }
input { padding: 0.25rem 0.5rem; border: 1px solid var(--quiet); border-radius: 0.4rem; background: var(--ground); max-width: 100% }
input[type=number] { width: 6.5rem }
form { display: inline-flex; flex-wrap: wrap; gap: 0.4rem; align-items: center; margin: 0 }
.row { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center }
table { width: 100%; border-collapse: collapse }
th { padding: 0.3rem 0.6rem; color: var(--quiet); font-size: 0.875rem; font-weight: 400; text-align: right; vertical-align: bottom }
td { padding: 0.35rem 0.6rem; border-top: 1px solid var(--line); text-align: right; vertical-align: middle }
td.zero { color: var(--quiet) }
th:first-child, td:first-child, .left { text-align: left }
tbody th { color: var(--ink); font-size: 1rem; font-weight: 600; border-top: 1px solid var(--line); vertical-align: middle }
tbody th small { display: block; font-weight: 400; color: var(--alert) }
td.money { min-width: 8.5rem; white-space: nowrap }
svg.bar { display: block; width: 100%; height: 0.4rem; border-radius: 0.2rem; background: var(--track) }
svg.bar .spent { fill: var(--bar) }
svg.bar .held { fill: var(--held) }
td.act { white-space: nowrap }
details { display: inline-block; text-align: left }
summary.button { display: inline-block; list-style: none }
summary.button::-webkit-details-marker { display: none }
details[open] > form { display: flex; margin-top: 0.4rem }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 1rem; padding: 0; margin: 0; list-style: none }
.pictures img { display: block; width: 100%; height: auto; aspect-ratio: 1; object-fit: contain; border-radius: 0.4rem; background: var(--card);
  color: var(--quiet); font-size: 0.8rem }
.pictures p { margin: 0.3rem 0 0; font-size: 0.875rem; line-height: 1.35 }
.pictures strong, .pictures time { display: block }
pre { margin: 0.5rem 0; padding: 0.9rem 1rem; border-radius: 0.5rem; background: var(--card); overflow-x: auto; overflow-wrap: normal;
  font: 0.95rem/1.55 ui-monospace, Consolas, monospace; user-select: all }
code { font-family: ui-monospace, Consolas, monospace; font-size: 0.95em }
ol.steps { padding-left: 1.4rem }
ol.steps > li { margin: 1rem 0; padding-left: 0.3rem }
#all, #live + form { display: block; margin-bottom: 1rem }
#live + form { margin-top: 1rem }
ul.plain { margin: 0; padding-left: 1.2rem }
footer { margin-top: 2.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line) }
@media (max-width: 56rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table, tbody { display: block }
  tbody tr { display: flex; flex-wrap: wrap; gap: 0.15rem 1rem; align-items: center; padding: 0.6rem 0; border-top: 1px solid var(--line) }
  tbody th, td { display: block; order: 3; padding: 0; border: 0; text-align: left; font-size: 0.9rem }
  tbody th { flex: 1 1 50%; order: 0 }
  td.act { order: 1 }
  td.money { flex: 1 1 100%; order: 2 }
  details[open] > form { white-space: normal }
  td[data-label]::before { content: attr(data-label) " "; color: var(--quiet); font-size: 0.875rem }
  td.zero { display: none }
}
"""
)

SCRIPT = (
    """
const part = document.getElementById("live"), said = document.getElementById("said");
const keep = () => {
  const active = document.activeElement;
  return {
    open: [...part.querySelectorAll("details[open]")].map((one) => one.id),
    typed: [...part.querySelectorAll("input[id]")].filter((one) => one.value !== one.defaultValue).map((one) => [one.id, one.value]),
    focus: part.contains(active) ? active.id : "",
  };
};
const restore = (kept) => {
  const find = (id) => id && document.getElementById(id);
  kept.open.forEach((id) => find(id) && (find(id).open = true));
  kept.typed.forEach(([id, value]) => find(id) && (find(id).value = value));
  find(kept.focus)?.focus({ preventScroll: true });
};
const shown = new Map();
// Only what has changed is replaced: pictures do not flicker, and nobody loses what is being typed.
const replace = (html) => {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  for (const section of [...fresh.content.children]) {
    const text = section.innerHTML, old = document.getElementById(section.id);
    if (old && shown.get(section.id) !== text) {
      const kept = keep();
      old.replaceWith(section);
      restore(kept);
    }
    shown.set(section.id, text);
  }
};
let isPressed = false;
addEventListener("pointerdown", () => (isPressed = true));
addEventListener("pointerup", () => setTimeout(() => (isPressed = false), 300));
const refresh = async () => {
  try {
    const answer = await fetch("?part", { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) return location.replace(location.pathname);
    if (!answer.ok) throw new Error(answer.status);
    const html = await answer.text();
    if (!isPressed) replace(html);
    if (said.textContent) said.textContent = "";
  } catch {
    const now = new Date().toLocaleTimeString();
    if (!said.textContent) said.textContent = `The server has not answered since ${now}. This page tries again by itself.`;
  }
};
if (part) {
  [...part.children].forEach((section) => shown.set(section.id, section.innerHTML));
  const again = async () => { if (!document.hidden) await refresh(); setTimeout(again, """
    + str(REFRESH_SECONDS * 1000)
    + """); };
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
  setTimeout(again, """
    + str(REFRESH_SECONDS * 1000)
    + """);
}
document.querySelectorAll("button[data-copy]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    getSelection().selectAllChildren(text);
    try { await navigator.clipboard.writeText(text.textContent); } catch { document.execCommand("copy"); }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  });
});
"""
)

POLICY = (
    f"default-src 'none'; img-src 'self' data:; style-src '{source_hash(STYLE)}'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'"
)
"""The content security policy of the pages, beside their script's hash."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; script-src '{source_hash(SCRIPT)}'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""Of each answer."""


@dataclass(frozen=True, slots=True)
class PictureItem:
    """A picture in a list, by the query that fetches its preview.

    Attributes:
        uuid: of the picture.
        student: who made it.
        prompt: what was asked for.
        created: when, in seconds since 1970.
    """

    uuid: str
    student: str
    prompt: str
    created: float


@dataclass(frozen=True, slots=True)
class StudentState:
    """What a student sees of the own account; money in micro-dollars."""

    name: str
    budget: int
    spent: int
    held: int
    left: int
    paused: bool
    at_work: int
    places: Sequence[int]
    waiting_in_all: int
    pictures: Sequence[PictureItem]


@dataclass(frozen=True, slots=True)
class ClassState:
    """What the teacher sees.

    Attributes:
        name: of the class.
        report: as :meth:`~nbkit.classroom.roster.Classroom.report` makes it.
        account: of all together.
        total: the most that all may spend, in micro-dollars, or ``None``.
        rules: the policy in sentences.
        latencies: of the tasks that ended lately, in seconds.
        waiting: how many tasks wait.
        pictures: the newest ones.
        is_offline: whether prices are list prices and no money.
        form_token: for the forms.
        now: seconds since 1970.
    """

    name: str
    report: pd.DataFrame
    account: Account
    total: int | None
    rules: Sequence[str]
    latencies: Sequence[float]
    waiting: int
    pictures: Sequence[PictureItem]
    is_offline: bool
    form_token: str
    now: float


# -- the page for students -------------------------------------------------------------------------------------


def start_page(name: str, address: str, state: str = "", message: str = "") -> str:
    """The page that tells a student what to type.

    Args:
        name: of the class.
        address: of the server.
        state: what :func:`student_part` made, for a student who is logged in.
        message: what was wrong with a key.
    """
    cell = escape(first_cell(address))
    shell = escape(f'export NBKIT_ENGINE="{_engine_line(address)}"\nread -rs NBKIT_KEY && export NBKIT_KEY')
    power = escape(
        f'$env:NBKIT_ENGINE = "{_engine_line(address)}"\n$env:NBKIT_KEY = [Net.NetworkCredential]::new("", (Read-Host -AsSecureString "key")).Password'
    )
    told = f'<p class="notice alert" role="alert">{escape(message)}</p>' if message else ""
    own = (
        f'<div id="live">{state}</div>'
        '<form method="post"><input type="hidden" name="do" value="logout"><button>Forget my key on this page</button></form>'
        if state
        else "<p>Type the key from your slip to see what you have left, your place in the queue, and your last pictures.</p>"
        f"{told}"
        '<form method="post"><label for="key">Key</label>'
        '<input id="key" name="key" type="password" autocomplete="off" autocapitalize="none" spellcheck="false" required maxlength="200">'
        '<button class="main">Show</button></form>'
    )
    own = f'<h2>Your own state</h2>{own}<p id="said" class="notice" role="status"></p>'
    steps = f"""<ol class="steps">
<li>Paste this into the first cell of your notebook and run it.
<pre id="cell" tabindex="0">{cell}</pre>
<button type="button" data-copy="cell" hidden>Copy</button></li>
<li>Type the key from your slip where it asks for <code>key:</code>. It stays out of the notebook.</li>
<li>Write a prompt in the panel, and press <strong>Generate</strong>.</li>
</ol>
<details><summary>Or set both before Jupyter starts</summary>
<p>Then a notebook needs only the last three lines. In a shell:</p><pre tabindex="0">{shell}</pre><p>In PowerShell:</p><pre tabindex="0">{power}</pre></details>
<h2>The server is away?</h2>
<p>Go on without it: pictures are then drawn on your own machine, and nothing is spent.</p>
<pre tabindex="0">studio = nbkit.Studio(engine="offline")</pre>"""
    told = f"{own}<h2>What to type</h2>{steps}" if state else f"{steps}{own}"
    body = f"""<main>
<header><h1>{escape(name)}</h1></header>
{told}
<footer class="small quiet"><a href="teacher">For the teacher</a></footer>
</main>"""
    return _page(name, body, "narrow", refreshes=bool(state))


def _engine_line(address: str) -> str:
    return next(line.split('"')[3] for line in first_cell(address).splitlines() if "NBKIT_ENGINE" in line)


def student_part(state: StudentState) -> str:
    """What a student has left, and what is under way: the part of the page that refreshes itself."""
    lines = []
    if state.paused:
        lines.append('<p class="notice alert">The teacher has paused your key. Ask in class.</p>')
    lines.append(
        f"<p><strong>{escape(state.name)}</strong>: {usd(state.left)} left of {usd(state.budget)}"
        f"{f', {usd(state.held)} held for pictures under way' if state.held else ''}.</p>"
        f"{_bar(state.spent, state.held, state.budget)}"
    )
    if state.left < min(state.budget - state.spent - state.held, state.budget):
        lines.append('<p class="small quiet">The class as a whole has no more than that left.</p>')
    if state.at_work:
        lines.append(f"<p>{count(state.at_work, 'task')} of yours at work.</p>")
    if state.places:
        places = ", ".join(map(str, state.places[:10])) + (", …" if state.places[10:] else "")
        where = f"place {places}" if len(state.places) == 1 else f"places {places}"
        lines.append(f"<p>{count(len(state.places), 'task')} of yours waiting: {where} of {state.waiting_in_all}.</p>")
    if not (state.at_work or state.places):
        lines.append('<p class="quiet">Nothing of yours is waiting.</p>')
    shown = f"<h2>Your last pictures</h2>{_pictures(state.pictures, has_names=False)}" if state.pictures else ""
    return f'<section id="state">{"".join(lines)}</section><section id="own">{shown}</section>'


# -- the teacher's page ----------------------------------------------------------------------------------------


def login_page(name: str, message: str = "") -> str:
    """Asks for the teacher's key.

    Args:
        name: of the class.
        message: what was wrong with the last one.
    """
    told = f'<p class="notice alert" role="alert">{escape(message)}</p>' if message else ""
    body = f"""<main>
<header><h1>{escape(name)}: teacher</h1></header>
<p>The key is in the file <code>teacher-key.txt</code> of the class's folder, on the machine that serves.</p>
{told}
<form method="post"><label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus maxlength="200">
<button class="main">Log in</button></form>
</main>"""
    return _page(f"{name}: teacher", body, "narrow")


def teacher_page(state: ClassState, message: str = "") -> str:
    """The whole page.

    Args:
        state: of the class.
        message: what the last press did.
    """
    told = f'<p class="notice" role="status">{escape(message)}</p>' if message else ""
    token = _token(state.form_token)
    body = f"""<main>
<header><h1>{escape(state.name)}</h1>
<form method="post">{token}<button name="do" value="logout">Log out</button></form></header>
{told}
<p id="said" class="notice alert" role="status"></p>
<div id="live">{teacher_part(state)}</div>
</main>"""
    return _page(state.name, body, refreshes=True)


def teacher_part(state: ClassState) -> str:
    """The part of the page that refreshes itself."""
    return "\n".join(
        f'<section id="{name}">{html}</section>'
        for name, html in (
            ("stuck", _stuck(state.report)),
            ("facts", _facts(state)),
            ("all", _for_all(state)),
            ("table", _table(state)),
            ("newest", _newest(state)),
            ("rules", _rules(state.rules)),
        )
    )


def _facts(state: ClassState) -> str:
    account, limit = state.account, state.total
    budgets = round(float(state.report["budget"].sum()) * MICRO)
    limit = budgets if limit is None else min(limit, budgets)
    seconds = pd.Series(state.latencies, dtype="float64")
    times = f"{seconds.median():.1f} s" if len(seconds) else "—"
    slow = f"95 % within {seconds.quantile(0.95):.1f} s" if len(seconds) else "no picture in the last 5 minutes"
    at_work = int(state.report["at work"].sum())
    connected = int(state.report["last"].notna().sum())
    presses = int(state.report["presses"].sum())
    kind = "list prices, nothing is charged" if state.is_offline else "real money"
    held = f"{usd_short(account.held)} held, " if account.held else ""
    spent = (
        f"{usd_short(account.spent)}{_bar(account.spent, account.held, limit)}</dd>"
        f'<dd class="quiet">of {usd_short(limit)}; {held}{kind}'
    )
    parts = (
        ("Spent", spent),
        ("Students", f'{connected}</dd><dd class="quiet">of {len(state.report)} have connected'),
        ("Pictures", f'{int(state.report["pictures"].sum()):,}</dd><dd class="quiet">of {count(presses, "task")}'),
        ("A picture takes", f'{times}</dd><dd class="quiet">{slow}'),
        ("Waiting", f'{state.waiting:,}</dd><dd class="quiet">and {at_work:,} at work'),
    )  # fmt: skip
    return f'<dl class="facts">{"".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in parts)}</dl>'


def _stuck(report: pd.DataFrame) -> str:
    cards = [
        f"<li><strong>{escape(row['student'])}</strong><span>{escape(row['trouble'])}</span></li>"
        for row in report.to_dict("records")
        if row["trouble"] not in ("", NEVER, PAUSED)
    ]
    heading = f"<h2>{_needs(len(cards))}</h2>"
    found = f'<ul class="stuck">{"".join(cards)}</ul>' if cards else ""
    for trouble, told in ((NEVER, "Not connected yet"), (PAUSED, "Paused")):
        names = [str(name) for name in report.loc[report["trouble"] == trouble, "student"]]
        if names:
            found += (
                f'<p class="small"><span class="quiet">{told} ({len(names)}):</span> {escape(", ".join(names))}</p>'
            )
    return heading + found


def _needs(number: int) -> str:
    if not number:
        return "Nobody is stuck"
    return f"{count(number, 'student')} may be stuck"


def _for_all(state: ClassState) -> str:
    token = _token(state.form_token)
    return (
        '<h2>Students</h2><div class="row">'
        f'<form method="post">{token}<button id="pause-all" name="do" value="pause-all">Pause all</button>'
        '<button id="resume-all" name="do" value="resume-all">Resume all</button></form>'
        f'<form method="post">{token}<label for="raise-all">Raise every budget by $</label>'
        '<input id="raise-all" name="usd" type="number" min="0.01" max="1000" step="0.01" value="0.25" required>'
        '<button id="raise-all-button" name="do" value="raise-all">Raise</button></form></div>'
    )


_COUNTS = ("presses", "pictures", "blocked", "failed", "waiting", "at work")


def _table(state: ClassState) -> str:
    heads = "".join(f'<th scope="col">{name}</th>' for name in _COUNTS)
    rows = "".join(
        _table_row(row, number, state.form_token, state.now)
        for number, row in enumerate(state.report.to_dict("records"))
    )
    return (
        f'<table><thead><tr><th scope="col">student</th><th scope="col" class="left">left</th>{heads}'
        '<th scope="col">seconds</th><th scope="col">seen</th><th scope="col">change</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _table_row(row: dict[Any, Any], number: int, form_token: str, now: float) -> str:
    name, is_paused = str(row["student"]), row["trouble"] == PAUSED
    micros = {one: round(row[one] * MICRO) for one in ("spent", "held", "budget", "left")}
    trouble = f"<small>{escape(row['trouble'])}</small>" if row["trouble"] not in ("", NEVER) else ""
    counts = "".join(
        f'<td data-label="{one}"{"" if row[one] else " class=zero"}>{int(row[one]):,}</td>' for one in _COUNTS
    )
    seconds = "" if pd.isna(row["seconds"]) else f"{row['seconds']:.1f}"
    seen = "" if pd.isna(row["last"]) else _ago(now - row["last"].timestamp())
    hidden = f'{_token(form_token)}<input type="hidden" name="student" value="{escape(name)}">'
    verb = "resume" if is_paused else "pause"
    money = f"{usd_short(micros['left'])} <span class='quiet small'>of {usd_short(micros['budget'])}</span>"
    return (
        f'<tr><th scope="row">{escape(name)}{trouble}</th>'
        f'<td class="money left">{money}{_bar(micros["spent"], micros["held"], micros["budget"])}</td>{counts}'
        f'<td data-label="seconds"{"" if seconds else " class=zero"}>{seconds}</td>'
        f'<td data-label="seen"{"" if seen else " class=zero"}>{seen}</td>'
        f'<td class="act"><form method="post">{hidden}<button id="pause-{number}" name="do" value="{verb}"'
        f' aria-label="{verb.capitalize()} {escape(name)}">{verb.capitalize()}</button></form> '
        f'<details id="budget-{number}"><summary class="button" id="open-{number}" aria-label="Budget of {escape(name)}">Budget</summary>'
        f'<form method="post">{hidden}$<input id="usd-{number}" name="usd" type="number" min="0" max="1000000" step="0.01" '
        f'value="{row["budget"]:.2f}" aria-label="Budget of {escape(name)} in USD" required>'
        f'<button id="set-{number}" name="do" value="budget">Set</button></form></details></td></tr>'
    )


def _newest(state: ClassState) -> str:
    if not state.pictures:
        return ""
    return f"<h2>Newest pictures</h2>{_pictures(state.pictures, has_names=True)}"


def _rules(rules: Sequence[str]) -> str:
    lines = "".join(f"<li>{escape(rule)}</li>" for rule in rules)
    how = "<code>python -m nbkit class policy --help</code> lists what can be changed, also while the server runs."
    return f'<h2>Rules</h2><ul class="plain">{lines}</ul><p class="small quiet">{how}</p>'


# -- parts -----------------------------------------------------------------------------------------------------


def _page(title: str, body: str, kind: str = "", *, refreshes: bool = False) -> str:
    head = f'<noscript><meta http-equiv="refresh" content="{PLAIN_REFRESH_SECONDS}"></noscript>\n' if refreshes else ""
    page = page_html(title, body, STYLE, SCRIPT, policy=POLICY, head=f'<link rel="icon" href="data:,">\n{head}')
    return page.replace("<body>", f'<body class="{kind}">', 1) if kind else page


def _token(form_token: str) -> str:
    return f'<input type="hidden" name="token" value="{escape(form_token)}">'


def _bar(spent: int, held: int, limit: int) -> str:
    """How much of a budget is spent and held. A style attribute would need a weaker policy, so it is a drawing."""
    whole = max(limit, spent + held, 1)
    first, second = 100 * spent / whole, 100 * held / whole
    label = f"{usd(spent)} spent, {usd(held)} held, of {usd(limit)}"
    return (
        f'<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<rect class="spent" width="{first:.2f}" height="4"/><rect class="held" x="{first:.2f}" width="{second:.2f}" height="4"/></svg>'
    )


def _pictures(pictures: Sequence[PictureItem], *, has_names: bool) -> str:
    now = time.time()
    items = "".join(
        f'<li><img src="?picture={escape(one.uuid)}" alt="{escape(ellipsis(one.prompt, 200))}" loading="lazy" width="192" height="192">'
        f"<p>{f'<strong>{escape(one.student)}</strong>' if has_names else ''}{escape(ellipsis(one.prompt, 90))} "
        f'<time class="quiet" datetime="{datetime.fromtimestamp(one.created, UTC):%Y-%m-%dT%H:%M:%SZ}">{_ago(now - one.created)}</time></p></li>'
        for one in pictures
    )
    return f'<ul class="pictures">{items}</ul>'


def _ago(seconds: float) -> str:
    """How long ago, in few steps, so that a page does not change for each second."""
    for limit, unit, name in ((60, 60, ""), (3600, 60, "min"), (86_400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name} ago" if name else "just now"
    return f"{int(seconds // 86_400)} d ago"
