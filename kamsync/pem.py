"""Private keys as people hand them over: PEM text whose line ends went through an environment variable, a form or an editor.

What is no RSA private key that can be used as it is, is called what it is, so that nobody looks for the mistake in the CRM.
Nothing of the key enters a message.
"""

from __future__ import annotations

import re

from kamsync.errors import ConfigError

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)
_LINE_LENGTH = 64  # RFC 7468 §2
_PKCS8 = "Give the file that begins with -----BEGIN PRIVATE KEY-----, as { file = “…” }."
# What else begins with -----BEGIN, and what to do about it.
_OTHERS = {
    "PUBLIC KEY": ("is a public key, not the private one", _PKCS8),
    "RSA PUBLIC KEY": ("is a public key, not the private one", _PKCS8),
    "CERTIFICATE": ("is a certificate, not the private key that belongs to it", _PKCS8),
    "CERTIFICATE REQUEST": ("is a certificate request, not the private key", _PKCS8),
    "EC PRIVATE KEY": ("is a key on an elliptic curve; an RSA key is needed", "Make one: openssl genrsa -out key.pem 2048"),
    "OPENSSH PRIVATE KEY": (
        "is a private key in OpenSSH's own form",
        "Convert a copy of it: ssh-keygen -p -m PKCS8 -N '' -f COPY",
    ),
}
_ENCRYPTED = (
    "is encrypted with a passphrase, which nobody is here to type",
    "Take the passphrase off a copy: openssl pkey -in key.pem -out plain.pem, and keep that file at mode 600.",
)


def pem_text(text: str) -> str:
    """PEM with its line ends restored: a literal `\\n`, CR LF, or everything on one line. Anything else as it was."""
    meant = text.replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n") if "-----BEGIN" in text else text
    found = _BLOCK.search(meant)
    if found is None:
        return meant.strip()
    kind, inside = found.groups()
    headers, _, body = inside.rpartition("\n\n") if ":" in inside else ("", "", inside)
    packed = "".join(body.split())
    lines = [packed[at : at + _LINE_LENGTH] for at in range(0, len(packed), _LINE_LENGTH)]
    above = [*headers.strip().split("\n"), ""] if headers.strip() else []
    return "\n".join([f"-----BEGIN {kind}-----", *above, *lines, f"-----END {kind}-----", ""])


def rsa_private_key(text: str, setting: str) -> str:
    """The key in PEM form, ready to sign with; ConfigError that names `setting` and what the text is instead."""
    if "PuTTY-User-Key-File" in text:
        raise ConfigError(
            f"{setting} is a key in PuTTY's own form.", fix="Export it in PuTTYgen as an OpenSSH key, then convert that."
        )
    meant = pem_text(text)
    found = _BLOCK.search(meant)
    if found is None:
        begun = "begins like a key and is cut off" if "-----BEGIN" in meant else "is not a private key in PEM form"
        raise ConfigError(f"{setting} {begun}.", fix=_PKCS8)
    kind, body = found.groups()
    if kind == "ENCRYPTED PRIVATE KEY" or "Proc-Type: 4,ENCRYPTED" in body:
        raise ConfigError(f"{setting} {_ENCRYPTED[0]}.", fix=_ENCRYPTED[1])
    if kind in _OTHERS:
        what, fix = _OTHERS[kind]
        raise ConfigError(f"{setting} {what}.", fix=fix)
    _check_loads(meant, setting)
    return meant


def _check_loads(pem: str, setting: str) -> None:
    # The library takes a tenth of a second to load, and most programmes sign in without a key.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode("ascii", "replace"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigError(f"{setting} is a damaged or shortened private key.", fix="Copy the whole file again.") from error
    if not isinstance(key, RSAPrivateKey):
        raise ConfigError(f"{setting} is no RSA key.", fix="Make one: openssl genrsa -out key.pem 2048")
