"""What `doctor` found, with one entry for everything that one step mends. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from kamsync.contract import Finding
from kamsync.numerals import counted

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings of one status with one mend: the first one's check and message, and what the `others` are about."""

    status: Status
    check: str
    message: str
    others: tuple[str, ...]
    fix: str


def group_findings(findings: Iterable[Finding]) -> tuple[FindingGroup, ...]:
    """In the order in which they were found; a finding without a mend stands alone."""
    groups: dict[object, list[Finding]] = {}
    for index, finding in enumerate(findings):
        key = (finding.status, finding.fix) if finding.fix and finding.status != "ok" else index
        groups.setdefault(key, []).append(finding)
    return tuple(
        FindingGroup(first.status, first.check, first.message, tuple(_about(other, first) for other in others), first.fix)
        for first, *others in groups.values()
    )


def summary(findings: Iterable[Finding]) -> str:
    """ "1 thing to mend (11 checks failed), 1 warning, 14 passed." """
    every = tuple(findings)
    failed, warned, passed = ([finding.status for finding in every].count(status) for status in ("failed", "warning", "ok"))
    mends = sum(group.status == "failed" for group in group_findings(every))
    parts = [f"{counted(mends, 'thing')} to mend ({counted(failed, 'check')} failed)"] if failed else []
    parts += [counted(warned, "warning")] if warned else []
    return ", ".join([*parts, f"{passed} passed"]) + "."


def _about(other: Finding, first: Finding) -> str:
    return other.message.rstrip(".") if other.check == first.check else other.check
