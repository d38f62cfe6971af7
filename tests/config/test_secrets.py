"""Secrets: read as files and variables carry them, refused by place and character, and shown nowhere in any form."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from functools import cache
from urllib.parse import quote, quote_plus

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kamsync.pem import rsa_private_key
from tests.config.desk import GOOD, Folder

CANARY = "canary+Secret/0123=ab&c<d>'e"
JWT = """\
[crm]
kind = "salesforce"
[crm.salesforce]
auth = "jwt_bearer"
login_url = "http://127.0.0.1:9"
client_id = "an id"
username = "agent@example.com"
private_key = { env = "KEY" }
"""


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(style: serialization.PrivateFormat = serialization.PrivateFormat.PKCS8, password: bytes = b"") -> str:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return rsa_key().private_bytes(serialization.Encoding.PEM, style, encryption).decode()


def public_pem() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key().public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def curve_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def curve_pkcs8() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@pytest.mark.parametrize(
    "text", [CANARY, CANARY + "\n", CANARY + "\r\n", "\ufeff" + CANARY, "\ufeff" + CANARY + "\r\n\r\n", " " + CANARY]
)
def test_what_surrounds_a_secret_is_no_part_of_it(folder: Folder, text: str) -> None:
    folder.write(GOOD.replace('{ env = "TOKEN" }', '{ file = "secret" }'))
    folder.write(text, "secret")
    assert folder.load().code == 0
    folder.write(GOOD)
    assert folder.load(TOKEN=text).code == 0


@pytest.mark.parametrize(
    ("bad", "named", "command"),
    [
        ("\n", "U+000A", "facts"),
        ("\r\n", "U+000D", "doctor"),
        ("\u200b", "U+200B (ZERO WIDTH SPACE)", "pull"),
        ("\ufeff", "U+FEFF", "sync"),
        ("\u00a0", "U+00A0 (NO-BREAK SPACE)", "facts"),
        ("\u2028", "U+2028", "doctor"),
        ("\x1b", "U+001B (ESC)", "pull"),
        ("é", "U+00E9", "sync"),
        ("ł", "U+0142", "facts"),
        ("\x85", "U+0085", "doctor"),
    ],
)
@pytest.mark.parametrize("way", ["env", "file"])
def test_what_no_header_can_carry_is_named_by_its_place_and_the_secret_is_not_shown(
    folder: Folder, bad: str, named: str, command: str, way: str
) -> None:
    token = f"{CANARY[:9]}{bad}{CANARY[9:]}"
    folder.write(GOOD.replace('{ env = "TOKEN" }', '{ file = "secret" }') if way == "file" else GOOD)
    folder.write(token, "secret")
    told = folder.run(command, "--config", "config.toml", TOKEN=token)
    # The lines of a file end in one way once it is read.
    name = "U+000A" if way == "file" and bad in ("\r\n", "\x85") else named
    assert told.code == 2 and name in told.err and "character 10" in told.err and "config.toml:6" in told.err, told
    shown = told.out + told.err
    assert CANARY[:9] not in shown and CANARY[9:] not in shown and "bug" not in shown


def test_a_password_may_hold_what_people_type(folder: Folder) -> None:
    folder.write(
        GOOD[: GOOD.index("[crm]")]
        + '[crm]\nkind = "salesforce"\n[crm.salesforce]\nauth = "password"\nlogin_url = "https://acme.my.salesforce.com"\n'
        'username = "a@b.example"\npassword = { env = "PASSWORD" }\n' + GOOD[GOOD.index("[[tiers]]") :]
    )
    assert folder.load(PASSWORD="pässwört mit Łeerzeichen €").code == 0
    assert "U+200B" in folder.refused(PASSWORD="pass\u200bword")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff\xfec\x00a\x00n\x00", "UTF-16"),
        ("canaryé".encode("latin-1"), "UTF-8"),
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"x" * 200_000, "larger than"),
        (b"\x30\x82\x04\xa4\x02\x01\x00", "NUL"),
    ],
)
def test_a_secret_file_that_is_none_is_told(folder: Folder, data: bytes, said: str) -> None:
    folder.write(GOOD.replace('{ env = "TOKEN" }', '{ file = "secret" }'))
    folder.write(data, "secret")
    message = folder.refused()
    assert said in message and "config.toml:6" in message


@pytest.mark.parametrize(
    "value", ['"canary-inline"', "5", "[]", "{}", "{ env = 5 }", '{ env = "" }', '{ vault = "x" }', "{ env = {} }"]
)
def test_a_secret_that_is_no_reference_is_refused_and_not_shown(folder: Folder, value: str) -> None:
    folder.write(GOOD.replace('{ env = "TOKEN" }', value))
    message = folder.refused()
    assert "config.toml:6" in message and "canary-inline" not in message


def sign_in(folder: Folder, key: str) -> str:
    """What doctor says of a sign-in with this key, at an address where nobody answers."""
    folder.write(GOOD[: GOOD.index("[crm]")] + JWT + GOOD[GOOD.index("[[tiers]]") :])
    told = folder.run("doctor", KEY=key)
    shown = told.out + told.err
    assert "bug" not in shown and "Traceback" not in shown, shown
    for line in key.replace("\\n", "\n").splitlines():
        assert len(line) < 20 or "-----" in line or line not in shown
    return shown


def test_a_private_key_is_read_however_its_line_ends_were_kept(folder: Folder) -> None:
    key = pem()
    forms = (
        key,
        key.replace("\n", "\\n"),
        key.replace("\n", "\r\n"),
        key.replace("\n", "\\r\\n"),
        key.replace("\n", " "),
        f'"{key.strip()}"',
        f"some words before\n{key}\n",
    )
    assert {rsa_private_key(form, "private_key") for form in forms} == {key}
    # Past the key, the sign-in meets an address where nobody answers.
    assert "127.0.0.1" in sign_in(folder, key.replace("\n", "\\n"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (public_pem, "public key"),
        (lambda: pem(password=b"a passphrase"), "encrypted with a passphrase"),
        (lambda: pem(serialization.PrivateFormat.TraditionalOpenSSL, b"a passphrase"), "encrypted with a passphrase"),
        (curve_pem, "elliptic curve"),
        (curve_pkcs8, "no RSA key"),
        (lambda: pem()[:600], "cut off"),
        (lambda: pem().replace("M", "", 3), "damaged"),
        (lambda: pem(serialization.PrivateFormat.OpenSSH), "OpenSSH"),
        (lambda: pem().replace("PRIVATE KEY", "CERTIFICATE"), "certificate"),
        (lambda: "/etc/kamsync/key.pem", "not a private key"),
        (lambda: pem().replace("\n", "\n\u200b", 1), "U+200B"),
        (lambda: "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none", "PuTTY"),
    ],
)
def test_another_thing_than_a_private_key_is_called_what_it_is(folder: Folder, make: object, said: str) -> None:
    assert callable(make)
    assert said in sign_in(folder, make())


# Every form of the secret by every way out, each way in a process of its own that ends as a command ends.
ECHO = """
import atexit, base64, gc, html, json, logging, os, sys, threading, warnings
from pathlib import Path
from urllib.parse import quote, quote_plus
import kamsync.cli as cli, kamsync.cli.app as app
from kamsync.cli.console import say, show, show_json
from kamsync.config import load_config
from kamsync.plugins import load_connector

load_connector("hubspot")  # once for all of them
atexit.register(gc.freeze)  # as kamsync itself ends
FORMS = {
    "value": lambda t: "Bearer " + t, "repr": repr, "bytes": lambda t: repr(t.encode()), "json": json.dumps, "xml": html.escape,
    "url": lambda t: quote(t, safe=""), "path": quote, "form": quote_plus,
    "lower": lambda t: quote(t, safe="").replace("%2B", "%2b").replace("%2F", "%2f").replace("%3D", "%3d").replace("%3C", "%3c")
    .replace("%3E", "%3e"),
    "basic": lambda t: base64.b64encode(("user:" + t).encode()).decode(),
    "base64": lambda t: base64.b64encode(t.encode()).decode(), "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "hex": lambda t: t.encode().hex(), "HEX": lambda t: t.encode().hex().upper(),
    "url of a url": lambda t: quote(quote(t, safe=""), safe=""),
    "all of it": lambda t: "".join(f"%{b:02X}" for b in t.encode()),
    "unicode": lambda t: "".join(f"\\\\u{ord(c):04x}" for c in t),
    "bytes of bytes": lambda t: "".join(f"\\\\\\\\x{b:02x}" for b in t.encode()),
    "entities": lambda t: "".join(f"&#{ord(c)};" for c in t), "hex entities": lambda t: "".join(f"&#x{ord(c):X};" for c in t),
    "some of it": lambda t: "".join(c if i % 3 else f"%{ord(c):02x}" for i, c in enumerate(t)),
    "quoted-printable": lambda t: t.replace("=", "=3D"), "of one server": lambda t: "".join(f"%u{ord(c):04X}" for c in t),
    "braces": lambda t: "".join(f"\\\\u{{{ord(c):x}}}" for c in t),
    "doubled": lambda t: t.replace("'", "''"), "its beginning": lambda t: t[:-3] + "…", "its end": lambda t: "…" + t[3:],
    "lines": lambda t: "\\n".join((t[:9], t[9:])), "escaped lines": lambda t: repr("\\r\\n".join((t[:5], t[5:]))),
    "lines of base64": lambda t: "\\n".join(map("".join, zip(*[iter(base64.b64encode(t.encode()).decode() + "===")] * 4))),
}

def leave(way, form):
    if way == "say": say(form)
    if way == "show": show(form)
    if way == "json": show_json({"a": form, form: 1})
    if way == "log": logging.warning("sent %s", form)
    if way == "warning": warnings.warn(form)
    if way == "error": raise cli.KamsyncError(form, fix=form)
    if way == "bug": raise ValueError(form)
    if way == "system": raise PermissionError(13, form, form)
    if way == "thread":
        def fail(): raise ValueError(form)
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
    if way == "chain":
        try: raise ValueError(form)
        except ValueError as error: raise KeyError(form) from error

WAYS = ("say", "show", "json", "log", "warning", "error", "bug", "thread", "system", "chain")
for way in WAYS:
    for debug in ([], ["--debug"]):
        sys.stdout.write(f"\\n== {way} {debug}\\n")
        sys.stdout.flush()
        if os.fork() == 0:
            def build():
                def command(**_):
                    token = load_config(Path("config.toml")).settings["access_token"].reveal()
                    leave(way, " | ".join(make(token) for make in FORMS.values()))
                return command
            app.build_app = build
            sys.argv = ["kamsync", "x", *debug]
            cli.main()
        os.wait()
"""


def test_a_secret_leaves_in_no_form_by_no_way(folder: Folder) -> None:
    folder.write(GOOD)
    told = subprocess.run(
        [sys.executable, "-c", ECHO],
        cwd=folder.path,
        env={"TOKEN": CANARY, "PATH": "", "PYTHONPATH": ":".join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    ).stdout
    parts = told.split("\n== ")[1:]
    assert len(parts) == 10 * 2
    forms = [CANARY, repr(CANARY), quote(CANARY, safe=""), quote_plus(CANARY), json.dumps(CANARY)[1:-1], CANARY[6:20]]
    forms += [base64.b64encode(b"\0" * before + CANARY.encode()).decode()[4:-4] for before in range(3)]
    for part in parts:
        assert part.count("redacted") >= 30, part
        assert not [form for form in forms if form in part], part
        assert CANARY[12:18] not in part and CANARY[12:18].encode().hex() not in part, part


def test_an_address_with_a_password_is_refused_without_it(folder: Folder) -> None:
    for url in ("https://user:canary-pw@acme.example", "https://user:canary-pw@acme.example:port", "https://user:canary-pw@"):
        folder.write(GOOD.replace("[crm.hubspot]", f'[crm.hubspot]\nbase_url = "{url}"'))
        told = folder.run("doctor")
        assert told.code in (1, 2) and "canary-pw" not in told.out + told.err, told
