"""The files that keep `kamsync run` going on a machine, for one configuration. Pure.

Each is complete as it is printed, and says in its first lines where it goes and what else is to be done. Secrets never stand in
one: systemd hands them over as credentials or from an environment file, Docker and cron take such a file as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath
from types import MappingProxyType

from kamsync.report.container_files import dockerfile, kubernetes_manifest
from kamsync.report.installation import Installation, as_cron, words


def systemd_unit(at: Installation) -> str:
    """A hardened unit, to be put into /etc/systemd/system."""
    folder = at.config.parent
    # Neither takes quotes: all that stands behind the sign, or behind the colon, is the path.
    inputs = [f"EnvironmentFile={_literal(f'{folder}/kamsync.env')}"] if at.environment else []
    inputs += [f"LoadCredential={_literal(f'{PurePath(name).name}:{folder / name}')}" for name in at.secret_files]
    writable = sorted({str(path) for path in (at.cache_folder, at.log_folder) if path is not None})
    home = any(str(path).startswith(("/home/", "/root/")) for path in (at.config, PurePath(at.program[0]), *writable))
    read = words((at.config, *(folder / name for name in at.beside)))
    todo = [
        "# /etc/systemd/system/kamsync.service",
        "# Once: useradd --system --no-create-home --shell /usr/sbin/nologin kamsync",
        f"#       chown root:kamsync {read} && chmod 640 {read}",
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
        *(f"ReadWritePaths={_quoted(path)}" for path in writable),
        f"ProtectHome={'read-only' if home else 'yes'}",
    ]
    return "\n".join((*todo, "", _UNIT.format(command=_started(at), own="\n".join(own)))) + "\n"


def cron_line(at: Installation) -> str:
    """A line for `crontab -e` of the user that owns the configuration; cron's own clock is the machine's."""
    sign_in = f"set -a; . {words((at.config.parent / 'kamsync.env',))}; set +a; " if at.environment else ""
    command = words((*at.program, "run", "--once", "--config", at.config))
    line = f"{as_cron(at.sync) or '0 6 * * 1-5'} {sign_in}{command}".replace("%", "\\%")
    said = [
        "# crontab -e, as the user who owns the configuration. It says what happened on standard error, which cron mails.",
        f"# The schedule is meant in {at.timezone}: cronie reads CRON_TZ; for another cron write the hour of the machine.",
    ]
    if at.environment:
        said.append(f"# {at.config.parent}/kamsync.env holds {', '.join(at.environment)}, a NAME=value a line; chmod 600.")
    if not at.sync:
        said.append("# [schedule] sync says no time: weekdays at six.")
    elif not as_cron(at.sync):
        said.append(f"# [schedule] sync = {at.sync!r} is no time of cron's: weekdays at six.")
    return "\n".join((*said, f"CRON_TZ={at.timezone}", line)) + "\n"


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
    {"systemd": systemd_unit, "docker": dockerfile, "kubernetes": kubernetes_manifest, "cron": cron_line, "windows": windows_task}
)


def _started(at: Installation) -> str:
    """The command in a unit, where a dollar sign begins a variable."""
    return " ".join(_quoted(part).replace("$", "$$") for part in (*at.program, "run", "--config", str(at.config)))


def _quoted(part: str) -> str:
    """As one word of a unit (systemd.syntax(7), "Quoting")."""
    plain = re.fullmatch(r"[\w@%+=:,./-]+", part)
    return _literal(part if plain else '"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"')


def _literal(text: str) -> str:
    """Without specifiers (systemd.unit(5)): a percent sign stands for itself."""
    return text.replace("%", "%%")


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
