"""`[plans] note = true`: each key account's plan as one note on it: up to date, never twice, never over a person's words."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
import time_machine

from kamsync.model import Stream
from kamsync.testing.memory import HUBSPOT_LIKE, Killed, Record
from tests.run.memory_desk import WELCOME, MemoryDesk, Result

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = (
    """
[program]
currency = "EUR"
[guard]
first_run = "go"
max_changed_share = 1
[plans]
note = true
[[tiers]]
name = "A"
enter = 50
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
[[criteria]]
name = "lively"
axis = "health"
goal = "retention"
weight = 1
value = "activities_90d"
scale = { linear = [0, 10] }
"""
    + WELCOME
)
EVIL = "<script>alert(1)</script> & [x](http://evil.example) <b>bold</b>"


class NoteDesk(MemoryDesk):
    """Two key accounts, one of them with a name made to break out, and one that is none."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder, monkeypatch, PROGRAM, {"potential": "number"})
        self.ana = self.crm.add_owner("Ana", "ana@example.com")
        self.acme = self.crm.add_account("Acme", owner_id=self.ana, potential=90)
        self.evil = self.crm.add_account(EVIL, owner_id=self.ana, potential=80)
        self.tiny = self.crm.add_account("Tiny", owner_id=self.ana, potential=5)

    def on(self, day: int, *arguments: str) -> Result:
        with time_machine.travel(MONDAY + timedelta(days=day), tick=True):
            return self.good(*arguments)

    def changes(self, day: int) -> list[dict[str, object]]:
        return list(self.on(day, "plan", "--json").json["changes"])

    def note(self, account: str = "") -> Record:
        (note,) = self.crm.notes(account or self.acme)
        return note


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> NoteDesk:
    return NoteDesk(tmp_path, monkeypatch)


def test_each_key_account_gets_one_note_and_the_day_after_there_is_nothing_to_do(desk: NoteDesk) -> None:
    assert "Notes with account plans (2)" in desk.on(0, "plan").out
    desk.on(0, "sync")
    body = desk.note().text("body")
    assert "<li>Tier: A since Mar 2, 2026</li>" in body and "<li>Call Acme: Due: Mar 5, 2026, Owner: Ana</li>" in body
    assert desk.crm.notes(desk.tiny) == []
    assert desk.changes(0) == [] and desk.changes(1) == []


def test_whatever_an_account_is_called_its_note_holds_it_as_text(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    body = desk.note(desk.evil).text("body")
    assert set(re.findall(r"<(/?\w+)", body)) <= {"p", "/p", "b", "/b", "ul", "/ul", "li", "/li"}
    assert "&lt;script&gt;" in body and "<b>bold" not in body


def test_what_happens_to_the_account_is_written_into_the_same_note(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    first = desk.note().id
    desk.crm.complete_task(desk.crm.tasks(desk.acme)[0].id)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0, name="More pumps")
    (change,) = desk.changes(1)
    assert (change["op"], change["account_id"], change["note_id"]) == ("write_note", desk.acme, first)
    assert "1 note written" in desk.on(1, "sync").out
    assert desk.note().id == first and "More pumps" in desk.note().text("body")
    assert desk.changes(2) == []


def test_a_tier_that_a_person_confirms_is_theirs_in_the_note_too(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    assert "Set by a person" not in desk.note().text("body")
    desk.crm.set_flag(desk.acme, "override", "A")
    desk.on(1, "sync")
    assert "Set by a person" in desk.note().text("body")
    assert desk.changes(2) == []


def test_a_task_that_is_handed_over_is_in_the_note_as_it_is_afterwards(desk: NoteDesk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(config.read_text().replace('every = "entry"\n', 'every = "entry"\non_owner_change = "follow"\n'))
    desk.on(0, "sync")
    desk.crm.edit_account(desk.acme, owner_id=desk.crm.add_owner("Bo", "bo@example.com"))
    assert sorted(str(one["op"]) for one in desk.changes(1)) == ["reassign_task", "write_note"]
    desk.on(1, "sync")
    assert "<li>Owner: Bo</li>" in desk.note().text("body") and "Mar 5, 2026, Owner: Bo" in desk.note().text("body")
    assert desk.changes(2) == []


def test_a_note_that_a_person_edited_is_theirs_and_the_run_says_so(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    theirs = desk.note().text("body").replace("Acme", "Acme (call Zoe first)")
    desk.crm.edit_note(desk.note().id, theirs)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0)
    assert "a person edited the account plan's note" in desk.on(1, "sync").out
    assert desk.note().text("body") == theirs
    held = desk.on(2, "plan", "--json").json["held_back"]
    assert [one["reason"][:15] for one in held] == ["a person edited"] and desk.changes(2) == []


def test_a_crm_that_cleans_markup_and_white_space_has_edited_nothing(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    cleaned = desk.note().text("body").replace("<p>", '<p dir="auto">').replace("</li>", "</li>\n ").replace("<b>", "<strong>")
    desk.crm.edit_note(desk.note().id, cleaned.replace("</b>", "</strong>").replace("&amp;", "&#38;"))
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0, name="More pumps")
    desk.on(1, "sync")
    assert "More pumps" in desk.note().text("body")


def test_a_note_that_a_person_deleted_is_not_made_again(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    desk.crm.delete_note(desk.note().id)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0)
    assert "a person deleted the account plan's note" in desk.on(1, "sync").out
    assert desk.crm.notes(desk.acme) == [] and desk.changes(2) == []
    assert desk.on(2, "plan", "--json").json["held_back"] == []  # it was said once
    desk.on(3, "pull", "--full")
    assert desk.changes(3) == []


def test_a_deleted_cache_finds_the_notes_and_writes_nothing(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    for path in desk.folder.glob("kamsync.db*"):
        path.unlink()
    assert desk.changes(1) == []
    desk.on(1, "sync")
    assert len(desk.crm.notes(desk.acme)) == 1


@pytest.mark.parametrize("kind", ["kill_before", "kill_after"])
@pytest.mark.parametrize("day", [0, 1])
def test_a_run_killed_at_its_notes_is_completed_by_the_next(
    desk: NoteDesk, kind: Literal["kill_before", "kill_after"], day: int
) -> None:
    if day:
        desk.on(0, "sync")
        desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0, name="More pumps")
    desk.crm.faults.add(kind, call="write_notes")
    with time_machine.travel(MONDAY + timedelta(days=day), tick=True), pytest.raises(Killed):
        desk.run("sync")
    desk.crm.faults.clear()
    desk.on(day + 1, "sync")
    assert len(desk.crm.notes(desk.acme)) == len(desk.crm.notes(desk.evil)) == 1
    assert ("More pumps" in desk.note().text("body")) == bool(day)
    assert desk.changes(day + 2) == []


def test_a_task_that_has_yet_to_be_hung_on_its_account_stands_in_the_note_already(desk: NoteDesk) -> None:
    desk.crm.behaviour = HUBSPOT_LIKE
    desk.crm.faults.fail_association(2)
    with time_machine.travel(MONDAY, tick=True):
        assert desk.run("sync").code == 1
    desk.crm.faults.clear()
    assert "Call Acme" in desk.note().text("body")

    assert {str(one["op"]) for one in desk.changes(1)} == {"attach_task"}
    desk.on(1, "sync")

    assert "Call Acme" in desk.note().text("body") and desk.changes(2) == []


def test_a_lost_answer_makes_no_second_note(desk: NoteDesk) -> None:
    desk.crm.faults.add("lose", call="write_notes")
    with time_machine.travel(MONDAY, tick=True):
        assert desk.run("sync").code == 1
    desk.crm.faults.clear()
    desk.on(1, "sync")
    assert len(desk.crm.notes(desk.acme)) == 1 and desk.changes(2) == []


def run_ids(desk: NoteDesk) -> list[str]:
    return [run["run_id"] for run in desk.on(5, "runs", "--json").json]


def test_undo_takes_new_notes_away_and_undoing_that_brings_them_back(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    before = desk.note().text("body")
    desk.on(0, "undo", run_ids(desk)[0], "--yes")
    assert desk.crm.notes(desk.acme) == [] and desk.crm.flag(desk.acme, "tier") is None
    desk.on(0, "undo", run_ids(desk)[0], "--yes")
    assert desk.note().text("body") == before


def test_undo_gives_an_older_note_its_words_back_but_leaves_what_a_person_edited(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    before = desk.note().text("body")
    for account in (desk.acme, desk.evil):
        desk.crm.add_opportunity(account, date(2026, 6, 1), 700.0, name="More pumps")
    desk.on(1, "sync")
    theirs = desk.note(desk.evil).text("body").replace("</ul>", "</ul><p>Mine</p>", 1)
    desk.crm.edit_note(desk.note(desk.evil).id, theirs)
    said = desk.on(1, "undo", run_ids(desk)[0], "--yes").out
    assert desk.note().text("body") == before and desk.note(desk.evil).text("body") == theirs
    assert "it has changed since the run" in said


def test_our_own_notes_are_no_engagement_with_the_account(desk: NoteDesk) -> None:
    desk.crm.add_activity(desk.acme, "note", date(2026, 2, 20))  # a person's
    desk.on(0, "sync")
    desk.on(1, "sync")
    assert len([one for one in desk.crm.records.living(Stream.ACTIVITIES) if one.get("account_id") == desk.acme]) == 2
    facts = {one["name"]: one["facts"]["activities_90d"] for one in desk.on(1, "accounts", "--json", "--all").json}
    assert facts["Acme"] == 1


def test_a_saved_plan_writes_its_notes_and_the_journal_shows_them(desk: NoteDesk) -> None:
    desk.on(0, "plan", "--out", "plan.json")
    desk.on(0, "apply", "plan.json", "--yes")
    assert len(desk.crm.notes(desk.acme)) == 1
    assert "note “Account plan: Acme”" in desk.on(0, "runs", "show", run_ids(desk)[0]).out


def test_forgetting_an_account_forgets_what_is_known_of_its_note(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    desk.on(0, "forget", "Acme", "--yes")
    kept = (desk.folder / "kamsync.db").read_bytes()
    assert desk.note().id.encode() not in kept


def write_below(desk: NoteDesk, text: str) -> None:
    """A person writes objectives into their own part of the note."""
    body = desk.note().text("body")
    assert "kamsync objectives" in body
    desk.crm.edit_note(desk.note().id, body.removesuffix("<p>&nbsp;</p>") + text)


OBJECTIVES = "<p>Frame contract by <b>May</b> &amp; one reference</p><ul><li>Ask Zoe</li></ul>"


def test_what_people_write_below_the_line_stays_word_for_word_while_the_rest_is_kept_up_to_date(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    write_below(desk, OBJECTIVES)
    assert desk.changes(1) == []
    for day, name in ((1, "More pumps"), (2, "Even more")):
        desk.crm.add_opportunity(desk.acme, date(2026, 6, day), 700.0, name=name)
        assert "1 note written" in desk.on(day, "sync").out
        body = desk.note().text("body")
        assert name in body and body.endswith(OBJECTIVES) and body.count("kamsync objectives") == 1
        assert desk.changes(day) == []


def test_what_people_write_below_the_line_is_on_the_page_and_in_no_file(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    write_below(desk, OBJECTIVES)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0)
    desk.on(1, "sync")
    page = desk.on(1, "account-plan", desk.acme).out
    assert "## Our objectives" in page and "- Frame contract by May & one reference\n- Ask Zoe" in page.replace("\\", "")
    for path in desk.folder.iterdir():
        assert not path.is_file() or b"Zoe" not in path.read_bytes(), path


def test_undo_leaves_what_people_wrote_below_the_line(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    first = desk.note().text("body").partition("<p><b>Your own")[0]
    write_below(desk, OBJECTIVES)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0)
    desk.on(1, "sync")
    desk.on(1, "undo", run_ids(desk)[0], "--yes")
    body = desk.note().text("body")
    assert body.startswith(first) and body.endswith(OBJECTIVES)
    said = desk.on(1, "undo", run_ids(desk)[-1], "--yes").out
    assert desk.note().text("body") == body and "a person wrote objectives into it" in said


def test_a_person_who_takes_the_line_away_has_edited_the_note(desk: NoteDesk) -> None:
    desk.on(0, "sync")
    theirs = desk.note().text("body").partition("<p><b>Your own")[0] + OBJECTIVES
    desk.crm.edit_note(desk.note().id, theirs)
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0)
    assert "a person edited the account plan's note" in desk.on(1, "sync").out
    assert desk.note().text("body") == theirs


def test_no_name_in_the_crm_passes_for_the_line_below_which_people_write(desk: NoteDesk) -> None:
    desk.crm.edit_account(desk.acme, name="Acme kamsync  Objectives")
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 1), 700.0, name="kamsync objectives")
    desk.on(0, "sync")
    desk.crm.add_opportunity(desk.acme, date(2026, 6, 2), 700.0, name="More pumps")
    desk.on(1, "sync")
    assert desk.note().text("body").count("kamsync objectives") == 1 and "More pumps" in desk.note().text("body")


def test_a_note_is_written_anew_when_a_tenth_more_of_a_goals_target_is_reached_and_not_for_less(desk: NoteDesk) -> None:
    config = desk.folder / "config.toml"
    config.write_text(config.read_text() + '\n[goals]\nretention = { kpi = "engagement", target = 20 }\n')
    desk.on(0, "sync")
    assert "Target: 20" in desk.note().text("body")
    desk.crm.add_activity(desk.acme, "call", date(2026, 3, 1))
    assert desk.changes(1) == []
    desk.crm.add_activity(desk.acme, "call", date(2026, 3, 1))
    assert [change["op"] for change in desk.changes(2) if change["account_id"] == desk.acme] == ["write_note"]
