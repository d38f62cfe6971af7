"""What only reads loads no configuration the second time, says the same, and loads it as soon as anything of it has changed."""

from __future__ import annotations

import hashlib
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kamsync.config import load_config
from kamsync.config.inputs import inputs_of
from kamsync.run.explaining import recall
from kamsync.store.database import open_cache
from kamsync.testing.memory import mapping_text
from tests.run.memory_desk import MemoryDesk
from tests.run.test_what_people_read import PROGRAM

HEAVY = (
    "sqlglot", "jinja2", "sqlite_utils", "hubspot", "simple_salesforce", "requests", "structlog", "holidays", "pydantic",
    "pydantic_core", "typing_extensions", "importlib.metadata", "platformdirs", "filelock", "logging", "email", "statistics",
    "rich.progress", "rich.live", "kamsync.contract", "kamsync.plugins", "kamsync.config.models", "kamsync.config.toml_source",
    "kamsync.decide.compiled", "kamsync.decide.tasks", "kamsync.store.evaluate", "kamsync.run.shell",
)  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    """One account, written and explained once."""
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    desk.good("apply", "--yes")
    desk.good("explain", "Acme")
    return desk


def knows(desk: MemoryDesk) -> bool:
    """Whether the account can be explained without loading the configuration."""
    config = desk.folder / "config.toml"
    return recall(config, inputs_of(config), "Acme", None) is not None


READS = [
    ("explain", "Acme"),
    ("runs",),
    ("runs", "show", "2"),
    ("history",),
    ("history", "Acme"),
    ("history", "Acme", "--figures"),
]


@pytest.mark.parametrize("command", READS, ids=" ".join)
def test_what_only_reads_says_the_same_from_what_is_known_and_loads_nothing_that_is_slow(
    desk: MemoryDesk, command: tuple[str, ...]
) -> None:
    known = desk.good(*command), desk.good(*command, "--json")
    with open_cache(desk.folder / "kamsync.db") as cache, cache.transaction() as connection:
        connection.execute("DELETE FROM known_programmes")
    assert (desk.good(*command), desk.good(*command, "--json")) == known

    said = subprocess.run(
        [sys.executable, "-c", LOADED, *command], cwd=desk.folder, capture_output=True, text=True, check=True
    ).stdout
    assert said == known[0].out + "[]\n"


LOADED = f"""
import sys
from kamsync.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_status_says_the_same_from_what_is_known_the_schedule_and_the_log_too(desk: MemoryDesk) -> None:
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(f'{config}\n[schedule]\nsync = "0 6 * * 1-5"\nfull_pull = "every 3 days"\n[log]\nfile = "kamsync.log"\n')
    loaded, known = (desk.good("status", "--json").json for _ in range(2))
    assert loaded.pop("age_seconds") <= known.pop("age_seconds")
    assert loaded == known
    assert known["crm"] == "memory" and known["next_run"] and known["files"]["log"] == str(desk.folder / "kamsync.log")

    desk.write_config(config)
    desk.good("status")
    said = subprocess.run([sys.executable, "-c", LOADED, "status"], cwd=desk.folder, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "['filelock', 'logging']"
    assert "Nothing is scheduled" in said.stdout


@pytest.mark.parametrize("command", [("status",), *READS[1:]], ids=" ".join)
def test_a_configuration_that_is_sound_no_more_is_refused_although_it_was_known(
    desk: MemoryDesk, command: tuple[str, ...]
) -> None:
    desk.good(*command)
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(config.replace("weight = 2", "weight = -2"))
    assert desk.run(*command).code == 2
    desk.write_config(config)
    desk.good(*command)
    del os.environ["MEMORY_TOKEN"]
    refused = desk.run(*command)
    assert refused.code == 2 and "MEMORY_TOKEN" in refused.err


def test_what_only_reads_says_that_there_is_no_cache_yet(desk: MemoryDesk) -> None:
    (desk.folder / "kamsync.db").unlink()
    for command in (("status",), *READS[1:]):
        refused = desk.run(*command)
        assert refused.code == 2 and "There is no cache" in refused.err
        assert not (desk.folder / "kamsync.db").exists()


def change_a_weight(desk: MemoryDesk) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8").replace("weight = 2", "weight = 3"))


def change_the_mapping(desk: MemoryDesk) -> None:
    (desk.folder / "memory.toml").write_text(mapping_text({"potential": "number"}) + "\n# edited\n", encoding="utf-8")


def unset_a_secret(desk: MemoryDesk) -> None:
    del os.environ["MEMORY_TOKEN"]


def be_another_version(desk: MemoryDesk) -> None:
    with open_cache(desk.folder / "kamsync.db") as cache, cache.transaction() as connection:
        connection.execute("UPDATE known_programmes SET inputs = 'of another version'")


def be_damaged(desk: MemoryDesk) -> None:
    with open_cache(desk.folder / "kamsync.db") as cache, cache.transaction() as connection:
        connection.execute("UPDATE known_programmes SET body = substr(body, 1, 100)")


def be_a_trap(desk: MemoryDesk) -> None:
    keep(desk, b"cos\nsystem\n(S'touch trapped'\ntR.")


def be_a_trap_of_bytes(desk: MemoryDesk) -> None:
    """A function is made of bytes and called, by what can be reached from a module of the decisions: no name of another one."""
    code = compile("open('trapped', 'w')", "trap", "exec")
    parts = [getattr(code, f"co_{name}") for name in PARTS_OF_CODE]
    made = b"\x80\x04" + reached("dataclass.__class__") + b"(" + reached("dataclass.__code__.__class__")
    keep(desk, made + pickle.dumps(tuple(parts), 3)[2:-1] + b"R}tR)R.")


PARTS_OF_CODE = (
    "argcount", "posonlyargcount", "kwonlyargcount", "nlocals", "stacksize", "flags", "code", "consts", "names", "varnames",
    "filename", "name", "qualname", "firstlineno", "linetable", "exceptiontable", "freevars", "cellvars",
)  # fmt: skip  # in the order that types.CodeType takes them in


def reached(name: str) -> bytes:
    """Pickle's word for what is reached from the module by these dots."""
    texts = (b"\x8c" + bytes([len(text)]) + text for text in (b"kamsync.decide.program", name.encode()))
    return b"".join(texts) + b"\x93"


def keep(desk: MemoryDesk, body: bytes) -> None:
    """As the programme that is known, in place of it."""
    with open_cache(desk.folder / "kamsync.db") as cache, cache.transaction() as connection:
        connection.execute("UPDATE known_programmes SET body = ?", (hashlib.sha256(body).digest() + body,))


@pytest.mark.parametrize(
    "change",
    [change_a_weight, change_the_mapping, unset_a_secret, be_another_version, be_damaged, be_a_trap, be_a_trap_of_bytes],
    ids=lambda one: one.__name__,
)
def test_nothing_is_recalled_once_something_has_changed(desk: MemoryDesk, change: Callable[[MemoryDesk], None]) -> None:
    change(desk)
    assert not knows(desk)
    assert not (desk.folder / "trapped").exists()


def test_a_secret_in_a_keyring_may_change_unseen_so_nothing_is_recalled(desk: MemoryDesk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("{ env =", "{ keyring ="), encoding="utf-8")
    assert inputs_of(config) is None


def test_inputs_name_the_cache_that_the_loaded_configuration_names(desk: MemoryDesk) -> None:
    config = desk.folder / "config.toml"
    found = inputs_of(config)
    assert found is not None and found.cache_path == load_config(config).cache_path


def test_a_cache_that_a_pull_has_changed_explains_anew(desk: MemoryDesk) -> None:
    desk.crm.edit_account("acc-000001", potential=45)
    desk.good("pull")
    assert not knows(desk)
    assert "no tier" in desk.good("explain", "Acme").out
    assert knows(desk)


def let_others_change_the_configuration(desk: MemoryDesk) -> None:
    (desk.folder / "config.toml").chmod(0o666)


def let_others_change_the_mapping(desk: MemoryDesk) -> None:
    (desk.folder / "memory.toml").chmod(0o666)


def have_a_blank_secret(desk: MemoryDesk) -> None:
    os.environ["MEMORY_TOKEN"] = " \n"


def have_a_secret_that_rings(desk: MemoryDesk) -> None:
    os.environ["MEMORY_TOKEN"] += "\a"


def name_a_cache_that_no_file_can_be(desk: MemoryDesk) -> None:
    os.environ["KAMSYNC_CACHE"] = "a" * 300


@pytest.mark.parametrize(
    "change",
    [
        let_others_change_the_configuration,
        let_others_change_the_mapping,
        have_a_blank_secret,
        have_a_secret_that_rings,
        name_a_cache_that_no_file_can_be,
    ],
    ids=lambda one: one.__name__,
)
def test_what_loading_would_refuse_is_refused_although_it_was_known(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, change: Callable[[MemoryDesk], None]
) -> None:
    monkeypatch.setenv("KAMSYNC_CACHE", "kamsync.db")
    monkeypatch.setenv("MEMORY_TOKEN", desk.crm.token)
    desk.good("status")
    change(desk)
    told = {command: desk.run(*command) for command in (("explain", "Acme"), ("status",), ("runs",))}
    assert {command: one.code for command, one in told.items()} == dict.fromkeys(told, 2)
    assert len({one.err for one in told.values()}) == 1


def test_a_pipe_in_place_of_the_configuration_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.toml")
    for command in (("explain", "Acme"), ("status",), ("runs",), ("history",)):
        ran = subprocess.run(
            [sys.executable, "-m", "kamsync", *command], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 2 and "is a pipe, not a regular file" in ran.stderr


def test_a_mapping_in_the_home_folder_is_looked_at_each_time(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(desk.folder))
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(config.replace('"memory.toml"', '"~/memory.toml"'))
    desk.good("explain", "Acme")
    assert knows(desk)
    change_the_mapping(desk)
    assert not knows(desk)


def test_a_log_that_grows_is_no_reason_to_load_the_configuration(desk: MemoryDesk) -> None:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + '[log]\nfile = "kamsync.log"\n')
    desk.good("explain", "Acme")
    assert knows(desk)
    (desk.folder / "kamsync.log").write_text("one line\n", encoding="utf-8")
    assert knows(desk)


def test_a_secret_is_taken_from_the_service_s_credentials_first_and_looked_at_there(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = desk.folder / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    for folder in (credentials, desk.folder):
        (folder / "token").write_text(desk.crm.token, encoding="utf-8")
        (folder / "token").chmod(0o600)
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(config.replace('{ env = "MEMORY_TOKEN" }', '{ file = "token" }'))
    desk.good("explain", "Acme")
    assert knows(desk)
    (credentials / "token").write_text("", encoding="utf-8")
    assert not knows(desk)
    assert desk.run("status").code == 2


def test_another_connector_package_means_that_the_configuration_is_loaded(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = desk.folder / "site-packages"
    packages.mkdir()
    monkeypatch.syspath_prepend(str(packages))
    desk.good("explain", "Acme")
    assert knows(desk)
    (packages / "another-1.0.dist-info").mkdir()
    assert not knows(desk)


def test_a_configuration_in_a_folder_whose_name_is_no_text_is_read_as_any_other(
    desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = desk.twin(tmp_path / os.fsdecode(b"caf\xe9"), monkeypatch)
    for command in (("status",), ("runs",), ("history",), ("explain", "Acme")):
        assert other.run(*command).code == 0
