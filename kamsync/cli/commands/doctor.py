"""`kamsync doctor`: what is wrong, each finding with its mend."""

from __future__ import annotations

from dataclasses import asdict

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import Session, open_session
from kamsync.contract import Finding
from kamsync.errors import KamsyncError
from kamsync.printable import one_line

MARKS = {"ok": "✓", "warning": "!", "failed": "✗"}


def doctor(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Check credentials, permissions, fields, API quota, clock and owners. Exit code 1 when a check fails."""
    findings = _findings(open_session(config))
    if json:
        show_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            show(one_line(f"{MARKS[finding.status]} {finding.check}: {finding.message}"))
            if finding.fix and finding.status != "ok":
                show(one_line(f"    {finding.fix}"))
        failed = sum(finding.status == "failed" for finding in findings)
        show(f"{failed} of {len(findings)} checks failed." if failed else f"All {len(findings)} checks passed.")
    if any(finding.status == "failed" for finding in findings):
        raise typer.Exit(1)


def _findings(session: Session) -> list[Finding]:
    """The configuration has loaded when we come here; a sign-in that fails is a finding like any other."""
    findings = [Finding("configuration", "ok", f"{session.path} is complete and its expressions are sound")]
    findings += [Finding("configuration", "warning", notice) for notice in session.config.notices]
    try:
        with session.connection() as connection:
            findings += connection.diagnose(session.doctor_request())
    except KamsyncError as error:
        findings.append(Finding("sign-in", "failed", error.message, error.fix))
    return findings
