"""Which certificate authorities a connection trusts: the setting, else what the environment names, else the machine's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kamsync.errors import ConfigError

# requests reads the first and third, OpenSSL the second; whoever sets one of them means every program.
VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Authorities:
    """A file or a folder of certificates; neither: what the machine trusts."""

    file: str = ""
    folder: str = ""


def authorities(ca_bundle: str, environment: Mapping[str, str]) -> Authorities:
    """Raises ConfigError where the file that the setting or a variable names is not there."""
    if ca_bundle:
        if not Path(ca_bundle).is_file():
            raise ConfigError(f"crm.hubspot.ca_bundle: there is no file {ca_bundle}.", fix="Correct the path in `ca_bundle`.")
        return Authorities(file=ca_bundle)
    for variable in VARIABLES:
        place = environment.get(variable, "")
        if not place:
            continue
        if Path(place).is_dir():
            return Authorities(folder=place)
        if not Path(place).is_file():
            raise ConfigError(
                f"The environment variable {variable} names {place}, which is not there.",
                fix=f"Correct or unset {variable}, or name the certificate file in `ca_bundle` under [crm.hubspot].",
            )
        return Authorities(file=place)
    return Authorities()
