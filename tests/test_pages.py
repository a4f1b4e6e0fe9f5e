"""Every whole page that nbkit writes has a content security policy, under which nothing is loaded and nothing runs."""

import ast
import re
from pathlib import Path

import pytest

import nbkit
from nbkit.display.page import POLICY, page_html
from nbkit.offline.failures import _HTML_PAGE

ROOT = Path(nbkit.__file__).parent
HOSTILE = '<script src="https://evil.example/x.js"></script><img src="https://evil.example/i.png" onerror=alert(1)>'


def exported(studio, folder):
    """The page of an export."""
    return (studio.log.export(folder / "out") / "index.html").read_text("utf-8")


def exported_rows(studio, folder):
    """The page of an export of some rows, without the originals."""
    return (studio.log.export(folder / "some", studio.df.head(1), originals=False) / "index.html").read_text("utf-8")


def saved_grid(studio, folder):
    """A sweep's page."""
    result = studio.sweep(HOSTILE, seed=[1, 2], name=HOSTILE).start().wait()
    return result.save_html(folder / "grid.html").read_text("utf-8")


def gateway(_studio, _folder):
    """The page of the engine's fault that stands for a proxy."""
    return _HTML_PAGE.decode()


@pytest.mark.parametrize("make", [exported, exported_rows, saved_grid, gateway])
def test_a_page_has_the_policy_before_anything_of_a_prompt(tmp_path, make):
    """As the first thing in its head after the encoding, so that it holds for the whole page."""
    studio = nbkit.Studio(engine="offline", path=tmp_path / "runs")
    studio.generate(HOSTILE, seed=1, resolution="0.5K")
    page = make(studio, tmp_path)
    studio.close()
    head = re.sub(r"\s*\n\s*", "", page)
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    assert head.startswith(f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">{policy}')
    assert page.count("Content-Security-Policy") == 1
    assert "<script" not in page
    assert not re.search(r'<[^>]*(src|href)="(?!data:image/|images/)', page)


def test_a_policy_forbids_what_is_not_in_the_file():
    """Scripts, frames, forms, fonts, connections and other hosts' pictures; only inline styles and data URIs are left."""
    rules = dict(rule.split(maxsplit=1) for rule in POLICY.split("; "))
    assert rules == {
        "default-src": "'none'", "img-src": "data:", "style-src": "'unsafe-inline'", "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip


def test_a_title_is_text():
    """Not markup."""
    assert "<title>&lt;b&gt;</title>" in page_html("<b>", "")


def test_no_other_module_writes_a_page():
    """The tags of a whole page are in one module, so that a new page has the policy too."""
    writers = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = (
                node.value.decode("latin-1")
                if isinstance(getattr(node, "value", None), bytes)
                else getattr(node, "value", "")
            )
            if (
                isinstance(node, ast.Constant)
                and isinstance(text, str)
                and re.search(r"<(!doctype html>|html[ >]|head>|iframe\b)", text, re.IGNORECASE)
            ):
                writers.add(path.relative_to(ROOT).as_posix())
    assert writers == {"display/page.py"}
