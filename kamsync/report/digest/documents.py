"""A digest as a title with a text, as Markdown, as HTML and as JSON. Whatever a CRM's text holds, it stays text in each. Pure.

Chat services read marks into plain text too, and call people whom a text names with an @: a mark that shows nothing stands behind
each @ of what comes from the CRM, and titles have none of the characters that mark up.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kamsync.decide.program import Program
from kamsync.decide.reader import Reader, reader_of
from kamsync.look import style_sheet
from kamsync.printable import one_line
from kamsync.report.digest.digest import AtRisk, Digest, DueTask, Expiring, Moved
from kamsync.report.digest.words import text
from kamsync.report.page import environment

MOST_SHOWN = 20  # of a section: a digest is read, not searched
CALLS_NOBODY = "@\N{ZERO WIDTH SPACE}"
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~=:$])")  # CommonMark, "Backslash escapes"; and what else chats read
_MARKS_UP = str.maketrans(dict.fromkeys("*_`~|<>[]@#\\", " "))


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of an account or a person: name, address in the CRM ("" none), the rest. One line each, not escaped."""

    name: str
    url: str
    said: str


@dataclass(frozen=True, slots=True)
class Section:
    """A title, and what stands under it; `more`: how many lines are left out."""

    key: str
    title: str
    lines: tuple[Line, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """A digest as it is sent. `title` is one plain line; `text`, `markdown`, `html`: the same, for what a channel can show."""

    title: str
    text: str
    markdown: str
    html: str


def message_of(digest: Digest, program: Program) -> Message:
    """The digest in the programme's language."""
    said = sections(digest, program)
    head = _head(digest, program)
    return Message(title_of(digest, program), _as_text(head, said), _as_markdown(head, said), as_fragment(digest, program))


def title_of(digest: Digest, program: Program) -> str:
    """The programme, the reader, and the worst first: "Key accounts: 1 down, 2 at risk, 3 up"."""
    language = program.language

    def count(key: str, many: int) -> str:
        one = f"{key}_one"
        return text(one if many == 1 and key in ("expiring", "tasks") else f"{key}_short", language).format(many)

    counts = {"left": len(digest.left), "at_risk": len(digest.at_risk), "entered": len(digest.entered)}
    counts |= {"expiring": len(digest.expiring), "tasks": len(digest.tasks)}
    what = ", ".join(count(key, many) for key, many in counts.items() if many)
    whose = " · ".join(one for one in (program.name, digest.reader_name) if one)
    return " ".join(one_line(f"{whose}: {what}").translate(_MARKS_UP).split())


def sections(digest: Digest, program: Program) -> tuple[Section, ...]:
    """What is said, the most pressing first; what there is nothing of is left out."""
    made = _Words(digest, program)
    found = (
        made.section("left", digest.left, made.moved),
        made.section("at_risk", digest.at_risk, made.risk),
        made.section("entered", digest.entered, made.moved),
        made.section("expiring", digest.expiring, made.ending),
        made.section("tasks", digest.tasks, made.task) if digest.reader else made.workload(),
    )
    return tuple(section for section in found if section.lines)


class _Words:
    def __init__(self, digest: Digest, program: Program) -> None:
        self._digest, self._language, self._reader = digest, program.language, reader_of(program)

    def _say(self, key: str, *values: object) -> str:
        return text(key, self._language).format(*values)

    def _day(self, day: date) -> str:
        reader: Reader = self._reader
        return reader.day(day)

    def section(self, key: str, found: Sequence[Any], say: Any) -> Section:
        lines = tuple(Line(one_line(one.name), self._url(one.account_id), one_line(say(one))) for one in found[:MOST_SHOWN])
        return self._section(key, lines, len(found) - len(lines))

    def _section(self, key: str, lines: tuple[Line, ...], left_out: int) -> Section:
        more = self._say("more", self._reader.number(left_out)) if left_out > 0 else ""
        return Section(key, self._say(key), lines, more)

    def _url(self, account_id: str) -> str:
        around = self._digest.around
        return f"{around[0]}{account_id}{around[1]}" if around else ""

    def moved(self, one: Moved) -> str:
        return f"{one.before or self._say('none')} → {one.tier or self._say('none')}" + (f". {one.why}" if one.why else "")

    def risk(self, one: AtRisk) -> str:
        parts = [self._say("red", one.tier), *([self._say("renewal", self._day(one.renewal))] if one.renewal else [])]
        return ", ".join(parts)

    def ending(self, one: Expiring) -> str:
        return self._say("until", one.tier or self._say("none"), self._day(one.until))

    def task(self, one: DueTask) -> str:
        return f"{one.subject} ({self._say('late' if one.due < self._digest.as_of else 'due', self._day(one.due))})"

    def workload(self) -> Section:
        """For the programme: how many tasks each person has this week, the most first."""
        due, late = Counter[str](), Counter[str]()
        for one in self._digest.tasks:
            (late if one.due < self._digest.as_of else due)[one.owner_id] += 1
        people = self._digest.people or {}
        ranked = sorted({*due, *late}, key=lambda owner: (-due[owner] - late[owner], people.get(owner, owner), owner))
        lines = tuple(
            Line(self._person(owner), "", ", ".join(self._counts(due[owner], late[owner]))) for owner in ranked[:MOST_SHOWN]
        )
        return self._section("tasks", lines, len(ranked) - len(lines))

    def _person(self, owner_id: str) -> str:
        return one_line((self._digest.people or {}).get(owner_id) or owner_id or self._say("nobody"))

    def _counts(self, due: int, late: int) -> Iterator[str]:
        for key, many in (("person_due", due), ("person_late", late)):
            if many:
                yield self._say(key, self._reader.number(many))


def _head(digest: Digest, program: Program) -> str:
    day = reader_of(program).day(digest.as_of)
    return text("as_of", program.language).format(text("digest", program.language), day)


def _as_text(head: str, said: Iterable[Section]) -> str:
    lines = [head]
    for section in said:
        lines += ["", section.title]
        for line in section.lines:
            lines.append(f"- {line.name}: {line.said}")
            lines += [f"  {line.url}"] if line.url else []
        lines += [f"  {section.more}"] if section.more else []
    return "\n".join(lines)


def _as_markdown(head: str, said: Iterable[Section]) -> str:
    lines = [_escaped(head)]
    for section in said:
        lines += ["", f"**{_escaped(section.title)}**", ""]
        for line in section.lines:
            name = f"[{_escaped(line.name)}](<{line.url}>)" if line.url else _escaped(line.name)
            lines.append(f"- {name}: {_escaped(line.said)}")
        lines += [f"- {_escaped(section.more)}"] if section.more else []
    return "\n".join(lines)


def calling_nobody(said: str) -> str:
    """The text for a chat that reads plain text: an @ in it calls nobody."""
    return said.replace("@", CALLS_NOBODY)


def _escaped(said: str) -> str:
    return calling_nobody(_MARKUP.sub(r"\\\1", said))


def as_fragment(digest: Digest, program: Program) -> str:
    """The body of a mail: no style sheet, no picture, nothing that is fetched."""
    body = environment().get_template("digest_body.html")
    return calling_nobody(body.render(head=_head(digest, program), sections=sections(digest, program)).strip())


def as_page(digests: Sequence[tuple[Digest, Program]]) -> str:
    """Several digests on one page, to look at before they are sent. Each comes with the programme in its reader's language."""
    first = digests[0][1]
    shown = [(title_of(digest, program), _head(digest, program), sections(digest, program)) for digest, program in digests]
    template = environment().get_template("digest.html")
    return template.render(language=first.language.replace("_", "-"), title=first.name, digests=shown, style=style_sheet())


def as_json(digest: Digest, program: Program) -> dict[str, Any]:
    """For machines: what is said, in ids, names and ISO days."""
    return {
        "reader": digest.reader or None,
        "name": digest.reader_name or program.name,
        "title": title_of(digest, program),
        "as_of": digest.as_of.isoformat(),
        "entered": [_moved_json(one) for one in digest.entered],
        "left": [_moved_json(one) for one in digest.left],
        "at_risk": [
            _account(one) | {"tier": one.tier, "next_renewal_date": one.renewal and one.renewal.isoformat()}
            for one in digest.at_risk
        ],
        "expiring": [_account(one) | {"override": one.tier or None, "until": one.until.isoformat()} for one in digest.expiring],
        "tasks": [_account(one) | {"subject": one.subject, "due": one.due.isoformat()} for one in digest.tasks],
    }


def _moved_json(one: Moved) -> dict[str, Any]:
    return _account(one) | {"from": one.before or None, "to": one.tier or None, "why": one.why}


def _account(one: Moved | AtRisk | Expiring | DueTask) -> dict[str, Any]:
    return {"account_id": one.account_id, "name": one.name, "owner_id": one.owner_id or None}
