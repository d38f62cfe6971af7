"""`kamsync doctor`: what is wrong, each finding with its mend."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.text import Text

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import Session, open_session
from kamsync.contract import Finding
from kamsync.errors import KamsyncError
from kamsync.report.findings_text import FindingGroup, group_findings, summary
from kamsync.report.text_width import wrap

# Mark, word and colour of each status: a reader needs one of them to tell a warning from a failure.
MARKS = {"ok": ("✓ ok     ", "green"), "warning": ("! warning", "yellow"), "failed": ("✗ failed ", "bold red")}
INDENT = " " * 11
NOT_MAPPED = "not mapped to a CRM field"


def doctor(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Check sign-in, permissions, fields, API quota and owners. Exit code 1 when a check fails."""
    session = open_session(config)
    findings = _findings(session)
    failed = any(finding.status == "failed" for finding in findings)
    if json:
        show_json([asdict(finding) for finding in findings])
    else:
        for group in group_findings(findings):
            _show(group)
        session.keep_notices_told()
        show(summary(findings))
        show("Next: mend what failed, then run kamsync doctor again." if failed else "Next: kamsync plan, which writes nothing.")
    if failed:
        raise typer.Exit(1)


def _show(group: FindingGroup) -> None:
    mark, style = MARKS[group.status]
    width = out.width - len(INDENT)
    said = group.message if group.message.startswith(group.check) else f"{group.check}: {group.message}"
    first, *more = wrap(said, width)
    show(Text.assemble((mark, style), "  ", first))
    lines = list(more)
    if group.others:
        lines += wrap(f"The same mend for {len(group.others)} more: {'; '.join(group.others)}", width)
    for line in lines:
        show(INDENT + line)
    if group.fix and group.status != "ok":
        for line in wrap(group.fix, width):
            show(Text(INDENT + line, style="bold"))


def _findings(session: Session) -> list[Finding]:
    """The configuration has loaded when we come here; a sign-in that fails is a finding like any other."""
    findings = findings_of_configuration(session)
    try:
        with session.connection() as connection:
            findings += connection.diagnose(session.doctor_request())
    except KamsyncError as error:
        findings.append(Finding("sign-in", "failed", error.message, error.fix))
    return findings


def findings_of_configuration(session: Session) -> list[Finding]:
    """What is to be said of the configuration itself, which has loaded."""
    sound = Finding("configuration", "ok", f"{session.path.name} is complete and its expressions are sound")
    return [sound, *(_noticed(notice) for notice in session.config.notices)]


def _noticed(notice: str) -> Finding:
    """A notice of the configuration with its mend: for a file that others can read, the command that it ends with."""
    said, _, command = notice.rpartition(": ")
    if command.startswith("chmod "):
        return Finding("configuration", "warning", f"{said}.", command)
    mend = "Map the field where your CRM has one (kamsync mapping copy FILE); without it the other criteria weigh more."
    return Finding("configuration", "warning", notice, mend if NOT_MAPPED in notice else "")
