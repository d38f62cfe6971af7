"""Files as editors, containers and accidents make them: read as people mean them, or refused by name; never a bug."""

from __future__ import annotations

import codecs
import json
import os
import stat
import subprocess
import sys
from typing import Any

import pytest

from kamsync.config.shipped import read_shipped
from kamsync.report.plan_json import seal
from tests.config.desk import GOOD, Folder, Told
from tests.journeys.command import run_command


@pytest.mark.parametrize(
    "data",
    [
        codecs.BOM_UTF8 + GOOD.encode(),
        GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\r").encode(),
        codecs.BOM_UTF8 + GOOD.replace("\n", "\r\n").encode(),
        GOOD.replace("\n", "\x85").encode(),
        GOOD.rstrip("\n").encode(),
        ("# Kunden \x85 \u2028 Straße\n" + GOOD).encode(),
    ],
    ids=["mark", "crlf", "cr", "mark and crlf", "nel", "no last line end", "odd characters in a comment"],
)
def test_what_editors_add_is_read_as_meant(folder: Folder, data: bytes) -> None:
    folder.write(data)
    assert folder.load().code == 0, folder.load().err


def test_a_mapping_and_criteria_are_read_as_meant_too(folder: Folder) -> None:
    folder.write(GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "own.toml"'))
    folder.write(codecs.BOM_UTF8 + (read_shipped("hubspot") or "").replace("\n", "\r\n").encode(), "own.toml")
    assert folder.load().code == 0


@pytest.mark.parametrize("flag", ["tier", "override", "override_until"])
def test_a_mapping_that_could_not_keep_a_persons_choice_is_refused_with_its_line(folder: Folder, flag: str) -> None:
    folder.write(GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "own.toml"'))
    lines = [line for line in (read_shipped("hubspot") or "").splitlines() if line.split(" = ")[0].strip() != flag]
    folder.write("\n".join(lines), "own.toml")
    place = next(number for number, line in enumerate(lines, start=1) if line.startswith("decided_tier"))

    said = folder.refused()

    assert f"own.toml:{place}" in said and f"decided_tier is mapped without {flag}" in said.replace("\n", " ")

    folder.write("\n".join(line for line in lines if not line.startswith("decided_tier")), "own.toml")
    assert folder.load().code == 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (GOOD.encode("utf-16"), ["UTF-16", "UTF-8"]),
        (GOOD.encode("utf-16-le"), ["UTF-16", "UTF-8"]),
        (GOOD.encode("utf-32"), ["UTF-32"]),
        (GOOD.replace("revenue", "Erträge").encode("latin-1"), ["config.toml:12", "0xE4", "UTF-8"]),
        (GOOD.replace("revenue", "“x”").encode("cp1252"), ["config.toml:12", "0x93"]),
        (GOOD.replace("\n", "\r\n").replace("revenue", "Erträge").encode("latin-1"), ["config.toml:12"]),
        (GOOD.encode() + b"\0", ["config.toml:18", "NUL"]),
        (GOOD.replace('"revenue"', "“revenue”").encode(), ["config.toml:12", "U+201C"]),
        (GOOD.replace("enter = 80", "enter\u00a0= 80").encode(), ["config.toml:9", "U+00A0 (NO-BREAK SPACE)"]),
        (GOOD.replace("\nenter", "\u200b\nenter").encode(), ["U+200B"]),
        (GOOD.replace('"A"', '"A\\u001b[2J"').encode(), ["config.toml:8", "U+001B (ESC)"]),
        (GOOD.replace('"A"', '"A\\u0000"').encode(), ["config.toml:8", "NUL"]),
        (b"a = " + b"[" * 100_000, ["nested"]),
        (b"a = " + b"[" * 100 + b"]" * 100, ["nested"]),
        (b"a" + b".a" * 500 + b" = 1", ["nested"]),
        (b"a = " + b"9" * 10_000, ["number"]),
        (b"# " + b"x" * 2_000_000, ["larger than"]),
        (b"", ["crm is missing"]),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(folder: Folder, data: bytes, said: list[str]) -> None:
    folder.write(data)
    message = folder.refused()
    assert [word for word in said if word not in message] == [], message


def test_a_line_that_odd_characters_precede_is_counted_as_an_editor_counts(folder: Folder) -> None:
    folder.write("# a \x85 b \u2028 c\n" + GOOD.replace("won_amount_12m", "won_amount_12"))
    assert "config.toml:17" in folder.refused()


def put(folder: Folder, kind: str, name: str) -> None:
    """Something else than a regular file in the place of one."""
    path = folder.path / name
    path.unlink(missing_ok=True)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "loop":
            path.symlink_to(path)


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
@pytest.mark.parametrize("what", ["config.toml", "own.toml", "secret", "ca.pem"])
def test_only_regular_files_are_read(folder: Folder, kind: str, what: str) -> None:
    text = GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "own.toml"')
    folder.write(text.replace('{ env = "TOKEN" }', '{ file = "secret" }\nca_bundle = "ca.pem"'))
    folder.write(read_shipped("hubspot") or "", "own.toml")
    folder.write("canary-secret-of-file", "secret")
    put(folder, kind, what)
    told = folder.run("doctor") if what == "ca.pem" else folder.load()
    assert told.code in (1, 2) and "bug" not in told.err and "Traceback" not in told.err, told
    assert told.out + told.err


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
def test_a_plan_and_criteria_are_read_from_regular_files_only(folder: Folder, kind: str) -> None:
    folder.write(GOOD)
    put(folder, kind, "other")
    for arguments in (("apply", "other", "--yes"), ("simulate", "--criteria", "other"), ("criteria", "check", "other")):
        told = folder.run(*arguments)
        assert told.code == 2 and "other" in told.err and "bug" not in told.err, told


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
def test_a_cache_in_the_place_of_something_else_leaves_it_as_it_is(folder: Folder, kind: str) -> None:
    folder.write(GOOD)
    put(folder, kind, "kamsync.db")
    before = (folder.path / "kamsync.db").lstat().st_mode
    for command in ("pull", "status"):
        told = folder.run(command)
        assert told.code in (1, 2) and "kamsync.db" in told.err and "bug" not in told.err, told
    assert (folder.path / "kamsync.db").lstat().st_mode == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "loop"])
def test_a_log_in_the_place_of_something_else_leaves_it_as_it_is(folder: Folder, kind: str) -> None:
    folder.write(GOOD + '[log]\nfile = "kamsync.log"\n')
    put(folder, kind, "kamsync.log")
    before = (folder.path / "kamsync.log").lstat().st_mode

    told = folder.run("run", "--once")

    assert told.code == 2 and "kamsync.log" in told.err and "bug" not in told.err, told
    assert (folder.path / "kamsync.log").lstat().st_mode == before


def test_a_cache_path_that_names_another_file_leaves_its_mode_and_its_words(folder: Folder) -> None:
    folder.write(GOOD + '[cache]\npath = "notes.txt"\n')
    notes = folder.write("what I must not forget\n", "notes.txt", mode=0o644)
    told = folder.run("pull")
    assert told.code == 1 and "notes.txt" in told.err
    assert stat.S_IMODE(notes.stat().st_mode) == 0o644 and notes.read_text() == "what I must not forget\n"


@pytest.mark.parametrize("beside", [".lock", ".schedule", "-wal", "-shm"])
def test_a_link_in_the_place_of_a_file_beside_the_cache_leads_nowhere(folder: Folder, beside: str) -> None:
    folder.write(GOOD)
    folder.write("mine", "own.txt", 0o644)
    (folder.path / f"kamsync.db{beside}").symlink_to(folder.path / "own.txt")

    told = folder.run("sync")

    assert told.code in (1, 2) and "bug" not in told.err
    own = folder.path / "own.txt"
    assert own.read_bytes() == b"mine" and stat.S_IMODE(own.stat().st_mode) == 0o644


@pytest.mark.parametrize("beside", [".lock", "-wal", "-shm", "-journal"])
def test_another_name_of_a_file_in_the_place_of_one_beside_the_cache_costs_it_nothing(folder: Folder, beside: str) -> None:
    folder.write(GOOD)
    folder.write("mine", "own.txt", 0o644)
    (folder.path / f"kamsync.db{beside}").hardlink_to(folder.path / "own.txt")

    told = folder.run("sync")

    assert told.code in (1, 2) and "bug" not in told.err
    assert (folder.path / "own.txt").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "name", ["config.toml", "./config.toml", *(f"kamsync.db{end}" for end in ("", ".lock", ".schedule.lock", "-wal"))]
)
@pytest.mark.parametrize("command", ["plan", "report", "account-plan X", "digest"])
def test_what_the_program_lives_by_is_no_file_to_write_to(folder: Folder, command: str, name: str) -> None:
    folder.write(GOOD)
    told = folder.run(*command.split(), "--preview" if command == "digest" else "--out", name)
    assert told.code == 2 and "nothing else is written over it" in told.err
    assert (folder.path / "config.toml").read_text() == GOOD


def test_a_database_of_another_program_is_not_taken_for_the_cache(folder: Folder) -> None:
    import sqlite3

    folder.write(GOOD)
    other = folder.path / "kamsync.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.commit()
    connection.close()
    other.chmod(0o644)
    told = folder.run("status")
    assert told.code == 1 and "another program" in told.err
    assert stat.S_IMODE(other.stat().st_mode) == 0o644


def test_init_writes_for_its_owner_whatever_the_umask(folder: Folder) -> None:
    script = "import os, sys; os.umask(0); sys.argv = ['kamsync', 'init', '--defaults']; from kamsync.cli import main; main()"
    subprocess.run([sys.executable, "-c", script], cwd=folder.path, check=True, capture_output=True)
    assert stat.S_IMODE(folder.config.stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link", "device", "folder"])
def test_init_writes_over_nothing_but_a_file(folder: Folder, kind: str) -> None:
    aim = folder.write("precious", "aim")
    if kind == "folder":
        folder.config.mkdir()
    else:
        folder.config.symlink_to(aim if kind == "link" else "/dev/null")
    told = folder.run("init", "--defaults", "--force")
    assert told.code == 2 and "Traceback" not in told.err and "bug" not in told.err
    assert aim.read_text() == "precious"


def test_a_copy_is_written_over_nothing_but_a_file(folder: Folder) -> None:
    folder.write(GOOD)
    aim = folder.write("precious", "aim")
    (folder.path / "link.toml").symlink_to(aim)
    for arguments in (("mapping", "copy"), ("criteria", "copy", "smb"), ("playbooks", "copy", "onboarding")):
        for force in ((), ("--force",)):
            told = folder.run(*arguments, "link.toml", *force)
            assert told.code == 2 and "link.toml" in told.err and aim.read_text() == "precious", told
        assert folder.run(*arguments, "copy.toml", "--force").code == 0


def test_home_is_found_in_paths_and_its_absence_is_told(folder: Folder) -> None:
    folder.write(GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "~/own.toml"'))
    folder.write(read_shipped("hubspot") or "", "own.toml")
    assert folder.load(HOME=str(folder.path)).code == 0
    folder.write(GOOD + '[cache]\npath = "~nobody-of-this-name/kamsync.db"\n')
    assert "home folder" in folder.refused()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
def test_without_a_home_a_tilde_is_told(open_folder: Folder) -> None:
    open_folder.write(GOOD + '[cache]\npath = "~/kamsync.db"\n')
    told = as_another(open_folder, "facts", HOME="")
    assert told.code == 2 and "HOME" in told.err, told.err


def as_another(folder: Folder, *arguments: str, user: int = 54_321, **more: str) -> Told:
    """The command as a user whom this machine does not know, who may enter the folder (`open_folder`).

    Python itself may lie in a folder that is closed to others: what the command needs was loaded before.
    """
    if folder.config.exists():
        os.chown(folder.config, user, user)
    environment = {**os.environ, **folder.environment, **more}
    environment = {name: value for name, value in environment.items() if value}
    return Told(*run_command(arguments, folder.path, environment, user=user))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become another user")
class TestAnotherUser:
    """What a service user meets in folders that are not its own."""

    def test_a_closed_configuration_of_another_user_is_told_with_its_owner(self, open_folder: Folder) -> None:
        open_folder.write(GOOD, "closed.toml")
        told = as_another(open_folder, "facts", "--config", "closed.toml")
        assert told.code == 2 and "belongs to root" in told.err, told.err

    def test_a_closed_secret_of_another_user_is_told_with_its_owner(self, open_folder: Folder) -> None:
        open_folder.write(GOOD.replace('{ env = "TOKEN" }', '{ file = "secret" }'))
        open_folder.write("canary", "secret")
        told = as_another(open_folder, "facts", "--config", "config.toml")
        assert told.code == 2 and "belongs to root" in told.err, told.err

    def test_a_folder_that_is_closed_to_us_is_told(self, open_folder: Folder) -> None:
        open_folder.write(GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "closed/own.toml"'))
        (open_folder.path / "closed").mkdir(mode=0o700)
        for arguments in (("facts", "--config", "config.toml"), ("facts", "--config", "closed/config.toml")):
            told = as_another(open_folder, *arguments)
            assert told.code == 2 and "bug" not in told.err, told.err

    def test_where_the_folder_is_read_only_the_cache_goes_to_the_state_folder(self, open_folder: Folder) -> None:
        open_folder.write(GOOD)
        open_folder.path.chmod(0o755)
        state = open_folder.path / "state"
        state.mkdir()
        os.chown(state, 54_321, 54_321)
        told = as_another(open_folder, "status", STATE_DIRECTORY=str(state))
        assert str(state / "kamsync.db") in told.err, told.err
        told = as_another(open_folder, "status", HOME=str(state), XDG_STATE_HOME="")
        assert str(state / ".local" / "state" / "kamsync" / "kamsync.db") in told.err, told.err
        told = as_another(open_folder, "status", HOME="", XDG_STATE_HOME="", STATE_DIRECTORY="")
        assert told.code == 2 and "STATE_DIRECTORY" in told.err, told.err

    def test_a_cache_in_a_folder_that_cannot_be_written_is_told(self, open_folder: Folder) -> None:
        open_folder.write(GOOD + '[cache]\npath = "sub/kamsync.db"\n')
        open_folder.path.chmod(0o755)
        for command in ("pull", "sync"):
            told = as_another(open_folder, command)
            assert told.code == 1 and "[cache] path" in told.err and "bug" not in told.err, told.err

    def test_a_cache_of_another_user_is_refused_and_stays(self, open_folder: Folder) -> None:
        open_folder.write(GOOD)
        open_folder.path.chmod(0o777)
        cache = open_folder.write("", "kamsync.db", mode=0o666)
        told = as_another(open_folder, "pull")
        assert told.code == 1 and "another user" in told.err, told.err
        assert stat.S_IMODE(cache.stat().st_mode) == 0o666

    def test_a_plan_in_a_folder_that_cannot_be_written_is_told(self, open_folder: Folder) -> None:
        open_folder.write(GOOD)
        told = as_another(open_folder, "init", "--defaults", "--config", "/new-config.toml")
        assert told.code == 2 and "cannot be written" in told.err, told.err


@pytest.mark.parametrize("name", ["config.toml", "own.toml", "secret"])
@pytest.mark.parametrize("mode", [0o666, 0o602])
def test_what_others_can_write_is_refused(folder: Folder, name: str, mode: int) -> None:
    text = GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "own.toml"')
    folder.write(text.replace('{ env = "TOKEN" }', '{ file = "secret" }'))
    folder.write(read_shipped("hubspot") or "", "own.toml")
    folder.write("canary-secret-of-file", "secret")
    (folder.path / name).chmod(mode)
    message = folder.refused()
    assert name in message and "chmod go-w" in message


def test_what_everyone_can_read_is_warned_of(folder: Folder) -> None:
    folder.write(GOOD.replace('{ env = "TOKEN" }', '{ file = "secret" }\nbase_url = "http://127.0.0.1:9"'), mode=0o644)
    folder.write("canary-secret-of-file", "secret", mode=0o644)
    told = folder.run("doctor").out
    assert "Everyone on this machine can read" in told and "chmod 600" in told and "chmod o-r" in told
    folder.config.chmod(0o600)
    (folder.path / "secret").chmod(0o400)
    assert "Everyone" not in folder.run("doctor").out


def test_a_saved_plan_of_any_kind_of_damage_is_refused(folder: Folder) -> None:
    folder.write(GOOD)
    for text in ("", "[]", "{", "[" * 100_000, "9" * 10_000, '{"version": 2}'):
        folder.write(text, "plan.json")
        told = folder.run("apply", "plan.json", "--yes")
        assert told.code == 2 and "plan.json" in told.err and "bug" not in told.err, (text[:60], told)


@pytest.mark.parametrize(
    "damage",
    [
        {"run_id": 5},
        {"changes": {"a": 1}},
        {"changes": [{"op": "delete_everything"}]},
        {"problems": "abc"},
        {"held_back": [{"account_id": "\u001b"}]},
    ],
)
def test_a_saved_plan_that_somebody_edited_is_refused_with_or_without_its_seal(folder: Folder, damage: dict[str, Any]) -> None:
    folder.write(GOOD)
    document: dict[str, Any] = {"version": 1, "run_id": "r", "as_of": "2026-01-01", "crm": "hubspot", "criteria_hash": "x"}
    document |= {"base": "y", "org_id": "1", "rehearsal": False, "summary": {}, "changes": [], "held_back": [], "problems": []}
    folder.write(json.dumps({**document, "digest": seal(document), **damage}), "plan.json")
    altered = folder.run("apply", "plan.json", "--yes")
    assert altered.code == 3 and "was altered" in altered.err, altered
    forged = {**document, **damage}
    folder.write(json.dumps({**forged, "digest": seal(forged)}), "plan.json")
    told = folder.run("apply", "plan.json", "--yes")
    assert told.code == 2 and "plan.json" in told.err and "bug" not in told.err, told


def test_paths_with_odd_characters_work_or_are_told(folder: Folder) -> None:
    for name in ("a b?c#d%41.db", "ünï.db"):
        folder.write(GOOD + f'[cache]\npath = "{name}"\n')
        told = folder.run("status")
        assert told.code == 2 and "kamsync pull" in told.err, told
    for name in ("", ".", "..", "sub/..", "a\\u0000b", "a\\nb"):
        folder.write(GOOD + f'[cache]\npath = "{name}"\n')
        told = folder.run("status")
        assert told.code in (1, 2) and "bug" not in told.err and "Traceback" not in told.err, (name, told)
