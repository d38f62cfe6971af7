"""Makes the digests of the programme and of its owners, and sends each once a period to each channel that hears of it.

A digest is noted in the cache before it is sent. One that a channel does not take is due still; one that was cut short while it
was sent (a killed process) never goes out again, since it may have arrived: it is reported once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from urllib.parse import quote

from kamsync.config import Config
from kamsync.config.channels import OWNER_ADDRESS, Channel, Who
from kamsync.decide.assignees import MADE_INVALID, Owner
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reasons import reasons_text
from kamsync.decide.receipts import Receipt
from kamsync.decide.tiers import tier_order
from kamsync.errors import ConfigError
from kamsync.report.digest.digest import EXPIRY_DAYS, AtRisk, Digest, DueTask, Expiring, Moved, end_of_week, week_of
from kamsync.report.digest.documents import calling_nobody, message_of
from kamsync.run.channels import Parcel, deliver, hide_address
from kamsync.run.moments import today
from kamsync.run.overview import picturing, record_link
from kamsync.store.accounts import owners
from kamsync.store.database import Cache
from kamsync.store.digests import (
    NetMove,
    Told,
    claim,
    entry_before,
    last_settled_entry,
    moves_between,
    oldest_entry_told,
    settle,
    take_back,
    told_last,
)
from kamsync.store.evaluate import Evaluation
from kamsync.store.ledger import shown_tasks

FIRST_DAYS = 7  # a channel that heard nothing before hears of the last week
WHY_LENGTH = 240
PROGRAMME = ""  # the reader that is nobody in person
EVERYBODY = "*"  # in place of a reader: all readers of a channel were told
Outcome = Literal["sent", "failed", "unknown", "nobody"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one digest. `channel`: its number among [[notify]], from 1. `why`: what went wrong, "" nothing."""

    channel: int
    source: str
    reader: str
    reader_name: str
    outcome: Outcome
    why: str = ""

    @property
    def is_well(self) -> bool:
        """Whether nobody has to look after it."""
        return self.outcome == "sent"


def owner_named(cache: Cache, wanted: str) -> Owner:
    """The person of that id, e-mail or name. Raises ConfigError where nobody or several people are called so."""
    found = [owner for owner in owners(cache) if _is_called(owner, wanted)]
    if len(found) == 1:
        return found[0]
    what = "Nobody in the cache is" if not found else f"{len(found)} people in the cache are"
    raise ConfigError(f"{what} called {wanted!r}.", fix="Give the owner's e-mail or id; `kamsync accounts --json` shows ids.")


def digests_now(cache: Cache, config: Config, now: datetime, *, owner: Owner | None = None) -> list[tuple[Digest, Program]]:
    """What the digests of this period say, sent or not, without empty ones: the programme's, then each owner's.

    With an `owner`, that person's alone. Each comes with the programme in the language of the first channel that hears of it.
    """
    made = _Making(cache, config, today(config, now))
    readers = [owner.id] if owner is not None else [PROGRAMME, *made.everything.readers]
    found = []
    for reader in readers:
        channel = next(_hearing(config, "owner" if reader else "program", made.person(reader)), None)
        before = told_last(cache, _name(channel), reader) if channel is not None else None
        digest = made.digest(reader, made.since(before), language=channel.language if channel is not None else "")
        if not digest.is_empty:
            found.append((digest, made.program(channel.language if channel is not None else "")))
    return found


def send_digests(cache: Cache, config: Config, now: datetime, *, owner: Owner | None = None) -> list[Delivery]:
    """Sends what is due and says what became of each; nothing is due where there is nothing to say.

    With an `owner`, that person's digest alone. Raises ConfigError on an unknown currency.
    """
    if not _is_any_due(cache, config, today(config, now)):
        return []
    made = _Making(cache, config, today(config, now))
    told = list(_send(made, config, now, owner))
    if owner is None:
        _note_the_week(made, config, told, now)
    return told


def _note_the_week(made: _Making, config: Config, told: Sequence[Delivery], now: datetime) -> None:
    """A weekly channel through which everybody was told what there was hears nothing more this week; so no run decides for it."""
    open_still = {one.channel for one in told if not one.is_well}
    upto, week = last_settled_entry(made.cache), week_of(made.as_of)
    for number, channel in enumerate(config.channels, start=1):
        if channel.who != "failures" and channel.when == "weekly" and number not in open_still:
            before = told_last(made.cache, _name(channel), EVERYBODY)
            claim(made.cache, before, Told(_name(channel), EVERYBODY, week, upto, upto, frozenset(), "sent", now))


def _send(made: _Making, config: Config, now: datetime, owner: Owner | None) -> Iterator[Delivery]:
    for number, channel in enumerate(config.channels, start=1):
        hide_address(channel.address)
        if channel.who == "program" and owner is None:
            yield from _send_one(made, number, channel, PROGRAMME, now)
        elif channel.who == "owner":
            readers = [owner.id] if owner is not None else made.everything.readers
            for reader in readers:
                if _hears(channel, made.person(reader)):
                    yield from _send_one(made, number, channel, reader, now)


def _send_one(made: _Making, number: int, channel: Channel, reader: str, now: datetime) -> Iterator[Delivery]:
    before = told_last(made.cache, _name(channel), reader)
    person = made.person(reader)
    name = person.name or person.id if person is not None else ""

    def came_to(outcome: Outcome, why: str = "") -> Delivery:
        return Delivery(number, channel.address.source, reader, name, outcome, why)

    if before is not None and before.state == "sending":
        settle(made.cache, before, "unknown")
        before = replace(before, state="unknown")
        yield came_to("unknown", f"the digest of {before.period} was cut short while it was sent; it may not have arrived")
    period = week_of(made.as_of) if channel.when == "weekly" else made.as_of.isoformat()
    if channel.when == "weekly" and before is not None and before.period == period:
        return
    since, upto = before.upto if before is not None else made.first_entry, last_settled_entry(made.cache)
    digest = made.digest(reader, since, upto, channel.language)
    if digest.is_empty or (channel.when == "sync" and not _is_news(digest, before)):
        return
    address, why = _address(channel, person)
    if why:
        yield came_to("nobody", why)
        return
    told = Told(_name(channel), reader, period, since, upto, digest.said, "sending", now)
    if not claim(made.cache, before, told):
        return  # another process is about to send it
    message = message_of(digest, made.program(channel.language))
    why = deliver(address, Parcel(message.title, calling_nobody(message.text), message.markdown, message.html))
    if why:
        take_back(made.cache, told, before)
        yield came_to("failed", why)
        return
    settle(made.cache, told, "sent")
    yield came_to("sent")


def _is_news(digest: Digest, before: Told | None) -> bool:
    """Whether a channel that hears after every run has anything to hear: tasks that are due alone are no news."""
    return bool(digest.moved or digest.said - (before.said if before is not None else frozenset()))


def _address(channel: Channel, person: Owner | None) -> tuple[str, str]:
    """The address, with the owner's e-mail in it where it asks for that; or why there is none."""
    address = channel.address.reveal()
    if OWNER_ADDRESS not in address or person is None:
        return address, ""
    if not person.email or person.email.endswith(MADE_INVALID):
        return "", "the CRM has no e-mail of this person that reaches anybody"
    return address.replace(OWNER_ADDRESS, quote(person.email, safe="@")), ""


def _is_any_due(cache: Cache, config: Config, as_of: date) -> bool:
    """False where it is plain without deciding for all accounts: every channel is weekly and has heard all of this week."""
    for channel in config.channels:
        if channel.who == "failures":
            continue
        told = told_last(cache, _name(channel), EVERYBODY) if channel.when == "weekly" else None
        if told is None or told.period != week_of(as_of):
            return True
    return False


def _hearing(config: Config, who: Who, person: Owner | None) -> Iterator[Channel]:
    yield from (one for one in config.channels if one.who == who and (who == "program" or _hears(one, person)))


def _hears(channel: Channel, person: Owner | None) -> bool:
    """Whether that owner's digest goes to the channel; nobody writes to who has left."""
    if person is None or not person.is_active:
        return False
    return not channel.tags or any(_is_called(person, tag) for tag in channel.tags)


def _is_called(person: Owner, word: str) -> bool:
    word = word.strip().casefold()
    return word in {person.id.casefold(), person.name.casefold(), person.email.casefold()} - {""}


def _name(channel: Channel) -> str:
    """What tells a channel from another without its address, which may change with a new key."""
    return f"{channel.address.source} {channel.who} {channel.when} {','.join(channel.tags)}".strip()


class _Making:
    """What the digests of one day are made of, read once."""

    def __init__(self, cache: Cache, config: Config, as_of: date) -> None:
        self.cache, self.as_of = cache, as_of
        self._config, self._people = config, {owner.id: owner for owner in owners(cache)}
        self.first_entry = entry_before(cache, as_of - timedelta(days=FIRST_DAYS))
        self._moves: dict[tuple[int, int, str], tuple[Moved, ...]] = {}
        heard_least = oldest_entry_told(cache)
        oldest = self.first_entry if heard_least is None else min(self.first_entry, heard_least)
        upto = last_settled_entry(cache)
        self._evaluation = _Lasting(cache, config, as_of, self._people, moves_between(cache, oldest, upto))
        # Whom anything concerns: moves as far back as the channel that has heard least.
        self.everything = self._digest(oldest, upto, "")

    def person(self, reader: str) -> Owner | None:
        return self._people.get(reader)

    def program(self, language: str) -> Program:
        return replace(self._config.program, language=language) if language else self._config.program

    def since(self, before: Told | None) -> int:
        """From where a digest of this period tells: where it was sent already, from where that one told."""
        if before is None:
            return self.first_entry
        return before.since if before.period == week_of(self.as_of) and before.state == "sent" else before.upto

    def digest(self, reader: str, since: int, upto: int | None = None, language: str = "") -> Digest:
        whole = self._digest(since, last_settled_entry(self.cache) if upto is None else upto, language)
        person = self.person(reader)
        return whole.of(reader, person.name or person.id if person is not None else reader) if reader else whole

    def _digest(self, since: int, upto: int, language: str) -> Digest:
        wanted = since, upto, language
        if wanted not in self._moves:
            moves = moves_between(self.cache, since, upto)
            self._moves[wanted] = tuple(self._evaluation.moved(moves, self.program(language)))
        return replace(self._evaluation.lasting, moved=self._moves[wanted])


class _Lasting:
    """What stands, whenever it came about: accounts at risk, overrides that end, tasks that are due; and why accounts moved."""

    def __init__(self, cache: Cache, config: Config, as_of: date, people: Mapping[str, Owner], moves: Sequence[NetMove]) -> None:
        program = config.program
        self._labels = {tier.name: tier.label or tier.name for tier in program.tiers}
        self._order = tier_order(program)
        self._receipts: dict[str, Receipt] = {}
        names: dict[str, str] = {}
        self._owner: dict[str, str] = {}
        risks, ends = [], []
        wanted = {move.account_id for move in moves}
        with Evaluation(cache.path, picturing(config.compiled, ("next_renewal_date",)), as_of) as evaluation:
            rows = evaluation.columns(("owner_id", "next_renewal_date"))
            for (decision, name, flags), (owner, renewal) in zip(evaluation.settled(), rows, strict=True):
                account_id, owner_id = decision.account_id, str(owner or "")
                tier, health = flags.get("tier"), flags.get("health", decision.health)
                names[account_id], self._owner[account_id] = name, owner_id
                if tier in self._labels and health == "red":
                    day = date.fromisoformat(str(renewal)[:10]) if renewal else None
                    day = day if day is not None and day >= as_of else None
                    risks.append(AtRisk(account_id, name, owner_id, self._labels[str(tier)], day))
                held = evaluation.held(account_id)
                if held.override and held.override_until and as_of <= held.override_until <= as_of + timedelta(days=EXPIRY_DAYS):
                    ends.append(Expiring(account_id, name, owner_id, self._labels.get(held.override, ""), held.override_until))
                if account_id in wanted:
                    self._receipts[account_id] = evaluation.receipt(account_id)
        week_ends = end_of_week(as_of)
        tasks = tuple(
            DueTask(task.account_id, names.get(task.account_id, task.account_id), task.owner_id, task.subject, task.due)
            for task in shown_tasks(cache)
            if task.is_open and task.due is not None and task.due <= week_ends
        )
        self.lasting = Digest(
            as_of,
            tasks=tasks,
            at_risk=tuple(sorted(risks, key=lambda one: (one.renewal or date.max, one.name, one.account_id))),
            expiring=tuple(sorted(ends, key=lambda one: (one.until, one.name, one.account_id))),
            people={owner.id: owner.name or owner.id for owner in people.values()},
            around=record_link(cache),
        )

    def moved(self, moves: Sequence[NetMove], program: Program) -> Iterator[Moved]:
        """The moves as people read them, into the best tier first."""
        order = self._order
        last = max(order.values(), default=0) + 1
        for move in sorted(moves, key=lambda one: (order.get(one.tier, last), one.name, one.account_id)):
            receipt = self._receipts.get(move.account_id)
            why = ""
            if receipt is not None and receipt.decision.tier == move.tier:
                why = reasons_text(receipt.decision, receipt.contributions, program, WHY_LENGTH)
            yield Moved(
                move.account_id,
                move.name,
                self._owner.get(move.account_id, ""),
                "" if move.before == NO_TIER else self._labels.get(move.before, move.before),
                "" if move.tier == NO_TIER else self._labels.get(move.tier, move.tier),
                order.get(move.tier, last) < order.get(move.before, last),
                why,
            )
