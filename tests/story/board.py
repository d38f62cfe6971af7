"""A company whose board decides on key accounts: reviews, approval, seats with evidence, groups, promised days, limited places.

What may move a tier, and what a good run must leave, is written down here a second time from DECISIONS.md §6; nothing is shared
with kamsync.decide. `tests.story.test_board` plays it at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.model import Stream
from kamsync.testing.memory import (
    CONNECTOR,
    FLAG_FIELDS,
    SALESFORCE_LIKE,
    TASK_KEY,
    Behaviour,
    FaultKind,
    MemoryCrm,
    Written,
)
from tests.story.company import EVIDENCE_DAYS, FIELDS, TOKEN, Rules
from tests.story.model import NONE, Fields, score_of, valid_override
from tests.story.program import LEASE, Computer, Ran
from tests.story.story import Broken, Key

FIRST_DAY = date(2026, 3, 2)
TIER, DECIDED, SINCE = FLAG_FIELDS["tier"], FLAG_FIELDS["decided_tier"], FLAG_FIELDS["since"]
OVERRIDE, UNTIL = FLAG_FIELDS["override"], FLAG_FIELDS["override_until"]
TIERS = frozenset({"tier", "decided_tier", "since", "override", "override_until"})
MOST_RUNS_TO_REST = 14

HALF_YEARLY = Rules("half-yearly reviews", review=(1, 7), min_days=45)
RISING = Rules("rises at any time", review=(1, 7), between="rises")
APPROVED = Rules("the board approves", approve=True, min_days=20)
SEATED = Rules("seats with evidence", seats=1, places=2, min_days=45)
SEATED_AND_REVIEWED = Rules("seats between reviews", seats=2, review=(1, 7), places=3)
GROUPED = Rules("groups", unit="group", min_days=20)
GROUPED_ALONE = Rules("groups, the lead alone", unit="group", members="none", seats=1)
EVERYTHING = Rules("everything", review=(1, 7), between="rises", approve=True, seats=1, unit="group", min_days=45, places=2)
RECLAIMED = Rules("people's tiers are written back", review=(1, 7), drift="reclaim", unit="group")
BOARDS = (
    HALF_YEARLY, RISING, APPROVED, SEATED, SEATED_AND_REVIEWED, GROUPED, GROUPED_ALONE, EVERYTHING, RECLAIMED,
)  # fmt: skip


@dataclass(frozen=True)
class Shown:
    """An account as the CRM shows it. `lead`: who decides for it, itself where nobody else does."""

    fields: Fields
    lead: str
    strategic: bool
    market_size: float
    evidence: date | None
    barred: bool

    def has_evidence(self, day: date) -> bool:
        """Whether it could have a seat on that day."""
        return self.strategic and self.evidence is not None and (day - self.evidence).days <= EVIDENCE_DAYS


class Board:
    """One company under one programme at a time."""

    def __init__(self, rules: Rules, behaviour: Behaviour = SALESFORCE_LIKE, *, number: int = 0) -> None:
        self.crm: MemoryCrm = CONNECTOR.serve(MemoryCrm(f"board-{number}", fields=FIELDS, behaviour=behaviour, token=TOKEN))
        self.computer, self.fresh = Computer(self.crm), Computer(self.crm, "fresh")
        self.rules, self.day = rules, FIRST_DAY
        self.ran_last: tuple[str, int, int] | None = None  # the last run that wrote, and its part of the log
        self.waits = False
        self._first_month: tuple[int, int] | None = None
        owners = [self.crm.add_owner(name, f"{name.lower()}@example.com") for name in ("Ana", "Ben")]
        for place, (name, potential, parent) in enumerate(
            (("Acme", 85, None), ("Beta", 75, 0), ("Core", 50, None), ("Dyne", 35, 2), ("Echo", 10, None), ("Foxx", 72, None))
        ):
            self.crm.add_account(
                name,
                owner_id=owners[place % 2],
                potential=potential,
                strategic=place in (2, 4),
                market_size=100 * place,
                evidence_date=FIRST_DAY if place in (2, 4) else None,
                barred=False,
                currency="EUR",
                parent_id=None if parent is None else self.accounts()[parent],
            )

    def end(self) -> None:
        """Throws the machines away."""
        self.computer.throw_away()
        self.fresh.throw_away()

    def accounts(self) -> list[str]:
        """Ids of the living ones."""
        return sorted(record.id for record in self.crm.accounts())

    def gone(self) -> list[str]:
        """Ids of those in the recycle bin."""
        table = self.crm.records.tables[Stream.ACCOUNTS]
        return sorted(one for one, record in table.items() if record.deleted)

    def shown(self) -> dict[str, Shown]:
        """Every living account."""
        parents = {record.id: record.text("parent_id") for record in self.crm.accounts()}
        return {account_id: self._shown(account_id, parents) for account_id in parents}

    def _shown(self, account_id: str, parents: Mapping[str, str]) -> Shown:
        record = self.crm.account(account_id)
        since, until, evidence = record.get(SINCE), record.get(UNTIL), record.get("evidence_date")
        return Shown(
            Fields(
                float(str(record.get("potential"))),
                record.text(TIER),
                record.text(DECIDED),
                since if isinstance(since, date) else None,
                record.text(OVERRIDE),
                until if isinstance(until, date) else None,
            ),
            _lead(account_id, parents) if self.rules.unit == "group" else account_id,
            bool(record.get("strategic")),
            float(str(record.get("market_size"))),
            evidence if isinstance(evidence, date) else None,
            bool(record.get("barred")),
        )

    # --- the program ---------------------------------------------------------------------------------------------------------

    def sync(self) -> Ran:
        """The schedule's run."""
        if self.waits:
            return self.apply()
        return self._run(lambda: self.computer.sync(self.rules, self.day), attended=False)

    def apply(self) -> Ran:
        """A person reads the plan and says yes."""
        self.waits = False
        return self._run(lambda: self.computer.apply(self.rules, self.day), attended=True)

    def apply_while(self, meddle: Callable[[], None]) -> None:
        """Somebody does something while a person reads the plan."""
        self.waits = False
        self._run(lambda: self.computer.apply(self.rules, self.day, lambda plan: meddle()), attended=True, good=False)

    def sync_with(self, kind: FaultKind, call: int) -> None:
        """The schedule's run, while the world fails at its n-th call."""
        if self.waits:
            return
        self.crm.faults.add(kind, skip=call)
        self._run(lambda: self.computer.sync(self.rules, self.day), attended=False, good=False)
        self.crm.faults.clear()

    def undo(self) -> None:
        """Takes the last run that wrote back; where nobody touched it since, all is as it was before."""
        if self.ran_last is None:
            return
        run_id, start, end = self.ran_last
        before = {
            (one.record_id, one.name): one.before for one in reversed(self._ours(start, end)) if one.stream is Stream.ACCOUNTS
        }
        theirs = {(one.record_id, one.name) for one in self.crm.log[end:]}
        self.ran_last, self.waits = None, True
        ran = self.computer.undo(self.rules, self.day, run_id)
        self._hold(ran.ending == "done", "ends well", f"undo ended {ran.ending}: {ran.words}")
        for (account_id, name), value in before.items():
            if account_id in self.accounts() and not any(one == account_id for one, _ in theirs):
                now = self.crm.account(account_id).get(name)
                self._hold(now == value, "undo restores", f"{account_id} {name}: {now!r}, before the run {value!r}")

    def lose_the_cache(self) -> None:
        """And with it what a dead run held."""
        self.crm.let_pass(LEASE)
        self.computer.delete_cache()
        self.ran_last, self.waits = None, False

    def compare_with_another_machine(self) -> None:
        """A machine that never saw this org plans the same tiers: nothing that decides them is in a cache alone."""
        self.fresh.delete_cache()
        mine = self.computer.save_plan(self.rules, self.day)
        other = self.fresh.save_plan(self.rules, self.day)
        self._hold(mine.ending == other.ending == "done", "ends well", f"{mine.words} {other.words}")
        only = _tiers_of(mine) ^ _tiers_of(other)
        self._hold(not only, "no tier depends on a cache", f"only one of two machines plans {sorted(map(str, only))}")

    def settle(self) -> None:
        """Good runs until nothing is left to do: the schedule's, then a person's."""
        self.crm.faults.clear()
        for run in (self.sync, self.apply):
            for _ in range(MOST_RUNS_TO_REST):
                stamp = self.crm.records.stamp
                run()
                if self.crm.records.stamp == stamp:
                    break
            else:
                self._hold(False, "comes to rest", f"the program still writes after {MOST_RUNS_TO_REST} runs")

    # --- a run and its checks ------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[[], Ran], *, attended: bool, good: bool = True) -> Ran:
        before, start, last = self.shown(), len(self.crm.log), self.computer.last_run
        # The CRM dates tiers alone: where nobody's is older than this month, nobody can tell that the org was decided before.
        month = self.day.replace(day=1)
        is_first = not any(one.fields.decided and one.fields.since and one.fields.since < month for one in before.values())
        if is_first or self._first_month is None:
            self._first_month = (self.day.year, self.day.month)
        ran = work()
        ours = self._ours(start, len(self.crm.log))
        for one in ours:
            if one.stream is Stream.ACCOUNTS and one.name == TIER:
                self._check_move(one, before, attended=attended)
            if one.stream is Stream.TASKS and one.name == TASK_KEY and one.after:
                self._check_task(one, before)
        self._check_people(before, ours)
        if good:
            self._hold(ran.ending == "done", "ends well", f"a run ended {ran.ending}: {ran.words}")
            self._check_left(before, attended=attended)
        run_id = self.computer.last_run
        if ours and run_id != last:
            self.ran_last = (run_id, start, len(self.crm.log))
        return ran

    def _ours(self, start: int, end: int) -> list[Written]:
        return [one for one in self.crm.log[start:end] if one.author == "program"]

    def _hold(self, holds: bool, name: str, message: str) -> None:
        if not holds:
            raise Broken(f"[{name}] {self.rules.name}, {self.day}: {message}")

    def _is_review(self) -> bool:
        at_any_time = not self.rules.review or self.day.month in self.rules.review
        return at_any_time or self._first_month == (self.day.year, self.day.month)

    def _choice(self, shown: Shown) -> str | None:
        """The tier that a person has chosen, "" none; None where nobody has: the override, else a tier changed by hand."""
        fields = shown.fields
        if valid_override(fields, self.rules, self.day) and fields.override:
            return "" if fields.override == NONE else fields.override
        if fields.decided and self.rules.drift == "adopt" and fields.tier != _word(fields.decided):
            return fields.tier
        return None

    def _current(self, fields: Fields) -> str:
        return _word(fields.decided) if fields.decided and self.rules.drift == "reclaim" else fields.tier

    def _check_move(self, one: Written, before: Mapping[str, Shown], *, attended: bool) -> None:
        """Whatever happened: a tier moves for a reason that the contract knows."""
        shown, was, now = before.get(one.record_id), str(one.before or ""), str(one.after or "")
        if shown is None:
            return
        best, lead = self.rules.tiers[0][0], before.get(shown.lead, shown)
        theirs = self._choice(shown) == now
        out = (shown.barred or lead.barred) and not now
        follows = shown.lead != one.record_id
        seated = bool(self.rules.seats) and shown.has_evidence(self.day) and now == best
        reclaims = self.rules.drift == "reclaim" and now == _word(shown.fields.decided)
        rises = self.rules.between == "rises" and self.rules.rank(now) < self.rules.rank(was)
        words = f"{one.record_id} {was or NONE} → {now or NONE}, {shown}"
        heads = self.rules.unit == "group" and not shown.fields.decided  # put above a group, it stands where that stood
        may = self._is_review() or theirs or out or follows or seated or rises or reclaims or heads
        self._hold(may, "tiers wait for the review", words)
        since = shown.fields.since
        young = since is not None and (self.day - since).days < self.rules.min_days
        falls = self.rules.rank(was) < self.rules.rank(now) and was == self._current(shown.fields)
        self._hold(not (falls and young) or theirs or out or follows, "promised days", words)
        if self.rules.approve and not attended:
            self._hold(theirs or best not in (was, now), "the best tier waits for a person", words)

    def _check_task(self, one: Written, before: Mapping[str, Shown]) -> None:
        """The members of a group get no tasks of their own, and an onboarding follows a tier that is really there."""
        key = Key.of(str(one.after))
        shown = before.get(key.account_id)
        if shown is None or key.account_id not in self.accounts():
            return
        tier = self.crm.account(key.account_id).text(TIER)
        fits = key.playbook != "onboarding" or tier == self.rules.tiers[0][0]
        self._hold(fits, "tasks follow the tier", f"{one.after} was made, and the tier is {tier or NONE}")
        alone = shown.lead == key.account_id or self._choice(shown) is not None
        self._hold(alone, "one lead a group", f"{one.after} was made, and {shown.lead} leads")

    def _check_people(self, before: Mapping[str, Shown], ours: Iterable[Written]) -> None:
        """Their own choice always wins, and is not overwritten."""
        for one in ours:
            shown = before.get(one.record_id)
            if one.name != OVERRIDE or shown is None:
                continue
            kept = not valid_override(shown.fields, self.rules, self.day) or not shown.fields.override
            self._hold(kept, "people win", f"{one.record_id}: the override became {one.after!r}, {shown}")

    # --- what a good run leaves ----------------------------------------------------------------------------------------------

    def _check_left(self, before: Mapping[str, Shown], *, attended: bool) -> None:
        now = {one: self.crm.account(one).text(TIER) for one in before}
        waits = self.rules.approve and not attended
        best = self.rules.tiers[0][0]
        for account_id, shown in before.items():
            choice, words = self._choice(shown), f"{account_id} shows {now[account_id] or NONE}, {shown}"
            if choice is not None:
                self._hold(now[account_id] == choice, "people win", words)
            elif shown.lead != account_id:
                must = shown.fields.tier if self.rules.members == "none" else now[shown.lead]
                fits = now[account_id] == must or (waits and best in (shown.fields.tier, must, before[shown.lead].fields.tier))
                self._hold(fits, "one lead a group", f"{words}; the lead shows {now[shown.lead] or NONE}")
            elif not (waits and best in (shown.fields.tier, self._settled(account_id, before))):
                self._check_lead(account_id, before, now)
        self._check_places(before, now, waits=waits)

    def _check_lead(self, account_id: str, before: Mapping[str, Shown], now: Mapping[str, str]) -> None:
        must, shown = self._settled(account_id, before), before[account_id]
        never = self.rules.unit == "group" and not shown.fields.decided  # stands where its group stood
        if must is not None and not never:
            words = f"{account_id} {shown}: {now[account_id] or NONE}, not {must or NONE}"
            self._hold(now[account_id] == must, "the tier", words)
            same = self._current(shown.fields) == must
            since = self.crm.account(account_id).get(SINCE)
            if shown.fields.decided and (not same or shown.fields.since):
                self._hold(since == (shown.fields.since if same else self.day), "since", f"{words}, since {since}")

    def _settled(self, account_id: str, before: Mapping[str, Shown]) -> str | None:
        """The tier of an account that decides for itself and about which nobody said anything; None where room decides."""
        shown, rules = before[account_id], self.rules
        if shown.barred:
            return ""
        current = self._current(shown.fields)
        score = score_of(shown.fields.potential, rules)
        reached = next(
            (
                name
                for rank, (name, enter, leave) in enumerate(rules.tiers)
                if score >= enter or (rank >= rules.rank(current) and score >= leave)
            ),
            "",
        )
        if not self._is_review() and not (rules.between == "rises" and rules.rank(reached) < rules.rank(current)):
            reached = current
        since = shown.fields.since
        if rules.rank(reached) > rules.rank(current) and since and (self.day - since).days < rules.min_days:
            reached = current
        best = rules.tiers[0][0]
        if account_id in self._claims(before)[: rules.seats]:
            reached = best
        if rules.places is not None and (reached == best or any(one.fields.tier == best for one in before.values())):
            return None
        return reached

    def _claims(self, before: Mapping[str, Shown]) -> list[str]:
        free = [
            (-shown.market_size, account_id)
            for account_id, shown in before.items()
            if shown.has_evidence(self.day) and shown.lead == account_id and not shown.barred and self._choice(shown) is None
        ]
        return [account_id for _, account_id in sorted(free)]

    def _check_places(self, before: Mapping[str, Shown], now: Mapping[str, str], *, waits: bool) -> None:
        """No more in the best tier than it takes, but for people's choices, promises, and what waits for a review or a person."""
        rules, best = self.rules, self.rules.tiers[0][0]
        if rules.places is None or waits:
            return
        there = [one for one, shown in before.items() if now[one] == best and shown.lead == one]
        first = [one for one in there if self._goes_first(before[one])]
        fits = len(there) <= max(rules.places, len(first))
        self._hold(fits, "places", f"{len(there)} are in {best}: {there}, of whom {first} go before all others")
        coming = [one for one in self._claims(before)[: rules.seats] if one not in first]
        missing = [one for one in coming[: max(0, rules.places - len(first))] if now[one] != best]
        self._hold(not missing, "seats", f"{missing} have evidence and no seat; {there} are in {best}")

    def _goes_first(self, shown: Shown) -> bool:
        fields, best = shown.fields, self.rules.tiers[0][0]
        if self._choice(shown) is not None:
            return True
        young = fields.since is not None and (self.day - fields.since).days < self.rules.min_days
        return self._current(fields) == best and (young or not self._is_review())


def _word(decided: str) -> str:
    return "" if decided == NONE else decided


def _lead(account_id: str, parents: Mapping[str, str]) -> str:
    """The ultimate parent; of a circle, the one of least id, which loses its parent."""
    path = [account_id]
    while parents.get(path[-1], "") in parents:
        parent = parents[path[-1]]
        if parent in path:
            return min(path[path.index(parent) :])
        path.append(parent)
    return path[-1]


def _tiers_of(ran: Ran) -> set[tuple[object, ...]]:
    return {write for write in ran.planned or () if write[0] == "field" and write[2] in TIERS}


def dates_around(day: date) -> tuple[date, ...]:
    """Days on which evidence may have been given: fresh, at its end, too old, and one that somebody dates ahead."""
    return tuple(day - timedelta(days=days) for days in (0, EVIDENCE_DAYS, EVIDENCE_DAYS + 1, -5))
