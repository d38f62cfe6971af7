"""The account's plan as an AccountPlan of Salesforce, with the programme's goals as its objectives, each with one measure.

The plan's text stands in `Notes` and tells by its mark what it was made from, as a note's does, so all that holds for notes
holds here: found again by any machine, never over a person's edit, taken back by undo. Where the text names goals
(note_text.goals_in) each is an AccountPlanObjective, known by what its description says: which goal, and a fingerprint of what
this program wrote there. One that a person has changed is theirs from then on, and one that a person has deleted is not made
again: what the text named before was made. Plan and objectives are written by one composite request, all or nothing (Object
Reference, "AccountPlanObjective": master ids are set when a record is made and never again).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape, unescape
from typing import Any

from kamsync.contract import NOTE_MARK
from kamsync.errors import AccessDenied, KamsyncError
from kamsync.model.exchange import NewNote, NoteRef, NoteSeen, Outcome
from kamsync.note_text import NoteGoal, goals_in, mark_in, program_part
from kamsync.portions import portions
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.composite import SUBREQUESTS, is_gone, is_good, outcome_of, send, subrequest
from kamsync_salesforce.api.errors import REFUSALS, is_unanswered
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.push.notes import Notes, after_silence
from kamsync_salesforce.translate import IDS_PER_QUERY, MEASURE, OBJECTIVE, PLAN, quote, select

NAME_LENGTH = 255
PLAN_LENGTH = 30_000  # of what a text area holds at least (Object Reference, "AccountPlan": 32,000), without the mark
NOTE_ID = "069"  # the prefix of notes
INSTEAD = (
    "The mapping says account_plans = true, but Salesforce shows our user no Account Plans, or not all of them: account plans "
    "are kept as notes instead. `kamsync doctor` says what is missing."
)
_BULLET = "• "
_BLOCK = re.compile(r"<(p|li)>(.*?)</\1>", re.DOTALL)
_GOAL = re.compile(r"kamsync goal ([a-z]+)-([0-9a-f]{10})")
_UNITS = {"currency": "Currency", "percent": "Percent", "number": "Number"}


@dataclass(frozen=True, slots=True)
class _Kept:
    """An objective of ours as the CRM shows it, with the ids of all its measures."""

    objective_id: str
    measure_ids: tuple[str, ...]
    is_intact: bool
    goal: NoteGoal


@dataclass(frozen=True, slots=True)
class _Write:
    """One account's subrequests; the first is the plan's own."""

    note: NewNote
    requests: tuple[dict[str, Any], ...]


class AccountPlans:
    """Plans of one connection. Notes that are there already stay notes; so do all where the org has no Account Plans for us."""

    def __init__(self, client: Client, fields: Fields, notes: Notes) -> None:
        self._client = client
        self._fields = fields
        self._notes = notes
        self._can: bool | None = None

    # --- reading -------------------------------------------------------------------------------------------------------------

    def fetch(self, notes: Sequence[NoteRef], *, whole: bool) -> Mapping[str, NoteSeen]:
        """By account id. Raises AccessDenied for the plan of an org that no longer shows plans to our user."""
        named = [note for note in notes if not _may_be_a_note(note)]
        if not self._is_there():
            if named:
                raise AccessDenied(
                    "Salesforce no longer shows Account Plans to our user, and account plans are kept there.",
                    fix="Switch them on and run `kamsync setup`, or set note = false under [plans].",
                )
            return self._notes.fetch(notes, whole=whole)
        found = self._plans("Id", {note.note_id: note.account_id for note in named})
        unnamed = [note.account_id for note in notes if not note.note_id]
        found |= self._plans("AccountId", {account: account for account in unnamed}, marked=True)
        others = [note for note in notes if note.account_id not in found and _may_be_a_note(note)]
        return {**(self._notes.fetch(others, whole=whole) if others else {}), **found}

    @property
    def notice(self) -> str:
        """Why plans are kept as notes instead; "" where they are not."""
        return "" if self._is_there() else INSTEAD

    def _is_there(self) -> bool:
        if self._can is None:
            try:
                notes = self._fields.find(PLAN, "Notes")
                self._can = notes is not None and bool(self._fields.object(PLAN).get("createable", True))
                self._can = self._can and all(self._fields.of(one) for one in (OBJECTIVE, MEASURE))
            except REFUSALS as error:
                self._client.log("account_plans_unavailable", error=error.message)
                self._can = False
        return self._can

    def _plans(self, by: str, accounts: Mapping[str, str], *, marked: bool = False) -> dict[str, NoteSeen]:
        """Plans by the account that stands for the value of the field `by`; of several that carry our mark the oldest."""
        found: dict[str, NoteSeen] = {}
        for some in portions(sorted(accounts), IDS_PER_QUERY):
            where = f"{by} IN ({', '.join(map(quote, some))})"
            soql = select(PLAN, ("Id", "AccountId", "Notes"), (where,), "CreatedDate, Id")
            for record in self._client.records(soql, doing="reading account plans"):
                text = str(record.get("Notes") or "")
                if not marked or NOTE_MARK.strip() in text:
                    body = text if self._holds_html() else _html_of(text)
                    found.setdefault(accounts[str(record[by])], NoteSeen(str(record["Id"]), body))
        return found

    def _holds_html(self) -> bool:
        return bool((self._fields.find(PLAN, "Notes") or {}).get("htmlFormatted"))

    def _kept(self, plans: Sequence[str]) -> dict[str, dict[str, _Kept]]:
        """Our objectives of these plans, by plan and goal."""
        objectives = {
            str(one["Id"]): one for one in self._children(OBJECTIVE, "AccountPlanId", ("Name", "Status", "Description"), plans)
        }
        names = ("Name", "ValueType", "TargetValue", "CurrentValue")
        measures: dict[str, list[Mapping[str, Any]]] = {}
        for one in self._children(MEASURE, "AccountPlanObjectiveId", names, list(objectives)):
            measures.setdefault(str(one["AccountPlanObjectiveId"]), []).append(one)
        found: dict[str, dict[str, _Kept]] = {}
        for objective_id, objective in objectives.items():
            mark = _GOAL.search(str(objective.get("Description") or ""))
            if mark is not None:
                kept = _kept_goal(mark[1], mark[2], objective, measures.get(objective_id, ()))
                found.setdefault(str(objective["AccountPlanId"]), {}).setdefault(mark[1], kept)
        return found

    def _children(self, sobject: str, master: str, names: Sequence[str], of: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        for some in portions(of, IDS_PER_QUERY):
            where = f"{master} IN ({', '.join(map(quote, some))})"
            yield from self._client.records(
                select(sobject, ("Id", master, *names), (where,), "CreatedDate, Id"), doing="reading account plans"
            )

    # --- writing -------------------------------------------------------------------------------------------------------------

    def write(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """As many accounts a request as it holds, new plans and old ones."""
        is_there = self._is_there()
        yield from self._notes.write([note for note in notes if note.note_id.startswith(NOTE_ID) or not is_there])
        ours = [note for note in notes if is_there and not note.note_id.startswith(NOTE_ID)]
        older = {note.note_id: note.account_id for note in ours if note.note_id}
        kept = self._kept(list(older))
        before = {account: goals_in(seen.body) for account, seen in self._plans("Id", older).items()} if older else {}
        writes = [self._write(note, kept.get(note.note_id, {}), before.get(note.account_id, ())) for note in ours]
        for some in _packed(writes):
            yield from self._send(some)

    def _write(self, note: NewNote, kept: Mapping[str, _Kept], before: Sequence[NoteGoal]) -> _Write:
        body = program_part(note.body)  # people keep their objectives as records here, and need no place in the text
        values = {"Name": note.title[:NAME_LENGTH], "Notes": body if self._holds_html() else _text_of(body)}
        if note.note_id:
            requests = [self._request("PATCH", f"{PLAN}/{note.note_id}", "plan", note, values)]
        else:
            values |= {"AccountId": note.account_id, "Status": "Active"} | ({"OwnerId": note.owner_id} if note.owner_id else {})
            requests = [self._request("POST", PLAN, "plan", note, values)]
        wanted = {goal.key: goal for goal in goals_in(body)}
        made = {goal.key for goal in before}
        for key, goal in wanted.items():
            if key in kept:
                requests += self._change(note, kept[key], goal)
            elif key not in made:
                requests += self._make(note, goal)
        requests += [
            self._request("DELETE", f"{OBJECTIVE}/{one.objective_id}", f"gone_{key}", note)
            for key, one in kept.items()
            if key not in wanted and one.is_intact
        ]
        return _Write(note, tuple(requests))

    def _make(self, note: NewNote, goal: NoteGoal) -> Iterator[dict[str, Any]]:
        plan = note.note_id or f"@{{{_reference('plan', note)}.id}}"
        yield self._request("POST", OBJECTIVE, f"goal_{goal.key}", note, {"AccountPlanId": plan, **_objective(goal)})
        master = {"AccountPlanObjectiveId": f"@{{{_reference(f'goal_{goal.key}', note)}.id}}"}
        yield self._request("POST", MEASURE, f"measure_{goal.key}", note, {**master, **_measure(goal)})

    def _change(self, note: NewNote, kept: _Kept, goal: NoteGoal) -> Iterator[dict[str, Any]]:
        if kept.is_intact and kept.goal != goal:
            yield self._request("PATCH", f"{OBJECTIVE}/{kept.objective_id}", f"goal_{goal.key}", note, _objective(goal))
            yield self._request("PATCH", f"{MEASURE}/{kept.measure_ids[0]}", f"measure_{goal.key}", note, _measure(goal))

    def _request(
        self, method: str, path: str, what: str, note: NewNote, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return subrequest(self._client, method, path, _reference(what, note), values)

    def _send(self, writes: Sequence[_Write]) -> Iterator[Outcome]:
        """Together; where one is refused, which takes the others along, each by itself."""
        requests = [one for write in writes for one in write.requests]
        try:
            answers = iter(send(self._client, requests, "writing account plans", together=True))
        except KamsyncError as error:
            if not is_unanswered(error):
                raise
            tried = [write.note for write in writes]
            yield from after_silence(self._client, tried, error, look=partial(self.fetch, whole=True), mark=mark_in)
            return
        answered = [(write, [next(answers) for _ in write.requests]) for write in writes]
        if len(writes) > 1 and any(not is_good(answer) for _, some in answered for answer in some):
            for write in writes:
                yield from self._send([write])
            return
        for write, some in answered:
            yield outcome_of(write.note.account_id, write.note.note_id or _made_id(some), some)

    def delete(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        """For good, with their objectives: there is no recycle bin for plans."""
        yield from self._notes.delete([note for note in notes if note.note_id.startswith(NOTE_ID)])
        for some in portions([note for note in notes if not note.note_id.startswith(NOTE_ID)], SUBREQUESTS):
            asked = [subrequest(self._client, "DELETE", f"{PLAN}/{note.note_id}", f"r{at}") for at, note in enumerate(some)]
            try:
                answers = send(self._client, asked, "deleting account plans")
            except KamsyncError as error:
                if not is_unanswered(error):
                    raise
                answers = [{} for _ in asked]
            for note, answer in zip(some, answers, strict=True):
                gone = is_gone(answer)
                done = Outcome(note.account_id, "done", note.note_id)
                yield done if gone else outcome_of(note.account_id, note.note_id, [answer])


def _may_be_a_note(note: NoteRef) -> bool:
    return not note.note_id or note.note_id.startswith(NOTE_ID)


def _kept_goal(key: str, fingerprint: str, objective: Mapping[str, Any], measures: Sequence[Mapping[str, Any]]) -> _Kept:
    first: Mapping[str, Any] = measures[0] if measures else {}
    unit = next((name for name, word in _UNITS.items() if word == first.get("ValueType")), "")
    said = (str(objective.get("Name") or ""), unit, *(str(first.get(name) or "") for name in ("TargetValue", "CurrentValue")))
    goal = NoteGoal(key, *said)
    unchanged = len(measures) == 1 and first.get("Name") == goal.name[:NAME_LENGTH] and _fingerprint(goal) == fingerprint
    as_written = unchanged and objective.get("Status") == _status(goal)
    return _Kept(str(objective["Id"]), tuple(str(one["Id"]) for one in measures), as_written, goal)


def _objective(goal: NoteGoal) -> dict[str, str]:
    mark = f"kamsync goal {goal.key}-{_fingerprint(goal)}"
    return {"Name": goal.name[:NAME_LENGTH], "Status": _status(goal), "Description": mark}


def _measure(goal: NoteGoal) -> dict[str, Any]:
    values = {"TargetValue": goal.target, "CurrentValue": goal.current or None}
    return {"Name": goal.name[:NAME_LENGTH], "ValueType": _UNITS[goal.unit], **values}


def _status(goal: NoteGoal) -> str:
    return "In Progress" if goal.current else "New"


def _fingerprint(goal: NoteGoal) -> str:
    said = "\n".join((goal.name[:NAME_LENGTH], goal.unit, goal.target, goal.current))
    return hashlib.sha256(said.encode()).hexdigest()[:10]


def _reference(what: str, note: NewNote) -> str:
    """Of a subrequest, among those of all accounts of a request: letters, digits and underscores."""
    return f"{what}_{note.account_id}"


def _packed(writes: Sequence[_Write]) -> Iterator[list[_Write]]:
    """As many as one request holds."""
    some: list[_Write] = []
    for write in writes:
        if some and sum(len(one.requests) for one in (*some, write)) > SUBREQUESTS:
            yield some
            some = []
        some.append(write)
    if some:
        yield some


def _made_id(answers: Sequence[Mapping[str, Any]]) -> str:
    body = answers[0].get("body")
    return str(body.get("id") or "") if isinstance(body, Mapping) else ""


def _text_of(body: str) -> str:
    """The body of a note, which is paragraphs and items, as lines of plain text."""
    lines = []
    for tag, inner in _BLOCK.findall(body):
        said = " ".join(unescape(re.sub(r"</?b>", "", inner)).split())
        lines.append(f"{_BULLET}{said}" if tag == "li" else said)
    return "\n".join(line for line in lines if line)


def _html_of(text: str) -> str:
    """Lines of plain text as the body that they were made of."""
    lines = (line.strip() for line in text.splitlines())
    return "".join(
        f"<li>{escape(line.removeprefix(_BULLET), quote=False)}</li>"
        if line.startswith(_BULLET)
        else f"<p>{escape(line, quote=False)}</p>"
        for line in lines
        if line
    )
