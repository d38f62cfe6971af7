"""fleet.toml: what is wrong in it is said with its file and line, and no password of it is shown."""

from __future__ import annotations

import pytest

from tests.fleet.company import DATABASE, Company

pytestmark = pytest.mark.xdist_group("fleet")
FINE = f'[fleet]\ndatabase = {{ env = "{DATABASE}" }}\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FINE + "[flet]\n", "fleet.toml:3: unknown key 'flet'; did you mean 'fleet'?"),
        ("workers = 3\n" + FINE, "fleet.toml:1: unknown key 'workers'; did you mean 'worker'?"),
        (FINE + "[worker]\nthread = 3\n", "fleet.toml:4: unknown key 'thread' in [worker]; did you mean 'threads'?"),
        (FINE + "[org.acme]\nprioriti = 3\n", "fleet.toml:4: unknown key 'prioriti' in [org.acme]; did you mean 'priority'?"),
        (FINE + "[fleet]\n", "fleet.toml:3: this is not valid TOML"),
        ("[worker]\n", "fleet is missing"),
        ("[fleet]\n", "fleet.database is missing"),
        (
            '[fleet]\ndatabase = "postgresql://u:sekret-pw@h/d"\n',
            "fleet.toml:2 (fleet.database): a secret must not stand in the file",
        ),
        ('[fleet]\ndatabase = { env = "A", file = "sekret-pw" }\n', "a secret must not stand in the file"),
        ('[fleet]\ndatabase = { vault = "x" }\n', "unknown kind of secret 'vault'"),
    ],
)
def test_what_is_wrong_in_the_fleets_file_is_said_with_its_line(company: Company, text: str, said: str) -> None:
    (company.folder / "fleet.toml").write_text(text, encoding="utf-8")

    refused = company.run("init")

    assert refused.code == 2 and said in refused.err, refused.err
    assert "sekret-pw" not in refused.err + refused.out
