"""Which certificate authorities a connection trusts: the setting, else what the environment names, else the machine's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kamsync.errors import ConfigError

# requests reads the first and third, OpenSSL the second; whoever sets one of them means every program.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Authorities:
    """A file or a folder of certificates; neither: what the machine trusts."""

    file: str = ""
    folder: str = ""

    @property
    def place(self) -> str:
        """The path to give to requests; "" for what the machine trusts."""
        return self.file or self.folder


def authorities(ca_bundle: str, environment: Mapping[str, str], *, setting: str = "ca_bundle") -> Authorities:
    """Raises ConfigError where what the setting or a variable names is not there. `setting`: its name in messages."""
    if ca_bundle:
        if not Path(ca_bundle).is_file():
            raise ConfigError(f"{setting}: there is no file {ca_bundle}.", fix="Correct the path in `ca_bundle`.")
        return Authorities(file=ca_bundle)
    for variable in CA_VARIABLES:
        place = environment.get(variable, "")
        if not place:
            continue
        if Path(place).is_dir():
            return Authorities(folder=place)
        if not Path(place).is_file():
            raise ConfigError(
                f"The environment variable {variable} names {place}, which is not there.",
                fix=f"Correct or unset {variable}, or name the certificate file in `ca_bundle` under [crm.*], which comes first.",
            )
        return Authorities(file=place)
    return Authorities()
