"""The files that keep `kamsync run` going on a machine, for one configuration: systemd, Docker, cron, Windows. Pure.

Each is complete as it is printed, and says in its first lines where it goes and what else is to be done. Secrets never stand in
one: systemd hands them over as credentials or from an environment file, Docker and cron take such a file as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Installation:
    """What stands where. Paths are absolute; `environment` and `secret_files` are the names that the configuration refers to.

    `cache_folder` and `log_folder` are None where the service's own state folder serves. `sync` is the schedule's line, or "".
    """

    program: tuple[str, ...]
    config: PurePath
    environment: tuple[str, ...] = ()
    secret_files: tuple[str, ...] = ()
    cache_folder: PurePath | None = None
    log_folder: PurePath | None = None
    timezone: str = "UTC"
    sync: str = ""
    port: int = 0
    version: str = ""


def systemd_unit(at: Installation) -> str:
    """A hardened unit, to be put into /etc/systemd/system."""
    folder = at.config.parent
    inputs = [f"EnvironmentFile={folder}/kamsync.env"] if at.environment else []
    inputs += [f"LoadCredential={_quoted(PurePath(name).name)}:{folder / name}" for name in at.secret_files]
    writable = sorted({str(path) for path in (at.cache_folder, at.log_folder) if path is not None})
    home = any(str(path).startswith(("/home/", "/root/")) for path in (at.config, PurePath(at.program[0]), *writable))
    todo = [
        "# /etc/systemd/system/kamsync.service",
        "# Once: useradd --system --no-create-home --shell /usr/sbin/nologin kamsync",
        f"#       chown root:kamsync {at.config} && chmod 640 {at.config}",
    ]
    if at.environment:
        names = ", ".join(at.environment)
        todo.append(f"#       {folder}/kamsync.env with {names}, a NAME=value a line; chmod 600, owner root")
    todo.append("# Then: systemctl daemon-reload && systemctl enable --now kamsync && journalctl -u kamsync -f")
    own = [
        *inputs,
        "StateDirectory=kamsync",
        "StateDirectoryMode=0700",
        "WorkingDirectory=%S/kamsync",
        *(f"ReadWritePaths={path}" for path in writable),
        f"ProtectHome={'read-only' if home else 'yes'}",
    ]
    return "\n".join((*todo, "", _UNIT.format(command=_command(at, "run"), own="\n".join(own)))) + "\n"


def cron_line(at: Installation) -> str:
    """A line for `crontab -e` of the user that owns the configuration; cron's own clock is the machine's."""
    sign_in = f"set -a; . {_shell(str(at.config.parent / 'kamsync.env'))}; set +a; " if at.environment else ""
    line = f"{_as_cron(at.sync) or '0 6 * * 1-5'} {sign_in}{_command(at, 'run', '--once')}".replace("%", "\\%")
    said = [
        "# crontab -e, as the user who owns the configuration. It says what happened on standard error, which cron mails.",
        f"# The schedule is meant in {at.timezone}: cronie reads CRON_TZ; for another cron write the hour of the machine.",
    ]
    if at.environment:
        said.append(f"# {at.config.parent}/kamsync.env holds {', '.join(at.environment)}, a NAME=value a line; chmod 600.")
    if not at.sync:
        said.append("# [schedule] sync says no time: weekdays at six.")
    elif not _as_cron(at.sync):
        said.append(f"# [schedule] sync = {at.sync!r} is no time of cron's: weekdays at six.")
    return "\n".join((*said, f"CRON_TZ={at.timezone}", line)) + "\n"


def dockerfile(at: Installation) -> str:
    """A Dockerfile: built in one stage, run in another without compiler, as a user without rights, on a read-only root."""
    health = (
        f"import urllib.request as r; r.urlopen('http://127.0.0.1:{at.port}/healthz', timeout=5)"
        if at.port
        else "import json, subprocess as s; assert json.loads(s.check_output(['kamsync', 'status', '--json']))['schedule']"
    )
    secrets = [*(["--env-file kamsync.env"] if at.environment else [])]
    secrets += [f"-v ./{PurePath(name).name}:/config/{name}:ro" for name in at.secret_files]
    start = " ".join(("docker run -d --name kamsync --read-only --tmpfs /tmp --cap-drop ALL",
                      "--security-opt no-new-privileges --restart on-failure --stop-timeout 40",
                      "-v kamsync-state:/state -v ./config.toml:/config/config.toml:ro", *secrets, "kamsync"))  # fmt: skip
    return _DOCKERFILE.format(version=at.version, health=health, start=start)


def windows_task(at: Installation) -> str:
    """PowerShell that registers a task which holds the schedule from the machine's start."""
    arguments = " ".join(f'"{part}"' if " " in part else part for part in (*at.program[1:], "run", "--config", str(at.config)))
    secrets = [f"[Environment]::SetEnvironmentVariable('{n}', (Read-Host '{n}'), 'Machine')" for n in at.environment]
    return _WINDOWS.format(
        program=at.program[0].replace("'", "''"),
        arguments=arguments.replace("'", "''"),
        folder=str(at.config.parent).replace("'", "''"),
        secrets="\n".join(secrets) or "# The configuration names no environment variable.",
    )


SERVICES: Mapping[str, Callable[[Installation], str]] = MappingProxyType(
    {"systemd": systemd_unit, "docker": dockerfile, "cron": cron_line, "windows": windows_task}
)


def _command(at: Installation, *arguments: str) -> str:
    return " ".join(_quoted(part) for part in (*at.program, *arguments, "--config", str(at.config)))


def _quoted(part: str) -> str:
    """As systemd and a POSIX shell both read it."""
    return part if re.fullmatch(r"[\w@%+=:,./-]+", part) else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"'


_shell = _quoted


def _as_cron(line: str) -> str:
    """The line as cron takes it; "" for an interval that is none of cron's."""
    interval = re.fullmatch(r"every\s+(?:(\d+)\s+)?(minute|hour|day)s?", line.strip(), re.IGNORECASE)
    if interval is None:
        return line.strip()
    count, unit = int(interval[1] or 1), interval[2].lower()
    if unit == "minute" and 60 % count == 0:
        return "0 * * * *" if count == 60 else f"*/{count} * * * *"
    if unit == "hour" and 24 % count == 0:
        return "0 0 * * *" if count == 24 else f"0 */{count} * * *"
    return "0 0 * * *" if unit == "day" and count == 1 else ""


_UNIT = """\
[Unit]
Description=kamsync: key accounts and their plans
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
Type=exec
ExecStart={command}
User=kamsync
Group=kamsync
{own}
Restart=on-failure
RestartSec=60
# A wrong configuration, or a second schedule on the same cache, does not mend itself.
RestartPreventExitStatus=2 3
TimeoutStopSec=40
UMask=0077
TasksMax=64
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
KeyringMode=private
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target"""
_DOCKERFILE = """\
# docker build -t kamsync .   in a folder with this file; then, beside config.toml:
# {start}
FROM python:3.12-slim AS build
RUN python -m venv /opt/kamsync && /opt/kamsync/bin/pip install --no-cache-dir "kamsync[metrics,notify]=={version}"

FROM python:3.12-slim
COPY --from=build /opt/kamsync /opt/kamsync
RUN useradd --system --uid 10001 --no-create-home kamsync && install -d -o kamsync -g kamsync -m 0700 /state \\
    && install -d -m 0755 /config
ENV PATH=/opt/kamsync/bin:$PATH KAMSYNC_CONFIG=/config/config.toml STATE_DIRECTORY=/state PYTHONDONTWRITEBYTECODE=1
USER 10001
WORKDIR /state
VOLUME /state
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5m --timeout=30s --start-period=1m CMD ["python", "-c", "{health}"]
ENTRYPOINT ["kamsync"]
CMD ["run"]
"""
_WINDOWS = """\
# In a PowerShell of an administrator. The configuration's folder must be writable for LOCAL SERVICE, and for nobody else:
#   icacls '{folder}' /inheritance:r /grant 'LOCAL SERVICE:(OI)(CI)M' 'Administrators:(OI)(CI)F'
{secrets}
$action = New-ScheduledTaskAction -Execute '{program}' -Argument '{arguments}' -WorkingDirectory '{folder}'
$trigger = New-ScheduledTaskTrigger -AtStartup
$settings = New-ScheduledTaskSettingsSet -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) `
  -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew -StartWhenAvailable
$user = New-ScheduledTaskPrincipal -UserId 'NT AUTHORITY\\LOCAL SERVICE' -LogonType ServiceAccount
Register-ScheduledTask -TaskName 'kamsync' -Action $action -Trigger $trigger -Settings $settings -Principal $user -Force
Start-ScheduledTask -TaskName 'kamsync'
"""
