"""`kamsync service`: files that fit the configuration, tested as far as this machine can."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kamsync.config.example import Answers, render_config
from kamsync.redaction import Redactor, redact
from tests.journeys.command import run_here

TOOLS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


@pytest.fixture(autouse=True)
def knows_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are printed in this very process, which other tests have told secrets such as "secret"."""
    for name, value in vars(Redactor()).items():
        monkeypatch.setattr(redact, name, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text = render_config(Answers(sign_in="jwt_bearer", timezone="America/Sao_Paulo"))
    (tmp_path / "config.toml").write_text(text.replace("port = 0 ", "port = 9464 "), encoding="utf-8")
    return tmp_path


def printed(folder: Path, kind: str) -> str:
    """No secret is set: none is needed to print a file."""
    code, out, err = run_here(("service", kind), folder)
    assert code == 0, err
    return out


def test_the_systemd_unit_hands_over_every_secret_and_a_place_to_write(folder: Path) -> None:
    unit = printed(folder, "systemd")

    assert f"EnvironmentFile={folder}/kamsync.env" in unit and "SF_CLIENT_ID" in unit
    assert f"LoadCredential=kamsync.key:{folder}/kamsync.key" in unit
    assert f"run --config {folder}/config.toml" in unit
    assert "StateDirectory=kamsync" in unit and "ReadWritePaths" not in unit


def test_a_cache_elsewhere_may_be_written_by_the_unit(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('path = "kamsync.db"', 'path = "/srv/kam/kamsync.db"'), encoding="utf-8")

    assert "ReadWritePaths=/srv/kam\n" in printed(folder, "systemd")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_itself_finds_nothing_wrong_and_the_exposure_low(folder: Path) -> None:
    unit = folder / "kamsync.service"
    unit.write_text(printed(folder, "systemd"), encoding="utf-8")

    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    own = [line for line in verified.stderr.splitlines() if "kamsync" in line]
    scored = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True, check=False
    )

    assert not own, verified.stderr
    score = re.search(r"Overall exposure level for kamsync.service: ([\d.]+)", scored.stdout)
    assert score is not None and float(score[1]) <= 2.0, scored.stdout + scored.stderr


def test_the_image_has_no_compiler_no_rights_and_a_health_check(folder: Path) -> None:
    lines = printed(folder, "docker").splitlines()
    final = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM")) :]

    assert "USER 10001:10001" in final and not any("pip install" in line for line in final)
    start = next(line for line in lines if line.startswith("# docker run"))
    assert "--read-only" in start and "--env-file kamsync.env" in start and "kamsync.key:/config/kamsync.key:ro" in start
    check = next(line for line in final if line.startswith("HEALTHCHECK"))
    assert "127.0.0.1:9464/healthz" in json.loads(check.partition("CMD ")[2])[2]


@pytest.mark.parametrize(
    ("sync", "line"),
    [
        ("0 6 * * 1-5", "0 6 * * 1-5 "),
        ("every 15 minutes", "*/15 * * * * "),
        ("every 2 hours", "0 */2 * * * "),
        ("every 7 minutes", "0 6 * * 1-5 "),
    ],
)
def test_cron_gets_the_time_of_the_schedule(folder: Path, sync: str, line: str) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('sync = "0 6 * * 1-5"', f'sync = "{sync}"'), encoding="utf-8")

    said = printed(folder, "cron")

    assert said.splitlines()[-2] == "CRON_TZ=America/Sao_Paulo"
    assert said.splitlines()[-1].startswith(line) and f"run --once --config {folder}/config.toml" in said
    assert ("is no time of cron's" in said) == (sync == "every 7 minutes")


@pytest.mark.skipif(shutil.which("hadolint", path=TOOLS) is None, reason="hadolint is not here")
def test_hadolint_finds_nothing_in_the_dockerfile(folder: Path) -> None:
    (folder / "Dockerfile").write_text(printed(folder, "docker"), encoding="utf-8")
    found = subprocess.run(
        [str(shutil.which("hadolint", path=TOOLS)), str(folder / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout


def test_the_service_s_user_may_read_what_init_has_made_readable_by_its_owner_alone(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('mapping = "salesforce"', 'mapping = "ours.toml"'), encoding="utf-8")
    (folder / "ours.toml").touch()
    read = f"{folder}/config.toml {folder}/ours.toml"
    assert f"#       chown root:kamsync {read} && chmod 640 {read}\n" in printed(folder, "systemd")


def test_a_container_s_user_may_read_what_init_has_made_readable_by_its_owner_alone(folder: Path) -> None:
    text = printed(folder, "docker")
    assert "# sudo chgrp 10001 config.toml kamsync.key && sudo chmod 640 config.toml kamsync.key\n" in text
    assert "groupadd --gid 10001 kamsync" in text and "USER 10001:10001" in text


def test_a_container_is_told_where_it_may_write(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('path = "kamsync.db"', 'path = "/srv/kam/kamsync.db"'), encoding="utf-8")

    for kind in ("docker", "kubernetes"):
        assert "[cache] path must lie in /state" in printed(folder, kind)


def test_kubernetes_gets_a_job_by_the_schedule_with_its_secrets_and_no_rights(folder: Path) -> None:
    config = folder / "config.toml"
    config.write_text(config.read_text().replace('mapping = "salesforce"', 'mapping = "ours.toml"'), encoding="utf-8")
    (folder / "ours.toml").touch()

    text = printed(folder, "kubernetes")
    claim, job = yaml.safe_load_all(text)

    assert "--from-file=config.toml --from-file=ours.toml" in text and "kamsync-files --from-file=kamsync.key=kamsync.key" in text
    assert claim["kind"] == "PersistentVolumeClaim" and (job["kind"], job["apiVersion"]) == ("CronJob", "batch/v1")
    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == ("0 6 * * 1-5", "America/Sao_Paulo")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["args"] == ["run", "--once"] and container["envFrom"] == [{"secretRef": {"name": "kamsync-env"}}]
    assert container["securityContext"]["readOnlyRootFilesystem"] and pod["securityContext"]["runAsNonRoot"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes.keys() == {mount["name"] for mount in container["volumeMounts"]}
    assert volumes["config"]["projected"]["sources"] == [
        {"configMap": {"name": "kamsync"}},
        {"secret": {"name": "kamsync-files"}},
    ]
    assert volumes["state"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_a_configuration_as_kubernetes_mounts_it_is_read(folder: Path) -> None:
    """Every file there is a link into a folder that changes at once, readable for the group."""
    real = folder / "..2026"
    real.mkdir()
    (folder / "config.toml").unlink()
    (real / "config.toml").write_text(render_config(Answers()), encoding="utf-8")
    (real / "config.toml").chmod(0o440)
    (folder / "..data").symlink_to(real.name)
    (folder / "config.toml").symlink_to("..data/config.toml")

    signing_in = {"SF_CLIENT_ID": "x" * 20, "SF_CLIENT_SECRET": "y" * 20}
    assert "There is no cache" in run_here(("status",), folder, signing_in)[2]


ODD = "a key's $HOME 100% \\ folder"


@pytest.fixture
def odd(tmp_path: Path, folder: Path) -> Path:
    """The same configuration in a folder of an odd name, with a cache and a mapping of odd ones."""
    odd = tmp_path / ODD
    odd.mkdir()
    text = (folder / "config.toml").read_text(encoding="utf-8")
    text = text.replace('path = "kamsync.db"', 'path = "the cache/kamsync.db"').replace('"salesforce"\n', "'our $own.toml'\n", 1)
    (odd / "config.toml").write_text(text.replace('mapping = "salesforce"', "mapping = 'our $own.toml'"), encoding="utf-8")
    (odd / "our $own.toml").touch()
    return odd


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_a_unit_says_an_odd_path_as_systemd_reads_it(odd: Path) -> None:
    unit = odd / "kamsync.service"
    unit.write_text(printed(odd, "systemd"), encoding="utf-8")
    lines = unit.read_text(encoding="utf-8").splitlines()

    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)

    assert not [line for line in verified.stderr.splitlines() if "kamsync" in line], verified.stderr
    escaped = str(odd).replace("%", "%%")
    in_quotes = escaped.replace("\\", "\\\\")
    assert f"EnvironmentFile={escaped}/kamsync.env" in lines and f'ReadWritePaths="{in_quotes}/the cache"' in lines
    assert next(line for line in lines if line.startswith("ExecStart=")).endswith(f'"{in_quotes.replace("$", "$$")}/config.toml"')


@pytest.mark.parametrize(
    ("kind", "command", "word"),
    [
        ("systemd", "chown root:kamsync", "{odd}/our $own.toml"),
        ("cron", "set -a", "{odd}/kamsync.env;"),
        ("docker", "docker run", "./our $own.toml:/config/our $own.toml:ro"),
    ],
)
def test_a_shell_reads_a_printed_command_as_it_is_meant_whatever_the_folder_is_called(
    odd: Path, kind: str, command: str, word: str
) -> None:
    line = next(line for line in printed(odd, kind).splitlines() if command in line)
    as_the_shell_gets_it = line[line.index(command) :].replace("\\%", "%")  # which cron takes for itself

    assert word.format(odd=odd) in shlex.split(as_the_shell_gets_it)


def test_kubernetes_takes_no_file_of_an_odd_name_and_says_so(odd: Path) -> None:
    code, out, err = run_here(("service", "kubernetes"), odd)
    assert code == 2 and not out and "our $own.toml" in err and "another name" in err


@pytest.mark.parametrize("kind", ["systemd", "cron", "docker", "kubernetes", "windows"])
def test_no_path_begins_a_line_of_its_own_in_a_service_file(tmp_path: Path, folder: Path, kind: str) -> None:
    broken = tmp_path / "x\nUser=root"
    broken.mkdir()
    shutil.copy(folder / "config.toml", broken)

    code, out, err = run_here(("service", kind), broken)

    assert code == 2 and not out and "line break" in err


@pytest.mark.parametrize("line", ["program = 5", "serve = { port = 'x' }", "schedule = []", "log = { file = 5 }", "cache = 'x'"])
def test_a_configuration_that_is_not_sound_yet_is_no_bug_of_ours(tmp_path: Path, line: str) -> None:
    (tmp_path / "config.toml").write_text(f"{line}\n", encoding="utf-8")
    code, _, err = run_here(("service", "systemd"), tmp_path)
    assert code in (0, 2) and "bug" not in err


def test_windows_holds_the_schedule_from_the_start_of_the_machine(folder: Path) -> None:
    script = printed(folder, "windows")

    assert "-AtStartup" in script and f"run --config {folder}/config.toml" in script and "SF_CLIENT_ID" in script


def test_without_a_configuration_it_says_what_to_do(tmp_path: Path) -> None:
    code, _, err = run_here(("service", "systemd"), tmp_path)
    assert code == 2 and "kamsync init" in err
