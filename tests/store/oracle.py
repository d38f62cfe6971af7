"""A second, naive implementation of docs/decisions.md §1 to §6 in plain Python, and the worlds that both decide.

It shares nothing with the product but the programme's value types: no SQL, no windows of SQLite, one account after the other.
An expression's meaning is given beside its text, as a function over the facts.
"""

from __future__ import annotations

import calendar
import itertools
import math
import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from kamsync.decide.facts import FACTS, streams_of
from kamsync.decide.place import Expression
from kamsync.decide.program import Axis, Criterion, Decay, Program, Rule, Seat, Tier
from kamsync.decide.scales import Bands, FlagScale, Linear, Log, Percentile, Scale, Share, Values
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import Kind, Stream
from kamsync.store.database import Cache
from kamsync.store.schema import Meta

AS_OF = date(2025, 6, 30)
Row = dict[str, Any]
Meaning = Callable[[Row], Any]


@dataclass
class World:
    """Rows of the cache by table. `mapped` are the admin's own fields, `merges` the accounts that were merged away."""

    accounts: list[Row] = field(default_factory=list)
    opportunities: list[Row] = field(default_factory=list)
    line_items: list[Row] = field(default_factory=list)
    activities: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    rates: list[Row] = field(default_factory=list)
    merges: list[Row] = field(default_factory=list)
    base_currency: str = ""
    mapped: dict[str, Kind] = field(default_factory=dict)

    def save(self, cache: Cache) -> None:
        """Plain rows into the cache, as a pull would leave them."""
        cache.add_account_columns(self.mapped)
        cache.set_meta(Meta.BASE_CURRENCY, self.base_currency)
        pulled = ("accounts", "opportunities", "line_items", "activities", "contacts", "rates")
        with cache.transaction() as connection:
            for table in (*pulled, "merges"):
                for row in getattr(self, table):
                    full = {**row, "_pull": 1} if table in pulled else row
                    names, marks = ", ".join(f'"{name}"' for name in full), ", ".join("?" * len(full))
                    values = [v.isoformat() if isinstance(v, date) else v for v in full.values()]
                    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)


@dataclass
class Verdict:
    """What the oracle says of one account, with the working that it needed."""

    account: Row
    facts: Row
    eligible: bool = False
    active: bool = False
    attractiveness: float | None = None
    strength: float | None = None
    score: float | None = None
    health_score: float | None = None
    coverage: float = 0.0
    fired: list[Rule] = field(default_factory=list)
    current: str = "none"
    tier: str = "none"
    code: str = "score"
    since: date | None = None
    override: str | None = None
    until: date | None = None
    drifted: bool = False
    writes_override: bool = False
    head: str | None = None
    seat: tuple[str, int, int] | None = None  # the tier, which table of seats, whose turn
    would_be: str | None = None
    took_over: date | None = None  # since when the group of a new head had its tier


# -- §1 ----------------------------------------------------------------------------------------------------------------------


@cache
def months_back(day: date, months: int) -> date:
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += -1 if months > 0 else 1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def whole_months(first: date, until: date) -> int:
    """How many months after the first day are over by the other, one by one; at most 399."""
    return sum(1 for _ in itertools.takewhile(lambda months: months_back(first, -months) <= until, range(1, 400)))


def rate_of(world: World, currency: str, day: date) -> float | None:
    dated = [r for r in world.rates if r["currency"] == currency and r["valid_from"] is not None and r["valid_from"] <= day]
    if dated:
        return float(max(dated, key=lambda r: r["valid_from"])["rate"])
    current = [r for r in world.rates if r["currency"] == currency and r["valid_from"] is None]
    if current:
        return float(current[0]["rate"])
    return 1.0 if currency == world.base_currency else None


def converted(world: World, opportunity: Row, target: str) -> float:
    amount, currency = opportunity["amount"], opportunity["currency"] or world.base_currency
    target = target or world.base_currency
    if amount is None:
        return 0.0
    if currency == target:
        return float(amount)
    have, want = rate_of(world, currency, opportunity["close_date"]), rate_of(world, target, opportunity["close_date"])
    return 0.0 if have is None or want is None else float(amount) / have * want


# -- §2 ----------------------------------------------------------------------------------------------------------------------


def facts_of_everyone(world: World, program: Program, as_of: date) -> dict[str, Row]:
    y1, y2, d90 = months_back(as_of, 12), months_back(as_of, 24), as_of - timedelta(days=90)
    everyone: dict[str, Row] = {}
    sold = {
        item["product_family"]
        for item in world.line_items
        for o in world.opportunities
        if o["id"] == item["opportunity_id"] and o["is_won"] and y2 < o["close_date"] <= as_of and item["product_family"]
    }
    heads = heads_of(world) if program.unit == "group" else {}
    for account in world.accounts:
        mine = [
            {**o, "value": converted(world, o, program.currency)}
            for o in world.opportunities
            if heads.get(o["account_id"], o["account_id"]) == account["id"] and _meant(o["close_date"], as_of)
        ]
        won = [o for o in mine if o["is_won"] and o["close_date"] <= as_of]
        lost = [o for o in mine if o["is_closed"] and not o["is_won"]]
        opened = [o for o in mine if not o["is_closed"]]
        won12, won24 = [o for o in won if o["close_date"] > y1], [o for o in won if o["close_date"] > y2]
        lost24 = [o for o in lost if y2 < o["close_date"] <= as_of]
        f: Row = {k: v for k, v in account.items() if not k.startswith(FLAG_PREFIX)}
        f["won_amount_12m"] = math.fsum(o["value"] for o in won12)
        f["won_amount_prev_12m"] = math.fsum(o["value"] for o in won if y2 < o["close_date"] <= y1)
        f["growth_12m"] = f["won_amount_12m"] / f["won_amount_prev_12m"] - 1 if f["won_amount_prev_12m"] else None
        f["won_amount_total"], f["won_count_total"] = math.fsum(o["value"] for o in won), len(won)
        f["won_count_12m"], f["lost_count_12m"] = len(won12), len([o for o in lost24 if o["close_date"] > y1])
        f["win_rate_24m"] = len(won24) / (len(won24) + len(lost24)) if won24 or lost24 else None
        f["avg_won_amount_24m"] = math.fsum(o["value"] for o in won24) / len(won24) if won24 else None
        f["contract_value_12m"] = _live_contracts(mine, program, as_of)
        f["open_count"], f["open_pipeline"] = len(opened), math.fsum(o["value"] for o in opened)
        f["weighted_pipeline"] = math.fsum(o["value"] * (o["probability"] or 0) for o in opened)
        days = sorted(o["close_date"] for o in won)
        f["first_won_date"], f["last_won_date"] = (days[0], days[-1]) if days else (None, None)
        f["customer_months"] = whole_months(days[0], as_of) if days else None
        f["days_since_last_won"] = (as_of - days[-1]).days if days else None
        coming = [o["close_date"] for o in opened if o["type"] in program.renewal_types and o["close_date"] >= as_of]
        f["next_renewal_date"] = account.get("next_renewal_date") or min(coming, default=None)
        f["days_to_renewal"] = (f["next_renewal_date"] - as_of).days if f["next_renewal_date"] else None
        bought = {
            i["product_family"] for i in world.line_items for o in won if i["opportunity_id"] == o["id"] and i["product_family"]
        }
        sells = any(i["product_family"] for i in world.line_items)
        f["product_families"], f["whitespace_count"] = (len(bought), len(sold - bought)) if sells else (None, None)
        acts = [
            a
            for a in world.activities
            if heads.get(a["account_id"], a["account_id"]) == account["id"] and y2 < a["activity_date"] <= as_of
        ]
        f["last_activity_date"] = max((a["activity_date"] for a in acts), default=None)
        f["days_since_last_activity"] = (as_of - f["last_activity_date"]).days if acts else None
        two_way = [a["activity_date"] for a in acts if a["kind"] in ("meeting", "call")]
        f["last_contact_date"] = max(two_way, default=None)
        f["days_since_last_contact"] = (as_of - f["last_contact_date"]).days if two_way else None
        seen = sorted({a["activity_date"] for a in acts})
        gaps = [(later - earlier).days for earlier, later in itertools.pairwise(seen)]
        f["usual_gap_days"] = statistics.median(gaps) if len(seen) >= 5 else None
        f["silence_ratio"] = f["days_since_last_activity"] / f["usual_gap_days"] if f["usual_gap_days"] else None
        recent = [a for a in acts if a["activity_date"] > d90]
        f["activities_90d"], f["meetings_90d"] = len(recent), len([a for a in recent if a["kind"] == "meeting"])
        f |= _people(world, [i for i in (account["id"], *heads) if heads.get(i, i) == account["id"]], as_of)
        f["children_count"] = len([a for a in world.accounts if a["parent_id"] == account["id"]])
        everyone[account["id"]] = f
    whole = math.fsum(f["won_amount_12m"] for f in everyone.values())
    for f in everyone.values():
        f["revenue_share_12m"] = f["won_amount_12m"] / whole if whole else None
    _families(everyone, as_of)
    return everyone


def _people(world: World, ids: Sequence[str], as_of: date) -> Row:
    """What is known of the people of an account, or of a group's accounts."""

    def is_there(row: Row) -> bool:
        return row["is_active"] != 0 and (row["left_date"] is None or row["left_date"] > as_of)

    own = [c for c in world.contacts if c["tie"] == "contact" and is_there(c)]
    left = {(c["contact_id"], c["account_id"]) for c in world.contacts if c["tie"] == "relation" and not is_there(c)}
    ties = [
        c
        for c in world.contacts
        if c["account_id"] in ids
        and is_there(c)
        and c["contact_id"] in {one["contact_id"] for one in own}
        and (c["contact_id"], c["account_id"]) not in left
    ]
    roles = {role for c in ties for role in (c["roles"] or "").split(";") if role}
    noted = any(c["roles"] for c in world.contacts)
    facts: Row = {f"has_{role}": int(role in roles) if noted else None for role in ("sponsor", "decision_maker", "champion")}
    facts["stakeholder_roles"] = len(roles) if noted else None
    facts["contacts_count"] = len({c["contact_id"] for c in ties}) if own else None
    key = {c["contact_id"] for c in ties if {"sponsor", "decision_maker", "champion"} & set((c["roles"] or "").split(";"))}
    days = [c["last_activity_date"] for c in own if c["contact_id"] in key and c["last_activity_date"]]
    last = max((day for day in days if day <= as_of), default=None)
    facts["last_stakeholder_activity_date"] = last
    facts["days_since_last_stakeholder_activity"] = None if last is None else (as_of - last).days
    return facts


def _live_contracts(mine: Sequence[Row], program: Program, as_of: date) -> float | None:
    """What the contracts that run on the day bring in twelve months."""
    mapped = program.opportunity_columns
    if not mapped & {"contract_months", "contract_end"}:
        return None
    total = 0.0
    for o in mine:
        start, months, end = (o[n] if n in mapped else None for n in ("contract_start", "contract_months", "contract_end"))
        start = start or o["close_date"]
        if not o["is_won"] or start is None or start > as_of:
            continue
        if months is not None:
            if months > 0 and months_back(start, -math.ceil(months)) > as_of:
                total += o["value"] * 12 / months
        elif end is not None and end >= as_of:
            total += o["value"] * 12 / max(1, whole_months(start, end + timedelta(days=1)))
    return total


def _meant(day: date | None, as_of: date) -> bool:
    """A close date within fifty years."""
    return day is None or months_back(as_of, 600) <= day <= months_back(as_of, -600)


def heads_of(world: World) -> dict[str, str]:
    """The ultimate parent of each account that has one in the CRM."""
    ids = {a["id"] for a in world.accounts}
    parents = _uncircled({a["id"]: a["parent_id"] for a in world.accounts if a["parent_id"] in ids})
    heads = {}
    for account in parents:
        head = account
        while head in parents:
            head = parents[head]
        heads[account] = head
    return heads


def _families(everyone: dict[str, Row], as_of: date) -> None:
    parents = _uncircled({i: f["parent_id"] for i, f in everyone.items() if f["parent_id"]})
    for account, f in everyone.items():
        family = [account]
        for member in family:
            family += [child for child, parent in parents.items() if parent == member]
        f["family_won_amount_12m"] = math.fsum(everyone[m]["won_amount_12m"] for m in family)
        f["family_open_pipeline"] = math.fsum(everyone[m]["open_pipeline"] for m in family)
    for account, f in everyone.items():
        f |= _territory(account, everyone, parents, as_of)


def _territory(account: str, everyone: dict[str, Row], parents: dict[str, str], as_of: date) -> Row:
    """The last step of the account's group, below it, into a country or an industry that was new to the group."""

    def above(member: str) -> list[str]:
        chain = [member]
        while chain[-1] in parents and parents[chain[-1]] in everyone:
            chain.append(parents[chain[-1]])
        return chain[1:]

    def age(member: str) -> tuple[str, str]:
        return str(everyone[member]["created_date"] or ""), member

    root = (above(account) or [account])[-1]
    group = [m for m in everyone if (above(m) or [m])[-1] == root]
    steps = []
    for member in group:
        if account not in above(member) or not age(account)[0] or not age(account)[0] < age(member)[0]:
            continue
        for kind in ("country", "industry"):
            here = everyone[member][kind]
            if here and min((m for m in group if everyone[m][kind] == here), key=age) == member:
                steps.append((everyone[member]["created_date"], member, here))
                break
    day, _, name = max(steps, default=(None, "", None), key=lambda step: step[:2])
    since = None if day is None else (as_of - day).days
    return {"new_territory_date": day, "new_territory": name, "days_since_new_territory": since}


def _uncircled(parents: dict[str, str]) -> dict[str, str]:
    """Without the parent of the least account of each circle."""
    for account in sorted(parents):
        loop, node = [account], parents[account]
        while node in parents and node not in loop:
            loop.append(node)
            node = parents[node]
        if node == account and account == min(loop):
            del parents[account]
    return parents


# -- §4, §5 ------------------------------------------------------------------------------------------------------------------


def half_up(value: float) -> float:
    return float(Decimal(repr(round(value, 9))).quantize(Decimal("0.01"), ROUND_HALF_UP))


def scaled(criterion: Criterion, facts: Row, rivals: Sequence[Row], meanings: Mapping[str, Meaning], as_of: date) -> float | None:
    value = meanings[criterion.value.text](facts)
    if value is None:
        return None
    match criterion.scale:
        case Linear(low, high):
            result = min(max(100 * (value - low) / (high - low), 0), 100)
        case Log(low, high):
            result = 0 if value <= low else min(100 * (math.log(value) - math.log(low)) / (math.log(high) - math.log(low)), 100)
        case Bands(steps):
            result = 0
            for threshold, score in steps:
                if threshold <= value:
                    result = score
        case Values(scores, otherwise):
            result = scores.get(str(value), otherwise)
        case FlagScale():
            result = 100 if value else 0
        case Share(low, high):
            values = [v for r in rivals if (v := meanings[criterion.value.text](r)) is not None]
            whole = math.fsum(v for v in values if v > 0)
            share = 100 * value / whole if whole else 0
            result = min(max(100 * (share - low) / (high - low), 0), 100)
        case Percentile(within):
            group = [r for r in rivals if within is None or meanings[within.text](r) == meanings[within.text](facts)]
            others = [v for r in group if (v := meanings[criterion.value.text](r)) is not None]
            result = 100 * len([v for v in others if v < value]) / (len(others) - 1) if len(others) > 1 else 0
    if criterion.decay is not None:
        day = meanings[criterion.decay.since.text](facts)
        if day is None:
            return None
        result *= 0.5 ** (max((as_of - day).days, 0) / criterion.decay.half_life_days)
    return float(result)


def _mean(parts: Sequence[tuple[float, float]]) -> float | None:
    weight = math.fsum(w for w, _ in parts)
    return half_up(math.fsum(w * s for w, s in parts) / weight) if weight else None


def _score(verdict: Verdict, program: Program, rivals: Sequence[Row], meanings: Mapping[str, Meaning], as_of: date) -> None:
    axes: dict[str, list[tuple[float, float]]] = {"attractiveness": [], "strength": [], "health": []}
    known = total = health_known = health_total = 0.0
    for criterion in program.criteria:
        value = scaled(criterion, verdict.facts, rivals, meanings, as_of)
        if criterion.axis != "health":
            total += criterion.weight
            known += criterion.weight if value is not None else 0
        else:
            health_total += criterion.weight
            health_known += criterion.weight if value is not None else 0
        if value is None and criterion.missing != "skip":
            value = 0.0 if criterion.missing == "zero" else criterion.missing
        if value is not None:
            axes[criterion.axis].append((criterion.weight, value))
    verdict.attractiveness, verdict.strength = _mean(axes["attractiveness"]), _mean(axes["strength"])
    seen = health_known / health_total if health_total else 1.0
    verdict.health_score = _mean(axes["health"]) if seen >= program.health_min_coverage - 1e-9 else None
    verdict.score = _mean(axes["attractiveness"] + axes["strength"])
    verdict.coverage = known / total if total else 1.0


# -- §6 ----------------------------------------------------------------------------------------------------------------------


def verdicts(world: World, program: Program, as_of: date, meanings: Mapping[str, Meaning]) -> dict[str, Verdict]:
    facts = facts_of_everyone(world, program, as_of)
    found = {a["id"]: Verdict(a, facts[a["id"]]) for a in world.accounts}
    if program.unit == "group":
        for account, head in heads_of(world).items():
            found[account].head = head
    for verdict in found.values():
        verdict.eligible = verdict.head is None and bool(meanings[program.eligible.text](verdict.facts))
        verdict.active = verdict.eligible and bool(meanings[program.active.text](verdict.facts))
    rivals = [v.facts for v in found.values() if v.eligible]
    for verdict in found.values():
        if verdict.eligible:
            _score(verdict, program, rivals, meanings, as_of)
        verdict.fired = [r for r in program.rules if meanings[r.when.text](verdict.facts)]
    for verdict in sorted(found.values(), key=lambda v: v.head is None):  # who leads last
        _candidate(verdict, world, program, as_of, [v for v in found.values() if v.head == verdict.account["id"]])
    _seats(list(found.values()), program, as_of, meanings)
    _capacity(list(found.values()), program, as_of)
    if _between_reviews(list(found.values()), world, program, as_of):
        _wait(list(found.values()), program, as_of)
    for v in found.values():
        if v.code == "group":
            v.tier = found[v.head or ""].tier if program.members == "inherit" else "none"
            v.current = v.current if program.members == "inherit" else "none"
        v.since = as_of if v.tier != v.current else _stands_since(v) or as_of
    return found


OUT_OF_PLAY = ("override", "not_eligible", "excluded", "group")


def _order(program: Program) -> dict[str, int]:
    return {name: i for i, name in enumerate([*(t.name for t in program.tiers), "none"])}


def _seats(everyone: Sequence[Verdict], program: Program, as_of: date, meanings: Mapping[str, Meaning]) -> None:
    order = _order(program)
    for table, seat in enumerate(sorted(program.seats, key=lambda s: order[s.tier])):
        able = []
        for v in everyone:
            evidence = meanings[seat.evidence.text](v.facts)
            fresh = evidence is not None and (as_of - evidence).days <= seat.valid_days
            ceiling = max((order[r.ceiling] for r in v.fired if r.ceiling), default=0)
            free = v.code not in OUT_OF_PLAY and v.seat is None and ceiling <= order[seat.tier]
            if free and fresh and meanings[seat.when.text](v.facts):
                able.append(v)

        def claim(v: Verdict, rank: Meaning = meanings[seat.rank.text]) -> tuple[bool, float, str]:
            value = rank(v.facts)
            return value is None, -(value or 0), v.account["id"]

        for turn, v in enumerate(sorted(able, key=claim)[: seat.count]):
            v.seat = (seat.tier, table, turn)
            _sit(v, order)


def _sit(v: Verdict, order: Mapping[str, int]) -> None:
    if v.seat and order[v.tier] >= order[v.seat[0]]:
        v.tier, v.code = v.seat[0], "seat"


def _between_reviews(everyone: Sequence[Verdict], world: World, program: Program, as_of: date) -> bool:
    """Neither a review's month nor the first decision's: nobody had a tier before it, and not all moved by other causes."""
    if not program.review_months or as_of.month in program.review_months:
        return False
    flag = "flag_decided_tier" if "decided_tier" in program.mapped_flags else "flag_tier"
    decided = [v for v in everyone if v.account.get(flag) and v.account.get("flag_since")]
    months = [(v.account["flag_since"].year, v.account["flag_since"].month) for v in decided]
    by_people = {m["new_id"] for m in world.merges if m["override"]}
    by_people |= {v.account["id"] for v in decided if v.account.get("flag_override")}
    other_causes = [v.code in (*OUT_OF_PLAY, "floor", "ceiling", "seat") or v.account["id"] in by_people for v in decided]
    return any(month < (as_of.year, as_of.month) for month in months) or (bool(decided) and all(other_causes))


def _wait(everyone: Sequence[Verdict], program: Program, as_of: date) -> None:
    """Scores and capacity change nothing now; what was found so far is what a review would find."""
    order = _order(program)
    review = [(v.tier, v.code) for v in everyone]
    for v in everyone:
        if v.code in OUT_OF_PLAY:
            continue
        by_score = next((t.name for t in program.tiers if v.score is not None and v.score >= t.enter), "none")
        rises = program.review_between == "rises" and order[by_score] < order[v.current]
        v.tier, v.code = (by_score, "score") if rises else (v.current, "review")
        floor = min((order[r.floor] for r in v.fired if r.floor), default=99)
        ceiling = max((order[r.ceiling] for r in v.fired if r.ceiling), default=-1)
        if floor <= order[v.tier]:
            v.tier, v.code = program.tiers[floor].name, "floor"
        if ceiling >= order[v.tier]:
            v.tier, v.code = [*order][ceiling], "ceiling"
        if v.coverage < program.min_coverage - 1e-9:
            v.tier, v.code = v.current, "low_coverage"
        elif order[v.tier] > order[v.current] and may_not_leave(v, program, as_of):
            v.tier, v.code = v.current, "min_days"
        _sit(v, order)
    _capacity(everyone, program, as_of, keeps_all=True)
    for v, (tier, code) in zip(everyone, review, strict=True):
        if v.tier == tier:
            v.code = code
        else:
            v.would_be = tier


def named(word: str | None, program: Program) -> str | None:
    """The tier that people mean by a word: case and blanks do not matter, nothing is no tier; None where it is none of these."""
    meant = (word or "none").strip().lower() or "none"
    return next((name for name in (*(t.name for t in program.tiers), "none") if name.lower() == meant), None)


def _stands_since(v: Verdict) -> date | None:
    """Since when it has its current tier: a new head since its group had it."""
    return v.took_over or v.account.get("flag_since")


def _candidate(v: Verdict, world: World, program: Program, as_of: date, members: Sequence[Verdict]) -> None:
    order = {name: i for i, name in enumerate([*(t.name for t in program.tiers), "none"])}
    word = v.account.get("flag_decided_tier") if "decided_tier" in program.mapped_flags else None
    decided, shown = named(word, program), named(v.account.get("flag_tier"), program)
    by_hand = bool(word) and shown is not None and shown != decided
    v.current = decided or "none" if shown is None or (program.drift == "reclaim" and word) else shown
    stood = [m for m in members if m.code == "group" and m.current != "none"]
    if stood and v.current == "none" and not word:
        best = min(stood, key=lambda m: order[m.current]).current
        v.current, v.took_over = best, min(m.account.get("flag_since") or as_of for m in stood if m.current == best)
    if _by_a_person(v, world, program, as_of, shown, by_hand=by_hand, before_us=not word):
        v.current = decided or "none" if by_hand else v.current
        return
    if v.head is not None:
        v.tier, v.code = "none", "group"
        return
    if not v.eligible:
        v.tier, v.code = "none", "not_eligible"
        return
    if any(r.exclude for r in v.fired):
        v.tier, v.code = "none", "excluded"
        return
    if v.score is not None:
        for tier in program.tiers:
            kept = order[tier.name] >= order[v.current] and v.score >= tier.leave
            if v.score >= tier.enter or kept:
                v.tier, v.code = tier.name, "score" if v.score >= tier.enter else "hysteresis"
                break
    floors = [r.floor for r in v.fired if r.floor]
    ceilings = [r.ceiling for r in v.fired if r.ceiling]
    if floors and order[best := min(floors, key=order.__getitem__)] < order[v.tier]:
        v.tier, v.code = best, "floor"
    if ceilings and order[worst := max(ceilings, key=order.__getitem__)] > order[v.tier]:
        v.tier, v.code = worst, "ceiling"
    if v.coverage < program.min_coverage - 1e-9:
        v.tier, v.code = v.current, "low_coverage"
    elif order[v.tier] > order[v.current] and may_not_leave(v, program, as_of):
        v.tier, v.code = v.current, "min_days"


def _by_a_person(
    v: Verdict, world: World, program: Program, as_of: date, shown: str | None, *, by_hand: bool, before_us: bool
) -> bool:
    """§6.6 and §6.7: an override that holds, else a tier that somebody chose in the tier field."""
    word, until = v.account.get("flag_override"), v.account.get("flag_override_until")
    inherited = [m for m in world.merges if m["new_id"] == v.account["id"] and m["override"]]
    if not word and inherited:
        word, until = inherited[0]["override"], inherited[0]["override_until"]
    choice = named(word, program) if word else None
    if choice is not None and (until is None or as_of <= until):
        v.tier, v.code, v.override, v.until = choice, "override", choice, until
        v.writes_override = not v.account.get("flag_override")
        return True
    v.drifted = by_hand
    kept_before = before_us and shown != "none" and "decided_tier" in program.mapped_flags
    if shown is None or not ((by_hand and program.drift == "adopt") or (kept_before and program.existing_tiers == "override")):
        return False
    v.tier, v.code, v.override, v.writes_override = shown, "override", shown, True
    v.until = as_of + timedelta(days=program.adopt_days)
    return True


def may_not_leave(v: Verdict, program: Program, as_of: date) -> bool:
    """It is in its current tier for less than that tier's `min_days`."""
    since = _stands_since(v)
    days = {t.name: t.min_days for t in program.tiers}.get(v.current, 0)
    return since is not None and as_of < since + timedelta(days=days)


def _capacity(everyone: Sequence[Verdict], program: Program, as_of: date, *, keeps_all: bool = False) -> None:
    """`keeps_all`: nobody leaves the tier that it has for lack of room."""
    order = {name: i for i, name in enumerate([*(t.name for t in program.tiers), "none"])}
    for index, tier in enumerate(program.tiers):
        inside = [v for v in everyone if v.tier == tier.name and v.code != "group"]
        promised = [v for v in inside if v.current == tier.name and (keeps_all or may_not_leave(v, program, as_of))]
        placed = [v for v in inside if v.code == "override" or v in promised]
        owners = Counter(v.account["owner_id"] for v in placed)
        room = [tier.max_accounts] if tier.max_accounts is not None else []
        if tier.top_percent is not None:
            room.append(math.ceil(round(tier.top_percent / 100 * len([v for v in everyone if v.active]), 6)))
        size = len(placed)
        margin = tier.enter - tier.leave

        def rank(v: Verdict, tier: Tier = tier, margin: float = margin) -> tuple[tuple[int, ...], float, float, str]:
            seat = (0, *v.seat[1:]) if v.seat and v.seat[0] == tier.name else (1,)
            score = -1000.0 if v.score is None else v.score + (margin if v.current == tier.name else 0)
            return seat, -round(score, 6), -round(v.facts["won_amount_12m"], 6), v.account["id"]

        for v in sorted((v for v in inside if v not in placed), key=rank):
            owner = v.account["owner_id"]
            owner_full = tier.max_per_owner is not None and owner and owners[owner] >= tier.max_per_owner
            if not owner_full and all(size < limit for limit in room):
                size += 1
                owners[owner] += 1
                continue
            floors = [order[r.floor] for r in v.fired if r.floor]
            ceilings = [order[r.ceiling] for r in v.fired if r.ceiling]
            v.tier, v.code = "none", "capacity"
            for lower in program.tiers[index + 1 :]:
                at = order[lower.name]
                reached = v.score is not None and (v.score >= lower.enter or (at >= order[v.current] and v.score >= lower.leave))
                stays = lower.name == v.current and (keeps_all or may_not_leave(v, program, as_of))
                seated = v.seat is not None and v.seat[0] == lower.name
                allowed = at >= max(ceilings, default=0)
                if allowed and (reached or stays or seated or (floors and at >= min(floors))):
                    v.tier, v.code = lower.name, "seat" if seated else "capacity"
                    break


def waiting(found: Mapping[str, Verdict], program: Program) -> set[str]:
    """§6.5, approval: whose update an unattended run leaves to a person, by id. What an override says waits for nobody."""
    if not program.approve:
        return set()
    best = program.tiers[0].name
    alone = {i for i, v in found.items() if v.code == "group" and program.members == "none"}  # nothing is written there
    return {
        i
        for i, v in found.items()
        if (v.account["flag_tier"] == best) != (v.tier == best) and v.code != "override" and i not in alone
    }


# -- random worlds and programmes --------------------------------------------------------------------------------------------

INDUSTRIES = ("Energy", "energy", "Retail", "Bancário", None)
FAMILIES = ("Core", "Plus", "Care", "Cloud", None)
MEANINGS: dict[str, Meaning] = {
    "true": lambda f: True,
    "employees > 10": lambda f: None if f["employees"] is None else f["employees"] > 10,
    "type <> 'partner'": lambda f: None if f["type"] is None else f["type"] != "partner",
    "industry": lambda f: f["industry"],
    "coalesce(industry, 'other')": lambda f: f["industry"] or "other",
    "won_amount_12m / won_count_12m": lambda f: f["won_amount_12m"] / f["won_count_12m"] if f["won_count_12m"] else None,
    "activities_90d + 2 * meetings_90d": lambda f: f["activities_90d"] + 2 * f["meetings_90d"],
    "reference_date is not null": lambda f: f["reference_date"] is not None,
    "won_count_total = 0": lambda f: f["won_count_total"] == 0,
    "industry like 'E%'": lambda f: None if f["industry"] is None else f["industry"].startswith("E"),
    "children_count > 1": lambda f: f["children_count"] > 1,
    "open_count between 2 and 4 or lost_count_12m > 2": lambda f: 2 <= f["open_count"] <= 4 or f["lost_count_12m"] > 2,
    "days_to_renewal <= 60": lambda f: None if f["days_to_renewal"] is None else f["days_to_renewal"] <= 60,
}
PLAIN = (*(fact.name for fact in FACTS if not fact.is_remembered and fact.kind != "text"), "employees", "reference_date", "nps")


def _reads(name: str) -> Meaning:
    return lambda facts: facts[name]


MEANINGS.update({name: _reads(name) for name in PLAIN})
_OF_PEOPLE = {fact.name for fact in FACTS if Stream.CONTACTS in streams_of((fact.name,))}
_NUMBERS = [name for name in PLAIN if not name.endswith("_date") and name not in _OF_PEOPLE]


def random_world(rng: random.Random) -> World:
    """A small portfolio with everything that is odd in a CRM."""
    n = rng.randint(1, 24)
    ids = [f"{rng.choice('aBz')}{i:02d}" for i in range(n)]
    world = World(base_currency="USD", mapped={"nps": "number", "reference_date": "date"})
    if rng.random() < 0.3:
        world.mapped["next_renewal_date"] = "date"

    def day(past: int, future: int = 0) -> date:
        edges = (
            AS_OF,
            *(months_back(AS_OF, m) + timedelta(days=d) for m in (12, 24) for d in (0, 1)),
            AS_OF - timedelta(days=90),
        )
        return rng.choice(edges) if rng.random() < 0.2 else AS_OF - timedelta(days=rng.randint(-future, past))

    def perhaps(value: Any, chance: float = 0.3) -> Any:
        return None if rng.random() < chance else value

    world.rates = [
        {"currency": "EUR", "valid_from": None, "rate": 0.8},
        {"currency": "BRL", "valid_from": None, "rate": 5.0},
        {"currency": "BRL", "valid_from": months_back(AS_OF, 20), "rate": 4.0},
        {"currency": "BRL", "valid_from": months_back(AS_OF, 6), "rate": 8.0},
    ]
    for i in ids:
        row = {
            "id": i,
            "name": perhaps(f"Account {i}", 0.1),
            "owner_id": perhaps(rng.choice("pqr"), 0.1),
            "parent_id": perhaps(rng.choice([*ids, "gone"]), 0.5),
            "type": perhaps(rng.choice(["customer", "partner"])),
            "industry": rng.choice(INDUSTRIES),
            "country": perhaps(rng.choice(["Brazil", "Peru", "Chile", "Atlantis"])),
            "created_date": perhaps(day(700), 0.2),
            "employees": perhaps(rng.choice([0, 5, 10, 50, 500, 5000])),
            "nps": perhaps(rng.choice([-5, 0, 3.5, 9])),
            "reference_date": perhaps(day(900, 20)),
            "flag_tier": (shown := perhaps(rng.choice([*"AABBCC", "Z", "b", "none"]), 0.4)),
            "flag_decided_tier": rng.choice([shown or "none"] * 6 + [None, None, "A", "B", "C", "none", "Z"]),
            "flag_since": perhaps(day(200)),
            "flag_override": perhaps(rng.choice(["A", "C", "none", "Z"]), 0.75),
            "flag_override_until": perhaps(day(10, 10), 0.5),
        }
        world.accounts.append(
            {**row, **({"next_renewal_date": perhaps(day(100, 100))} if "next_renewal_date" in world.mapped else {})}
        )
        if rng.random() < 0.1:
            world.merges.append(
                {
                    "old_id": f"old-{i}",
                    "new_id": i,
                    "override": perhaps(rng.choice(["A", "C", "none", "Z"])),
                    "override_until": perhaps(day(10, 10), 0.5),
                    "seen": AS_OF,
                }
            )
    for k in range(rng.randint(0, n * 6)):
        closed = rng.random() < 0.75
        opportunity = {
            "id": f"o{k}",
            "account_id": rng.choice([*ids, None, "gone"]),
            "amount": perhaps(rng.choice([0, 100, 250.5, 1000, 99999]), 0.15),
            "currency": rng.choice(["USD", "EUR", "BRL", None]),
            "close_date": day(1000, 0 if closed else 200),
            "is_closed": int(closed),
            "is_won": int(closed and rng.random() < 0.6),
            "probability": perhaps(rng.choice([0, 0.25, 0.5, 1])),
            "type": perhaps(rng.choice(["Renewal", "New"])),
            "contract_start": perhaps(day(900, 60), 0.5),
            "contract_months": perhaps(rng.choice([1, 12, 36, 18.5, 0]), 0.5),
            "contract_end": perhaps(day(300, 700), 0.5),
        }
        world.opportunities.append(opportunity)
        for j in range(rng.randint(0, 2)):
            world.line_items.append({"id": f"l{k}-{j}", "opportunity_id": f"o{k}", "product_family": rng.choice(FAMILIES)})
    for k in range(rng.randint(0, n * 4)):
        kind = rng.choice(["task", "meeting", "call", "email", "note"])
        act = {"id": f"t{k}", "account_id": rng.choice(ids), "kind": kind, "activity_date": day(800, 40)}
        world.activities.append(act)
    world.contacts = _random_people(random.Random(len(world.activities) * 1_000 + n), ids)
    return world


def _random_people(rng: random.Random, ids: Sequence[str]) -> list[Row]:
    """People of these accounts, some of whom have left or play a part elsewhere."""

    def day(past: int, future: int) -> date:
        return AS_OF - timedelta(days=rng.randint(-future, past))

    def perhaps(value: Any, chance: float) -> Any:
        return None if rng.random() < chance else value

    found: list[Row] = []
    for k in range(rng.choice([0, len(ids), 2 * len(ids)])):
        person = {"id": f"p{k}", "contact_id": f"p{k}", "tie": "contact", "account_id": rng.choice(ids)}
        said = {"is_active": rng.choice([1, 1, None, 0]), "left_date": perhaps(day(30, 30), 0.8)}
        found.append(
            {**person, **said, "roles": perhaps(_some_roles(rng), 0.5), "last_activity_date": perhaps(day(200, 20), 0.3)}
        )
        for tie in [name for name in ("role", "relation") if rng.random() < 0.5]:
            tied = {"id": f"{tie}{k}", "contact_id": rng.choice([f"p{k}", f"p{k}", "gone"]), "tie": tie}
            active = 1 if tie == "role" else rng.choice([1, 1, 0])
            found.append(
                {**tied, "account_id": rng.choice([*ids, None]), "roles": perhaps(_some_roles(rng), 0.3), "is_active": active}
                | {"left_date": None, "last_activity_date": None}
            )
    return found


def _some_roles(rng: random.Random) -> str:
    every = ["sponsor", "decision_maker", "champion", "influencer", "end user"]
    return ";".join(sorted(rng.sample(every, rng.randint(1, 2))))


def random_program(rng: random.Random) -> Program:
    """A programme that uses several of everything."""

    def criterion(index: int) -> Criterion:
        axes: tuple[Axis, ...] = ("attractiveness", "strength", "health")
        value = Expression(rng.choice([*_NUMBERS, "won_amount_12m / won_count_12m", "activities_90d + 2 * meetings_90d"]))
        scales: list[Scale] = [
            Linear(0, rng.choice([1, 20, 1000])),
            Linear(100, 0),
            Log(1, 10000),
            Bands(((0, 10), (1, 40), (100, 90))),
            Percentile(),
            Percentile(Expression("coalesce(industry, 'other')")),
            Share(0, rng.choice([5, 50])),
            FlagScale(),
        ]
        scale = rng.choice(scales)
        if rng.random() < 0.15:
            value, scale = Expression("industry"), Values({"Energy": 80, "Bancário": 35.5}, rng.choice([0, 10]))
        decay = Decay(Expression("reference_date"), rng.choice([30, 365])) if rng.random() < 0.25 else None
        axis = rng.choice(axes)
        missing: Any = rng.choice(["zero", "skip", 40])
        return Criterion(f"c{index}", axis, "retention", rng.choice([0, 1, 5, 12.5]), value, scale, missing, decay)

    def limit(*choices: float) -> Any:
        return rng.choice(choices) if rng.random() < 0.4 else None

    tiers = tuple(
        Tier(
            name,
            enter,
            enter - rng.choice([0, 5, 12]),
            min_days=rng.choice([0, 0, 60, 150]),
            max_accounts=limit(0, 1, 3, 6),
            top_percent=limit(10, 25, 33.3),
            max_per_owner=limit(1, 2),
        )
        for name, enter in (("A", 55), ("B", 40), ("C", 25))
    )
    conditions = [text for text in MEANINGS if any(c in text for c in "=<>") or "like" in text or "between" in text]
    rules = tuple(
        Rule(Expression(rng.choice(conditions)), *rng.choice([("A", None), ("C", None), (None, "B"), (None, "none"), ("A", "B")]))
        for _ in range(rng.randint(0, 2))
    )
    if rng.random() < 0.2:
        rules += (Rule(Expression("children_count > 1"), exclude=True),)
    seats = tuple(
        Seat(
            rng.choice(["A", "A", "B"]),
            rng.randint(1, 2),
            Expression(rng.choice(["true", *conditions])),
            Expression(rng.choice(["employees", "won_amount_12m"])),
            Expression("reference_date"),
            rng.choice([100, 600]),
        )
        for _ in range(rng.choice([0, 0, 1, 2]))
    )
    mapped = {name for name, flag in FLAGS.items() if not flag.optional}
    return Program(
        tiers=tiers,
        criteria=tuple(criterion(i) for i in range(rng.randint(1, 7))),
        rules=rules,
        currency=rng.choice(["", "USD", "EUR", "BRL"]),
        eligible=Expression(rng.choice(["true", "true", "employees > 10", "type <> 'partner'"])),
        active=Expression(rng.choice(["true", "employees > 10", "children_count > 1", "industry like 'E%'"])),
        renewal_types=("Renewal",),
        min_coverage=rng.choice([0, 0, 0.5, 0.8]),
        drift=rng.choice(["adopt", "reclaim"]),
        health_min_coverage=rng.choice([0, 0.5, 1]),
        adopt_days=rng.choice([0, 30, 90]),
        existing_tiers=rng.choice(["current", "override"]),
        seats=seats,
        review_months=rng.choice([(), (), (1, 7), (6,)]),
        review_between=rng.choice(["hold", "rises"]),
        unit=rng.choice(["account", "account", "group"]),
        members=rng.choice(["inherit", "none"]),
        opportunity_columns=frozenset(rng.sample(["contract_start", "contract_months", "contract_end"], rng.randint(0, 3))),
        mapped_flags=frozenset(mapped - {"decided_tier"} if rng.random() < 0.2 else mapped),
        approve=rng.random() < 0.5,
    )
