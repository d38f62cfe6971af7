"""A company over days: what people do, what the program does, what goes wrong, and what must hold after every run.

Plain methods, so that a scripted story reads as one; `tests.story.machine` plays them at random. Every check has a name, by which
it is reported and can be looked up.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Literal

from kamsync.decide.plan import Plan, UpdateAccount
from kamsync.model import Stream
from kamsync.testing.memory import (
    FLAG_FIELDS,
    SALESFORCE_LIKE,
    TASK_KEY,
    Backup,
    Behaviour,
    FaultKind,
    MemoryCrm,
    Record,
    Written,
)
from tests.story.company import ADOPT_DAYS, USUAL, Rules, open_org
from tests.story.inheritance import NOTHING, Choice, Sight
from tests.story.model import NONE, Fields, score_of, valid_override, wanted
from tests.story.program import LEASE, Computer, Ran

FIRST_DAY = date(2026, 11, 23)
TIER, DECIDED = FLAG_FIELDS["tier"], FLAG_FIELDS["decided_tier"]
OVERRIDE, UNTIL = FLAG_FIELDS["override"], FLAG_FIELDS["override_until"]
PEOPLES_FIELDS = {"owner_id", "subject", "due", "is_open", "is_deleted"}  # an edit of one of them makes a task a person's
OF_A_TASK_THAT_IS = {"is_open", "is_deleted", "account_id", TASK_KEY}  # what the program may write to one
BY_A_PERSON = "Set by a person"
MOST_RUNS_TO_REST = 14  # the limit of new tasks lets some wait
Waits = Literal["no", "yes", "unknown"]


class Broken(AssertionError):
    """A promise does not hold. The message begins with the name of the check."""


@dataclass(frozen=True)
class Hold:
    """A tier that a person set by hand: it stays until a day, which the first run that sees it determines."""

    tier: str
    until: date | None = None


@dataclass(frozen=True)
class Key:
    """A task's key taken apart, independently of the program."""

    playbook: str
    task: str
    occurrence: str
    account_id: str

    @staticmethod
    def of(text: str) -> Key:
        playbook, task, rest = text.split(":", 2)
        occurrence, account_id = rest.rsplit(":", 1)
        return Key(playbook, task, occurrence, account_id)


@dataclass(frozen=True)
class Past:
    """A run that may be taken back: the records before it, and the part of the CRM's log that it wrote."""

    computer: Computer
    run_id: str
    before: Backup
    start: int
    end: int
    is_undo: bool = False


class Story:
    """One company. `off`: names of checks that are not made, for a look at one promise of a program that breaks another."""

    def __init__(self, behaviour: Behaviour = SALESFORCE_LIKE, *, number: int = 0, off: frozenset[str] = frozenset()) -> None:
        self.crm: MemoryCrm = open_org(number, behaviour)
        self.computers = [Computer(self.crm)]
        self.computer = self.computers[0]
        self.day, self.rules = FIRST_DAY, USUAL
        self.off = off
        self.decided: dict[str, str] = {}
        self.holds: dict[str, Hold] = {}
        self.past: Past | None = None
        self.undone: Past | None = None
        self._sights: dict[str, Sight] = {}  # by the computer's name
        self._indexed: dict[str, Choice] = {}  # the overrides when the index stopped
        self._waits: dict[str, Waits] = {}
        self.saved_by: Computer | None = None
        self._kept: tuple[Backup, dict[str, str], dict[str, Hold], dict[str, date]] | None = None
        self.is_broken = self._lagging = False
        self._saved_on = FIRST_DAY
        self._strangers: set[str] = set()  # tasks of which no cache knows any more how they were made
        self._days: list[tuple[int, date]] = []  # the day of every run, by the stamp at its beginning
        self._undos: list[tuple[int, int]] = []  # stamps between which an undo wrote
        self._freeable: set[str] = set()  # keys of tasks made by runs that were taken back
        self._lives_as: dict[str, str | None] = {}  # merged accounts: whose fields live on, and under which id
        self._merges_wrote: set[int] = set()  # places in the log: nobody typed that
        self._saved_when: tuple[int, date, Rules] | None = None

    def end(self) -> None:
        for computer in self.computers:
            computer.throw_away()

    def twin(self) -> Story:
        """A company that came to where this one is by the same way, with a CRM and computers of its own."""
        return copy.deepcopy(self, {id(self.rules): self.rules})  # a programme that nobody changed is the same one

    @property
    def waits_for_person(self) -> Waits:
        """Whether the schedule of this computer is held back after an undo; that is in its journal, so each has its own."""
        return self._waits.get(self.computer.name, "no")

    @waits_for_person.setter
    def waits_for_person(self, waits: Waits) -> None:
        self._waits[self.computer.name] = waits

    # --- people --------------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[str]:
        """Ids of the living accounts."""
        return sorted(record.id for record in self.crm.accounts())

    def deleted_accounts(self) -> list[str]:
        """Ids of accounts in the recycle bin."""
        table = self.crm.records.tables[Stream.ACCOUNTS]
        return sorted(one for one, record in table.items() if record.deleted and one not in self.crm.records.merges)

    def edit_tier(self, account_id: str, tier: str) -> None:
        fields = self._fields(account_id)
        self.crm.set_flag(account_id, "tier", tier)
        if valid_override(fields, self.rules, self.day):
            return  # it wins
        decided = fields.decided
        if not decided or tier == ("" if decided == NONE else decided):
            self.holds.pop(account_id, None)
        else:
            self.holds[account_id] = Hold(tier)

    def edit_override(self, account_id: str, choice: str, until: date | None = None) -> None:
        self.crm.set_flag(account_id, "override", choice)
        self.crm.set_flag(account_id, "override_until", until if choice else None)
        self.holds.pop(account_id, None)

    def edit_potential(self, account_id: str, potential: int) -> None:
        self.crm.edit_account(account_id, potential=potential)

    def change_owner(self, account_id: str) -> None:
        owners = sorted(self.crm.records.tables[Stream.OWNERS])
        present = self.crm.account(account_id).text("owner_id")
        self.crm.edit_account(account_id, owner_id=owners[1 - owners.index(present)])

    def tasks(self, playbook: str = "") -> list[Record]:
        """The living tasks of this program, of one playbook or of all."""
        return [task for task in self.crm.tasks() if task.text(TASK_KEY).startswith(playbook) and task.get(TASK_KEY)]

    def merge(self, winner_id: str, loser_id: str) -> str:
        logged = len(self.crm.log)
        survivor = self.crm.merge_accounts(winner_id, loser_id)
        self._merges_wrote |= set(range(logged, len(self.crm.log)))
        for computer in self.computers:
            self._sight(computer).merge((winner_id, loser_id), survivor)
        hold = self.holds.pop(winner_id, None)
        self.holds.pop(loser_id, None)
        if hold is not None:
            self.holds[survivor] = hold
        self.decided[survivor] = self.decided.get(winner_id, "")
        self._lives_as[winner_id], self._lives_as[loser_id] = survivor, None
        self._kept = None
        return survivor

    def delete_account(self, account_id: str) -> None:
        self.crm.delete_account(account_id)
        self._kept = None

    def restore_account(self, account_id: str) -> None:
        self.crm.restore_account(account_id)
        self._kept = None

    # --- the world -----------------------------------------------------------------------------------------------------------

    def sleep(self, days: int) -> None:
        self.day += timedelta(days=days)

    def stop_index(self) -> None:
        self.crm.stop_index()
        self._indexed = self._overrides()
        self._lagging = True

    def catch_up(self) -> None:
        self.crm.catch_up()
        self._lagging = False

    def change_programme(self, rules: Rules) -> None:
        if rules is not self.rules and self.waits_for_person == "yes":
            self.waits_for_person = "unknown"  # a change of the criteria lets the schedule go on
        self.rules = rules

    def keep_backup(self) -> None:
        tiers_left = {one: self._left_best_on(one) for one in self.accounts()}
        self._kept = (self.crm.backup(), dict(self.decided), dict(self.holds), tiers_left)

    def restore_backup(self) -> None:
        """The accounts as they were: what an admin does with a data loader."""
        assert self._kept is not None
        backup, decided, holds, _ = self._kept
        self.crm.restore(backup, frozenset({Stream.ACCOUNTS}))
        self.decided, self.holds = dict(decided), dict(holds)

    @property
    def has_backup(self) -> bool:
        return self._kept is not None

    def delete_cache(self) -> None:
        """And with it what tells that a lease is that of a dead run of this machine."""
        self.crm.let_pass(LEASE)
        self.computer.delete_cache()
        self._sight(self.computer).forget()
        if self.waits_for_person == "yes":
            self.waits_for_person = "unknown"  # nobody remembers the undo
        self._strangers |= set(self.crm.records.tables[Stream.TASKS])
        if self.past is not None and self.past.computer is self.computer:
            self.past = None
        if self.undone is not None and self.undone.computer is self.computer:
            self.undone = None
        if self.saved_by is self.computer:
            self.saved_by = None

    def other_computer(self) -> None:
        """Somebody works on another machine, with a cache of its own, after what a dead run held there is over."""
        self.crm.let_pass(LEASE)
        if len(self.computers) == 1:
            self.computers.append(Computer(self.crm, "second"))
        self.computer = self.computers[1 - self.computers.index(self.computer)]
        self.past = self.undone = None  # a journal is on the machine that wrote it

    # --- the program ---------------------------------------------------------------------------------------------------------

    def sync(self) -> Ran:
        if self.waits_for_person != "no":
            return self._held_back_sync()
        return self._run(lambda: self.computer.sync(self.rules, self.day))

    def _held_back_sync(self) -> Ran:
        """After an undo the schedule waits for a person."""
        stamp = self.crm.records.stamp
        if self.waits_for_person == "unknown" or "waits" in self.off:
            ran = self._run(lambda: self.computer.sync(self.rules, self.day), may_refuse=True)
            if ran.ending != "refused":
                self.waits_for_person = "no"
            return ran
        ran = self.computer.sync(self.rules, self.day)
        self._check("waits", ran.ending == "refused", f"sync after an undo ended {ran.ending}")
        self._check("waits", self.crm.records.stamp == stamp, "a refused run has written")
        return ran

    def apply(self) -> Ran:
        self.waits_for_person = "no"
        return self._run(lambda: self.computer.apply(self.rules, self.day))

    def apply_while(self, meddle: Callable[[], str]) -> Ran:
        """A person looks at the plan and says yes; in between `meddle` edits an account or a task, and returns its id."""
        self.waits_for_person = "no"
        touched: list[tuple[str, int, bool]] = []

        def between(plan: Plan) -> None:
            stamp, logged = self.crm.records.stamp, len(self.crm.log)
            edited = meddle()
            planned = any(change.account_id == edited and isinstance(change, UpdateAccount) for change in plan.changes)
            # What somebody set to what it was already is no edit; nor is what an index that stopped had shown all along.
            moved = len(self.crm.log) > logged and not (
                self._lagging and self._overrides().get(edited) == self._indexed.get(edited)
            )
            touched.append((edited, stamp, planned and moved))

        start = len(self.crm.log)
        ran = self._run(lambda: self.computer.apply(self.rules, self.day, between), meddled=touched)
        for edited, stamp, planned in touched:
            if not planned:
                continue
            news = [one for one in self.crm.log[start:] if one.author == "program" and one.stamp > stamp]
            wrote = [one for one in news if one.record_id == edited]
            self._check("last look", not wrote, f"{edited} was edited while the plan was read, and written all the same: {wrote}")
            made = [self._task_key(one.record_id) for one in news if one.name == TASK_KEY and one.after]
            follow = [key for key in made if Key.of(key).account_id == edited]
            self._check("last look", not follow, f"the update of {edited} was held back, its tasks were made: {follow}")
        return ran

    def save_plan(self) -> Ran:
        stamp = self.crm.records.stamp
        ran = self.computer.save_plan(self.rules, self.day)
        self._check("ends well", ran.ending == "done", f"plan ended {ran.ending}: {ran.words}")
        self._check("plan writes nothing", self.crm.records.stamp == stamp, "plan has written")
        self._sight(self.computer).glimpse(self._overrides(), *([self._indexed] if self._lagging else []))
        self.saved_by, self._saved_on = self.computer, self.day
        self._saved_when = self._present()
        return ran

    def _present(self) -> tuple[int, date, Rules]:
        """All that a plan depends on, by what changes with it."""
        return self.crm.records.stamp, self.day, self.rules

    def ask_the_doctor(self) -> None:
        stamp = self.crm.records.stamp
        failed = self.computer.ask_the_doctor(self.rules)
        self._check("doctor is content", not failed, f"doctor finds {failed}")
        self._check("doctor writes nothing", self.crm.records.stamp == stamp, "doctor has written")

    def apply_saved(self) -> Ran:
        """A plan saved before; refused where the CRM moved on."""
        assert self.saved_by is self.computer
        waits = self.waits_for_person
        self.waits_for_person = "no"
        may_refuse = self._lagging or self._saved_when != self._present()
        ran = self._run(lambda: self.computer.apply_saved(self.rules, self.day), may_refuse=may_refuse, decided_on=self._saved_on)
        if ran.ending == "refused":
            self.waits_for_person = waits
        return ran

    def sync_with(self, kind: FaultKind, call: int = 0, *, name: str = "") -> Ran:
        """A run during which the world fails at its n-th call, of all or of that name."""
        fault = self.crm.faults.add(kind, skip=call, call=name)

        def is_good(ran: Ran) -> bool:
            # An answer that was lost and found again leaves a good run.
            return not fault.fired or (kind == "lose" and ran.ending == "done")

        ran = self._run(lambda: self.computer.sync(self.rules, self.day), good=is_good, may_refuse=True)
        self.crm.faults.clear()
        return ran

    def sync_killed_at_commit(self, commit: int, *, after: bool) -> Ran:
        """A run that ends before or after its n-th commit to the cache."""
        self.computer.mortal.commits, self.computer.mortal.after = commit, after
        return self._run(lambda: self.computer.sync(self.rules, self.day), may_refuse=True)

    def sync_refusing(self, account_id: str) -> Ran:
        """A run during which the CRM takes no update of one account."""
        self.crm.faults.refuse(account_id)
        ran = self._run(lambda: self.computer.sync(self.rules, self.day), good=lambda ran: False, may_refuse=True)
        self.crm.faults.clear()
        return ran

    def sync_with_loose_tasks(self, count: int) -> Ran:
        """A run during which that many tasks are not hung on their accounts."""
        self.crm.faults.fail_association(count)
        ran = self._run(lambda: self.computer.sync(self.rules, self.day), good=lambda ran: False, may_refuse=True)
        self.crm.faults.clear()
        return ran

    def undo(self) -> Ran:
        """Takes the last run back."""
        assert self.past is not None
        past, self.past = self.past, None
        start, stamp = len(self.crm.log), self.crm.records.stamp
        before = self.crm.backup()
        self._days.append((stamp, self.day))
        self._freeable |= self._keys_made_by(past)
        ran = self._undo(past)
        self._undos.append((stamp, self.crm.records.stamp))
        self._check("ends well", ran.ending == "done", f"undo ended {ran.ending}: {ran.words}")
        self._check_safety(ran, self.crm.log[start:], is_undo=True)
        self._check_undone(past, start)
        self._learn_decided(self.crm.log[start:], undo_of=past)
        self.waits_for_person = "unknown" if past.is_undo else "yes"
        self.undone = replace(past)
        self.past = Past(past.computer, ran.run_id, before, start, len(self.crm.log), is_undo=True)
        return ran

    def undo_with(self, kind: FaultKind, call: int = 0, *, name: str = "") -> Ran:
        """Takes the last run back while the world fails at the n-th call, of all or of that name."""
        assert self.past is not None
        past, self.past, self.undone = self.past, None, None
        start, stamp = len(self.crm.log), self.crm.records.stamp
        self.crm.faults.add(kind, skip=call, call=name)
        self._days.append((stamp, self.day))
        self._freeable |= self._keys_made_by(past)
        ran = self._undo(past)
        self.crm.faults.clear()
        self._undos.append((stamp, self.crm.records.stamp))
        self._check_safety(ran, self.crm.log[start:], is_undo=True)
        self._learn_decided(self.crm.log[start:], undo_of=past)
        self.waits_for_person = "unknown"
        return ran

    def _keys_made_by(self, past: Past) -> set[str]:
        ours = [one for one in self.crm.log[past.start : past.end] if one.author == "program"]
        return {str(one.after) for one in ours if one.name == TASK_KEY and one.after}

    def _undo(self, past: Past) -> Ran:
        """An undo pulls as any run does."""
        sight = self._sight(past.computer)
        sight.glimpse(self._overrides(), *([self._indexed] if self._lagging else []))
        ran = past.computer.undo(self.rules, self.day, past.run_id)
        sight.glimpse(self._overrides())
        return ran

    def undo_again(self) -> Ran:
        """Takes back what was just taken back: nothing happens."""
        assert self.undone is not None
        start = len(self.crm.log)
        ran = self._undo(self.undone)
        self._check("undone once", len(self.crm.log) == start, f"a second undo wrote {self.crm.log[start:]}")
        return ran

    def settle(self) -> None:
        """Good days until nothing is left to do, and then everything that was wanted is there."""
        self.crm.faults.clear()
        self.catch_up()
        for _ in range(MOST_RUNS_TO_REST):
            stamp = self.crm.records.stamp
            ran = self.sync() if self.waits_for_person == "no" else self.apply()
            self._check("ends well", ran.ending == "done", f"a good run ended {ran.ending}: {ran.words}")
            if self.crm.records.stamp == stamp:
                break
        else:
            self._check("comes to rest", False, f"the program still writes after {MOST_RUNS_TO_REST} runs")
        self._check_at_rest()

    # --- a run and its checks ------------------------------------------------------------------------------------------------

    def _run(
        self,
        work: Callable[[], Ran],
        *,
        good: Callable[[Ran], bool] = lambda ran: True,
        may_refuse: bool = False,
        meddled: list[tuple[str, int, bool]] | None = None,
        decided_on: date | None = None,
    ) -> Ran:
        before = {one: self._fields(one) for one in self.accounts()}
        overrides = self._overrides()
        kept, start, stamp = self.crm.backup(), len(self.crm.log), self.crm.records.stamp
        self._days.append((stamp, self.day))
        last_run = self.computer.last_run
        ran = work()
        news = self.crm.log[start:]
        self._check_safety(ran, news)
        is_good = good(ran) and not self._lagging and ran.ending in ("done", "partial")
        if is_good:
            looked_at = {one: fields for one, fields in before.items() if one not in {edited for edited, *_ in meddled or ()}}
            self._check("ends well", ran.ending == "done" or bool(meddled), f"a good run ended {ran.ending}: {ran.words}")
            self._check_tiers(looked_at, decided_on or self.day)
            self._adopt(looked_at)
            self._sight(self.computer).look(overrides)
        elif ran.ending in ("refused", "failed") and not may_refuse:
            self._check("ends well", False, f"a run ended {ran.ending}: {ran.words}")
        if not is_good:
            self._sight(self.computer).glimpse(overrides, *([self._indexed] if self._lagging else []))
        self._keep_what_was_written(news, sure=is_good and not meddled)
        self._reclaim(news)
        self._learn_decided(news)
        self._check_decided()
        self._check_holds()
        if any(one.author == "program" for one in news):
            run_id = self.computer.last_run
            self.past = Past(self.computer, run_id, kept, start, len(self.crm.log)) if run_id != last_run else None
            self.undone = None
        return ran

    def _check(self, name: str, holds: bool, message: str) -> None:
        if not holds and name not in self.off:
            self.is_broken = True
            raise Broken(f"[{name}] day {self.day}: {message}")

    def _fields(self, account_id: str) -> Fields:
        record = self.crm.account(account_id)
        since, until = record.get(FLAG_FIELDS["since"]), record.get(UNTIL)
        return Fields(
            potential=float(str(record.get("potential"))),
            tier=record.text(TIER),
            decided=self.decided.get(account_id, ""),
            since=since if isinstance(since, date) else None,
            override=record.text(OVERRIDE),
            override_until=until if isinstance(until, date) else None,
        )

    def _sight(self, computer: Computer) -> Sight:
        return self._sights.setdefault(computer.name, Sight())

    def _overrides(self) -> dict[str, Choice]:
        fields = {one: self._fields(one) for one in self.accounts()}
        return {one: (shown.override, shown.override_until) for one, shown in fields.items()}

    def _keep_what_was_written(self, news: Sequence[Written], *, sure: bool) -> None:
        """A computer knows the overrides that it has written itself."""
        written = {one.record_id for one in news if one.author == "program" and one.name in (OVERRIDE, UNTIL)}
        if not written:
            return
        present = self._overrides()
        (self._sight(self.computer).look if sure else self._sight(self.computer).glimpse)(present)

    # --- what holds whatever happened ----------------------------------------------------------------------------------------

    def _check_safety(self, ran: Ran, news: Sequence[Written], *, is_undo: bool = False) -> None:
        """Nothing twice, nothing of people's overwritten or unannounced, also where the run went wrong."""
        ours = [one for one in news if one.author == "program"]
        self._check_announced(ran, ours)
        self._check_by_hand(ran, ours[0].stamp if ours else self.crm.records.stamp + 1)
        for one in ours:
            if one.stream is Stream.TASKS and one.name == TASK_KEY and one.after:
                self._check_created(one, ours)
            if one.stream is Stream.TASKS and one.name in ("is_open", "is_deleted") and one.before is not None:
                self._check_not_a_persons(one)
            if one.name == TASK_KEY and one.after is None:
                self._check("keys are freed by undo alone", one.before in self._freeable, f"a run freed the key {one.before}")
            if one.stream is Stream.TASKS and one.name not in OF_A_TASK_THAT_IS and not self._is_made_by(one.record_id, ours):
                self._check("people's tasks are left alone", False, f"{one.record_id}: {one.name} became {one.after!r}")
        keys = [task.get(TASK_KEY) for task in self.crm.records.tables[Stream.TASKS].values() if task.get(TASK_KEY)]
        self._check("no key twice", len(keys) == len(set(keys)), f"{[key for key in keys if keys.count(key) > 1]}")

    def _check_announced(self, ran: Ran, ours: Sequence[Written]) -> None:
        """The plan shown is what is written."""
        if ran.planned is None:
            return
        names = {field: flag for flag, field in FLAG_FIELDS.items()}
        for one in ours:
            if one.stream is Stream.ACCOUNTS:
                write: tuple[Any, ...] = ("field", one.record_id, names[one.name], one.after)
            elif one.name == TASK_KEY and one.after:
                write = ("create", one.after)
            elif one.name == "is_open" and one.before is True:
                write = ("close", self._task_key(one.record_id))
            elif one.name == "is_deleted":
                write = ("delete", self._first_key(one.record_id))
            elif one.name == "account_id" and not self._is_made_by(one.record_id, ours):
                write = ("attach", self._task_key(one.record_id))
            else:
                continue  # the other fields of a new task
            self._check("the plan shown is what is written", write in ran.planned, f"{write} was written and not planned")

    def _check_by_hand(self, ran: Ran, written_from: int) -> None:
        for account_id in ran.by_hand:
            if self.crm.records.find(Stream.ACCOUNTS, account_id) is None:
                continue
            edited = (
                account_id in self.holds
                or self._sight(self.computer).inherited(account_id) != {NOTHING}
                or self._is_a_persons_tier(account_id, written_from)
            )
            self._check("called by hand", edited, f"{account_id} is called changed by hand, and nobody has")

    def _is_a_persons_tier(self, account_id: str, stamp: int) -> bool:
        """Whether the tier of before `stamp` was written by people, or by an undo that took a run back to it."""
        if self.rules.existing_tiers == "override" and not self.decided.get(account_id):
            return True  # there before this program ever wrote
        at_once = Counter(one.stamp for one in self.crm.log)
        last = [one for one in self._moves(account_id) if one.stamp < stamp][-1:]
        # A restored backup writes more fields of a record at once than any person does.
        return any(
            (one.author == "people" and at_once[one.stamp] == 1) or any(first < one.stamp <= end for first, end in self._undos)
            for one in last
        )

    def _check_created(self, one: Written, ours: Sequence[Written]) -> None:
        key = Key.of(str(one.after))
        living = self.crm.records.living_id(key.account_id)
        alike = [
            other.text(TASK_KEY)
            for other in self.crm.records.tables[Stream.TASKS].values()
            if other.id != one.record_id and other.get(TASK_KEY) and self._is_same(Key.of(other.text(TASK_KEY)), key, living)
        ]
        self._check("no task twice", not alike, f"{one.after} was made, and {alike} was there")
        self._check_whole(one.record_id, key)
        if key.playbook == "onboarding":
            made = sum(
                Key.of(task.text(TASK_KEY)).account_id == key.account_id
                for task in self.crm.records.tables[Stream.TASKS].values()
                if task.text(TASK_KEY).startswith(f"onboarding:{key.task}:")
            )
            entries = self._entries(key.account_id)
            pending = self.crm.account(living).text(TIER) != self.rules.tiers[0][0] if self._alive(living) else True
            self._check("no entry twice", made <= entries + pending, f"{one.after}: {made} times, {entries} entries")

    def _check_whole(self, task_id: str, key: Key) -> None:
        """Somebody can do it: it says what, who and until when, on a day on which people work."""
        made = {one.name: one.after for one in self.crm.log if one.record_id == task_id and one.author == "program"}
        due, subject, owner = made.get("due"), str(made.get("subject")), made.get("owner_id")
        works = isinstance(due, date) and due >= self.day and due.weekday() < 5
        self._check("tasks are whole", works, f"{key} is due {due}")
        account = self.crm.records.tables[Stream.ACCOUNTS][key.account_id]
        self._check("tasks are whole", account.text("name") in subject, f"{key} is called {subject!r}")
        self._check("tasks are whole", owner in self.crm.records.tables[Stream.OWNERS], f"{key} is {owner}'s")

    def _is_same(self, other: Key, key: Key, living: str) -> bool:
        same = (other.playbook, other.task, other.occurrence) == (key.playbook, key.task, key.occurrence)
        return same and self.crm.records.living_id(other.account_id) == living

    def _entries(self, account_id: str) -> int:
        """How often the account took the best tier: by whoever wrote it there, or as a person's that was adopted."""
        best, entries, tier = self.rules.tiers[0][0], 0, ""
        for one in self.crm.log:
            if one.record_id == account_id and one.name in (TIER, FLAG_FIELDS["since"]):
                tier = str(one.after or "") if one.name == TIER else tier
                entries += tier == best
        return entries

    def _check_not_a_persons(self, one: Written) -> None:
        edits = self._edits(one.record_id, before=one.stamp)
        self._check("people's tasks are left alone", not edits, f"{one.record_id}: {one.name} written, after people's {edits}")

    def _edits(self, task_id: str, before: int | None = None) -> list[Written]:
        """What people made other than it was made; an edit that was taken back by hand leaves no trace."""
        made: dict[str, Any] = {}
        last: dict[str, Written] = {}
        for one in self.crm.log:
            if one.record_id == task_id and one.name in PEOPLES_FIELDS and (before is None or one.stamp < before):
                made.setdefault(one.name, one.after if one.before is None else one.before)
                last[one.name] = one
        return [one for name, one in last.items() if one.author == "people" and one.after != made[name]]

    def _check_holds(self) -> None:
        """Their own choice always wins."""
        for account_id, hold in self.holds.items():
            if not self._alive(account_id) or (hold.until is not None and self.day > hold.until):
                continue
            tier, moves = self.crm.account(account_id).text(TIER), self._moves(account_id)
            stays = tier == hold.tier or moves[-1].author == "people"  # they changed their mind, and no run has seen it
            self._check("a person's tier stays", stays, f"{account_id} was set to {hold.tier or NONE} by hand, shows {tier}")

    # --- what a good run leaves ----------------------------------------------------------------------------------------------

    def _check_tiers(self, before: Mapping[str, Fields], day: date) -> None:
        for account_id, fields in before.items():
            now = self._fields(account_id)
            self._check_against(account_id, self._with_inheritance(account_id, fields, now), now, day)

    def _with_inheritance(self, account_id: str, fields: Fields, now: Fields) -> Fields:
        """A lost account's override counts for the one that lives on, where this computer had seen it before the merge."""
        if fields.override:
            return fields
        possible = self._sight(self.computer).inherited(account_id)
        shown = (now.override, now.override_until)
        override, until = shown if shown in possible else min(possible, key=str)
        held = replace(fields, override=override, override_until=until)
        return held if valid_override(held, self.rules, self.day) else fields

    def _check_against(self, account_id: str, fields: Fields, now: Fields, day: date) -> None:
        must = wanted(fields, self.rules, day)
        self._check("the tier", now.tier == must.tier, f"{account_id} {fields}: {now.tier or NONE}, not {must.tier or NONE}")
        if must.tier or fields.decided:
            self._check("since", now.since == must.since, f"{account_id} {fields}: since {now.since}, not {must.since}")
        shown, said = (now.override, now.override_until), (must.override, must.override_until)
        self._check("the override", shown == said, f"{account_id} {fields}: {shown}, not {said}")
        if must.tier and "score" not in self.rules.unmapped:
            score, exact = self.crm.flag(account_id, "score"), score_of(fields.potential, self.rules)
            near = isinstance(score, int | float) and abs(float(score) - exact) < (5 if must.tier == fields.tier else 0.01)
            self._check("the score", near, f"{account_id}: {score}, not {exact}")

    def _adopt(self, seen: Iterable[str]) -> None:
        """Edits that a run has seen hold from that day on; or not at all, where the programme says so."""
        for account_id in seen:
            hold = self.holds.get(account_id)
            if hold is not None and hold.until is None:
                if self.rules.drift == "reclaim":
                    del self.holds[account_id]
                    continue
                self.holds[account_id] = replace(hold, until=self.day + timedelta(days=ADOPT_DAYS))
        self.holds = {one: hold for one, hold in self.holds.items() if hold.until is None or self.day <= hold.until}

    def _reclaim(self, news: Iterable[Written]) -> None:
        """Where the programme says so, a person's tier is written back and was never theirs to keep."""
        if self.rules.drift == "reclaim":
            lost = {one.record_id for one in news if one.author == "program" and one.name == TIER}
            self.holds = {one: hold for one, hold in self.holds.items() if one not in lost or hold.until is not None}

    def _learn_decided(self, news: Sequence[Written], undo_of: Past | None = None) -> None:
        """What `decided_tier` must say: the tier that the program wrote last; after an undo, what was there before."""
        for one in news:
            if one.author != "program" or one.stream is not Stream.ACCOUNTS:
                continue
            if undo_of is not None and "decided" not in self.off:
                self.decided[one.record_id] = self.crm.records.tables[Stream.ACCOUNTS][one.record_id].text(DECIDED)
            elif one.name == TIER:
                self.decided[one.record_id] = str(one.after or NONE)
            elif one.name == DECIDED and not any(other.stamp == one.stamp and other.name == TIER for other in news):
                # The tier stays and is decided from now on: a person's becomes an override.
                self.decided[one.record_id] = self.crm.records.tables[Stream.ACCOUNTS][one.record_id].text(TIER) or NONE
                self._adopt([one.record_id])

    def _check_decided(self) -> None:
        for account_id in self.accounts():
            shown, must = self.crm.account(account_id).text(DECIDED), self.decided.get(account_id, "")
            self._check("decided", shown == must, f"{account_id}: decided_tier is {shown!r}, not {must!r}")

    # --- undo ----------------------------------------------------------------------------------------------------------------

    def _check_undone(self, past: Past, start: int) -> None:
        wrote = [one for one in self.crm.log[past.start : past.end] if one.author == "program"]
        theirs = {
            (one.record_id, one.name): one.after
            for place, one in enumerate(self.crm.log[past.start : start], start=past.start)
            if one.author == "people" and one.name in FLAG_FIELDS.values() and place not in self._merges_wrote
        }
        by_people = {record_id for record_id, _ in theirs}
        out_of_reach = {FLAG_FIELDS[flag] for flag in self.rules.unmapped}
        for one in wrote:
            if one.name in out_of_reach:
                continue
            living = self._living_as(one.record_id) if one.stream is Stream.ACCOUNTS else None
            if living is not None and not by_people & {one.record_id, living}:
                old = past.before.tables[Stream.ACCOUNTS][one.record_id].get(one.name)
                now = self.crm.account(living).get(one.name)
                self._check("undo restores", now == old, f"{one.record_id} {one.name}: {now!r}, before the run {old!r}")
            if one.name == TASK_KEY and one.after and not past.is_undo:
                self._check_task_undone(one)

        wrote_last = {(one.record_id, one.name): one.after for one in wrote}
        for (record_id, name), value in theirs.items():
            put_back = (record_id, name) in wrote_last and value == wrote_last[record_id, name]
            if self._alive(record_id) and not put_back:
                now = self.crm.account(record_id).get(name)
                self._check("undo leaves people's", now == value, f"{record_id} {name}: {now!r}, people wrote {value!r}")

    def _living_as(self, account_id: str) -> str | None:
        """The living account that has its fields."""
        while account_id in self._lives_as:
            survivor = self._lives_as[account_id]
            if survivor is None or survivor == account_id:
                break
            account_id = survivor
        return account_id if self._alive(account_id) else None

    def _check_task_undone(self, one: Written) -> None:
        task = self.crm.records.tables[Stream.TASKS][one.record_id]
        if self._edits(one.record_id):
            self._check("undo leaves people's", task.get(TASK_KEY) == one.after, f"{one.after}: a person worked on it")
        else:
            gone = task.deleted and not task.get(TASK_KEY)
            self._check("undo removes tasks", gone, f"{one.after} is still there, or keeps its key")

    # --- at rest -------------------------------------------------------------------------------------------------------------

    def _check_at_rest(self) -> None:
        for task in self.crm.tasks():
            remembered = task.id not in self._strangers and len(self.computers) == 1
            self._check("no ghost", bool(task.get(TASK_KEY)) or not remembered, f"{task.id} has lost its key and lives")
            loose = not task.get("account_id") and not task.get("former_account_id")
            dead = not self._alive(self.crm.records.living_id(Key.of(self._first_key(task.id)).account_id))
            theirs = not task.get("is_open") and (
                task.id in self._strangers or len(self.computers) > 1
            )  # who knows it never hung?
            self._check("tasks are whole", not loose or dead or theirs, f"{task.get(TASK_KEY)} hangs on no account")
        for account_id in self.accounts():
            for playbook, name, occurrences in self._wanted_tasks(account_id):
                there = [
                    key
                    for key in self._keys()
                    if (key.playbook, key.task) == (playbook, name)
                    and self.crm.records.living_id(key.account_id) == account_id
                    and occurrences(key.occurrence)
                ]
                self._check("no task is lost", bool(there), f"{account_id} lacks {playbook}:{name}")
            self._check_reasons(account_id)
        self._check_cleared()
        self._check_history()

    def _check_reasons(self, account_id: str) -> None:
        """People read who settled the tier: somebody, or the program."""
        fields = self._fields(account_id)
        if fields.decided in ("", NONE) or "reasons" in self.rules.unmapped:
            return
        says, is_theirs = self.crm.account(account_id).text(FLAG_FIELDS["reasons"]), valid_override(fields, self.rules, self.day)
        self._check("the reasons", says.startswith(BY_A_PERSON) == is_theirs, f"{account_id} {fields}: {says!r}")

    def _keys(self) -> list[Key]:
        tasks = self.crm.records.tables[Stream.TASKS].values()
        return [Key.of(task.text(TASK_KEY)) for task in tasks if task.get(TASK_KEY)]

    def _wanted_tasks(self, account_id: str) -> Iterator[tuple[str, str, Callable[[str], bool]]]:
        """Playbook, task, and which occurrences will do."""
        tier = self.crm.account(account_id).text(TIER)
        quarter = f"{self.day.year}-Q{(self.day.month + 2) // 3}"
        if self.rules.rank(tier) == 1:
            yield "care", "call", lambda occurrence: occurrence == "once"
        if self.rules.rank(tier) != 0:
            return
        yield "review", "prepare", lambda occurrence: occurrence == quarter
        if self._entered_by_us(account_id):
            left = self._left_best_on(account_id).isoformat()
            for task in ("meet", "agree"):
                yield "onboarding", task, lambda occurrence: occurrence[-10:] >= left

    def _moves(self, account_id: str) -> list[Written]:
        return [one for one in self.crm.log if one.record_id == account_id and one.name == TIER]

    def _entered_by_us(self, account_id: str) -> bool:
        """The program moved it into the best tier, in a run that was no undo."""
        moves = self._moves(account_id)
        if not moves or moves[-1].author != "program":
            return False
        if not any(one.stamp == moves[-1].stamp and one.name == DECIDED for one in self.crm.log):
            return False  # people's edits were written back: it had never left
        return not any(first < moves[-1].stamp <= last for first, last in self._undos)

    def _left_best_on(self, account_id: str) -> date:
        """The day of the last run before it last left the best tier."""
        left = [one.stamp for one in self._moves(account_id) if one.before == self.rules.tiers[0][0]]
        return self._day_of(left[-1]) if left else date.min

    def _day_of(self, stamp: int) -> date:
        return max((day for begun, day in self._days if begun < stamp), default=FIRST_DAY)

    def _check_cleared(self) -> None:
        """Open, untouched reviews of accounts that are no longer in the best tier close by themselves."""
        for task in self.tasks("review"):
            account_id = task.text("account_id")
            if not task.get("is_open") or not self._alive(account_id) or task.id in self._strangers or len(self.computers) > 1:
                continue
            cleared = self.rules.rank(self.crm.account(account_id).text(TIER)) != 0
            binned = any(one.record_id == task.id and one.name == "is_deleted" for one in self.crm.log)
            touched = binned or bool(self._edits(task.id))
            self._check("untouched tasks close", touched or not cleared, f"{task.get(TASK_KEY)} is open, its reason is gone")

    def _check_history(self) -> None:
        """What this computer remembers of an account that it wrote is what the CRM shows."""
        for account_id, tier in self.computer.remembered_tiers(self.accounts()).items():
            moves = self._moves(account_id)
            ours = len(self.computers) == 1 and moves and moves[-1].author == "program"
            # An undo decides nothing, and history tells decisions.
            taken_back = ours and any(first < moves[-1].stamp <= last for first, last in self._undos)
            if self._alive(account_id) and ours and not taken_back:
                shown = self.crm.account(account_id).text(TIER) or NONE
                self._check("history", tier == shown, f"{account_id}: history says {tier}, the CRM {shown}")

    # --- small things --------------------------------------------------------------------------------------------------------

    def _alive(self, account_id: str) -> bool:
        return self.crm.records.find(Stream.ACCOUNTS, account_id) is not None

    def _is_made_by(self, task_id: str, ours: Sequence[Written]) -> bool:
        return any(one.record_id == task_id and one.name == TASK_KEY and one.after for one in ours)

    def _task_key(self, task_id: str) -> str:
        return self.crm.records.tables[Stream.TASKS][task_id].text(TASK_KEY)

    def _first_key(self, task_id: str) -> str:
        """The key that it was made with."""
        keys = (one.after for one in self.crm.log if one.record_id == task_id and one.name == TASK_KEY)
        return str(next(keys, ""))
