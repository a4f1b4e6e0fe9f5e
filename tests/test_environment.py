"""Variables of the environment for connections: each works, or is named in an error that says what to type."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import certifi
import pytest
from service import Service

import nbkit
from nbkit import errors
from nbkit.__main__ import main
from nbkit.offline.delivery import Delivery
from nbkit.offline.webhook_sender import WebhookSender
from nbkit.service.client import Client
from nbkit.service.environment import tls_context

TLS_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")
SECRET = "canary-5d1e"

BAD = [
    *[(name, value) for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "https_proxy") for value in (
        f"gopher://me:{SECRET}@proxy.example", "http://[::1", "http://", "http://a b:80", "http://proxy.example:99999",
        "proxy.example:0", "socks5://proxy.example:1080",
    )],
    ("SSL_CERT_FILE", "nowhere.pem"), ("SSL_CERT_FILE", "."), ("SSL_CERT_FILE", __file__),
    ("SSL_CERT_DIR", "nowhere"), ("SSL_CERT_DIR", __file__), ("SSL_CERT_DIR", os.pathsep.join(("nowhere", "neither"))),
    ("SSLKEYLOGFILE", "nowhere/keys.txt"), ("SSLKEYLOGFILE", "."),
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_tls_variables(monkeypatch):
    """Neither certificates nor a key log of the machine that runs the tests."""
    for name in TLS_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_an_unusable_variable_is_named(monkeypatch, name, value):
    """In a ConfigurationError of Studio(), which has what to type and no password; nothing else is raised."""
    monkeypatch.setenv(name, value)
    with pytest.raises(errors.ConfigurationError) as caught:
        nbkit.Studio(engine="runware", api_key="k")
    text = str(caught.value)
    assert name in text
    assert f"del os.environ[{name!r}]" in text
    assert SECRET not in text + repr(vars(caught.value))
    assert SECRET not in repr(caught.value.__context__)


@pytest.mark.parametrize(("name", "value"), BAD)
def test_the_offline_engine_reads_no_such_variable(monkeypatch, name, value):
    """It works with each of them, since it opens no connection."""
    monkeypatch.setenv(name, value)
    studio = nbkit.Studio(engine="offline")
    assert studio.generate("A lantern", resolution="0.5K", seed=1).status == "done"
    studio.close()


@pytest.mark.parametrize(("name", "value"), [("HTTPS_PROXY", "gopher://x"), ("SSL_CERT_FILE", "nowhere.pem")])
def test_a_command_prints_the_name_of_the_variable(monkeypatch, capsys, name, value):
    """`recover` ends with status 1 and one line, and no traceback."""
    nbkit.Studio(engine="offline").close()
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("RUNWARE_API_KEY", "k")
    assert main(["recover", "--log", "nbkit-runs", "--engine", "runware"]) == 1
    printed = capsys.readouterr()
    assert name in printed.err
    assert printed.out == ""


@pytest.mark.parametrize("name", TLS_VARIABLES[:1] + TLS_VARIABLES[2:])
def test_a_webhook_that_cannot_be_sent_names_the_variable(monkeypatch, caplog, service, name):
    """The served engine logs it, instead of the name of a Python error."""
    monkeypatch.setenv(name, "nowhere/file")
    sender = WebhookSender(allow_private=True)
    with caplog.at_level(logging.WARNING):
        sender(Delivery("webhook", service.origin.replace("http:", "https:") + "/hook", b"{}", "application/json"))
        sender.close(5)
    assert name in caplog.text


RANGES = [
    "2001:db8::/32",
    "fe80::/10,2001:db8::/64",
    " 10.0.0.0/8 , 2001:db8::5/128",
    "2001:db8::5",
    "[2001:db8::5]",
    "*",
]


@pytest.mark.parametrize("excepted", ["", "fe80::/10", "10.0.0.0/8", "2001:db9::/32", *RANGES])
def test_a_range_of_addresses_is_reached_without_a_proxy(monkeypatch, excepted):
    """IPv6 and IPv4 ranges, single addresses, with and without brackets; other addresses go through the proxy."""
    with Service() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", excepted)
        client = Client("http://[2001:db8::5]/v1", timeout=3)
        with pytest.raises(errors.EngineError):
            client.balance()
        client.close()
        assert bool(proxy.received) is (excepted not in RANGES)


@pytest.mark.parametrize(
    "excepted",
    ["::/0", "fe80::/10", "[::1]:80", ":::", "a:b:c", "http://[::1", "a b", ",, ,", "☃", "é.example", "x/y/z", "%", "[", "1.2.3.4/99"],
)  # fmt: skip
def test_whatever_no_proxy_holds_a_client_can_be_made(monkeypatch, excepted):
    """A name that is none matches no host, and the other names still count."""
    with Service() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.origin)
        monkeypatch.setenv("NO_PROXY", f"{excepted},direct.invalid")
        for host, is_proxied in (("proxied.invalid", True), ("direct.invalid", False)):
            before = len(proxy.received)
            client = Client(f"http://{host}/v1", timeout=3)
            with pytest.raises(errors.EngineError):
                client.balance()
            client.close()
            assert (len(proxy.received) > before) is is_proxied


def test_a_key_log_and_certificates_that_can_be_used_are_used(monkeypatch, tmp_path):
    """The variables keep their meaning: in a process of its own, as the file of keys is opened once."""
    code = "import ssl; from nbkit.service.environment import tls_context as t; print(t().keylog_filename, t().cert_store_stats()['x509_ca'])"
    (tmp_path / "one.pem").write_text(_certificate())
    given = {"SSLKEYLOGFILE": str(tmp_path / "keys.txt"), "SSL_CERT_FILE": str(tmp_path / "one.pem")}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [given["SSLKEYLOGFILE"], "1"]


def test_certificates_are_read_once_until_their_file_or_its_variable_changes(monkeypatch, tmp_path):
    """All studios share what was read; a file that is written again, or another one, is read."""
    file = tmp_path / "one.pem"
    file.write_text(_certificate())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    first = tls_context()
    assert tls_context() is first
    file.write_text(_certificate() + "\n")
    second = tls_context()
    assert second is not first
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    assert tls_context().cert_store_stats()["x509_ca"] > second.cert_store_stats()["x509_ca"] == 1


def _certificate():
    """One certificate of the list that comes with httpx."""
    text = Path(certifi.where()).read_text("utf-8")
    start = text.index("-----BEGIN")
    return text[start : text.index("-----END", start)] + "-----END CERTIFICATE-----\n"
