"""What a connector promises about flags on accounts: written exactly, read back exactly, each record for itself."""

from __future__ import annotations

from datetime import UTC, date, datetime

from kamsync.contract import Connection
from kamsync.flags import FLAG_PREFIX, FLAGS, LIGHTS, SEGMENTS
from kamsync.model import Kind, Stream, Value
from kamsync.model.exchange import AccountUpdate
from kamsync.testing.harness import Promises, RunningCrm

_WORDS: dict[str, Value] = {"tiers": "A", "tiers_or_none": "A", "segments": SEGMENTS[0], "lights": LIGHTS[0]}
_VALUES: dict[Kind, Value] = {
    "text": "none",
    "number": 71.5,
    "boolean": True,
    "date": date(2026, 2, 28),
    "instant": datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC),
}
LONG_TEXT = "Grows <fast>;\nÜber 40 % more than “last” year, says Ana"
EVERY_FLAG: dict[str, Value] = {
    flag.name: LONG_TEXT if flag.long else _WORDS.get(flag.choices, _VALUES[flag.kind])
    for flag in FLAGS.values()
    if not flag.optional
}


class FlagPromises(Promises):
    """What a connector promises about the fields that this program writes."""

    def test_every_flag_is_read_back_as_it_was_written_and_none_clears_it(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)

        (written,) = connection.push_accounts([AccountUpdate(account, "One", EVERY_FLAG)])
        there = connection.fetch_accounts([account], list(EVERY_FLAG))
        (cleared,) = connection.push_accounts([AccountUpdate(account, "One", dict.fromkeys(EVERY_FLAG))])
        gone = connection.fetch_accounts([account], list(EVERY_FLAG))

        assert (written.ref, written.status) == (account, "done"), written.message
        assert cleared.status == "done"
        assert there == {account: EVERY_FLAG}
        assert gone == {account: dict.fromkeys(EVERY_FLAG)}

    def test_the_tier_and_what_the_program_decided_come_in_one_update(self, crm: RunningCrm, connection: Connection) -> None:
        one, other = crm.take_accounts(2)
        list(connection.push_accounts([AccountUpdate(one, "One", {"score": 1.0})]))
        alone = crm.calls_of(lambda: list(connection.push_accounts([AccountUpdate(one, "One", {"tier": "B"})])))

        both = [AccountUpdate(other, "Other", {"tier": "B", "decided_tier": "B"})]
        assert crm.calls_of(lambda: list(connection.push_accounts(both))) == alone

        assert connection.fetch_accounts([other], ["tier", "decided_tier"]) == {other: {"tier": "B", "decided_tier": "B"}}
        row = crm.pull(crm.connect(), Stream.ACCOUNTS).by_id()[other]
        assert (row[FLAG_PREFIX + "tier"], row[FLAG_PREFIX + "decided_tier"]) == ("B", "B")

    def test_reasons_of_the_promised_length_are_kept_whole(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        reasons = ("Reason " * connection.capabilities.reasons_length)[: connection.capabilities.reasons_length - 1] + "."

        (outcome,) = connection.push_accounts([AccountUpdate(account, "One", {"reasons": reasons})])

        assert outcome.status == "done"
        assert connection.fetch_accounts([account], ["reasons"]) == {account: {"reasons": reasons}}

    def test_only_the_named_flags_change(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        crm.view.set_flag(account, "override", next(iter(crm.view.fields()["override"].choices)))
        list(connection.push_accounts([AccountUpdate(account, "One", {"tier": "A", "score": 50.0, "segment": "key"})]))
        before = crm.view.account(account)
        assert before is not None

        list(connection.push_accounts([AccountUpdate(account, "One", {"tier": "B"})]))

        after = crm.view.account(account)
        assert after is not None
        assert (after.name, after.owner, after.country) == (before.name, before.owner, before.country)
        assert {flag for flag in crm.harness.mapping.flags if after.flags[flag] != before.flags[flag]} == {"tier"}

    def test_more_updates_than_a_call_takes_have_one_outcome_each(self, crm: RunningCrm, connection: Connection) -> None:
        accounts = list(crm.pull(connection, Stream.ACCOUNTS).by_id())

        outcomes = list(connection.push_accounts([AccountUpdate(one, one, {"health": "amber"}) for one in accounts]))

        assert sorted(outcome.ref for outcome in outcomes) == sorted(accounts)
        assert {outcome.status for outcome in outcomes} == {"done"}
        assert set(connection.fetch_accounts(accounts, ["health"])) == set(accounts)

    def test_one_bad_record_never_stops_another(self, crm: RunningCrm, connection: Connection) -> None:
        *good, deleted = crm.take_accounts(4)
        crm.people.delete_account(deleted)
        updates = [AccountUpdate(one, one, {"tier": "C"}) for one in (good[0], deleted, *good[1:])]

        outcomes = {outcome.ref: outcome for outcome in connection.push_accounts(updates)}

        assert {ref: outcome.status for ref, outcome in outcomes.items()} == dict.fromkeys(good, "done") | {deleted: "rejected"}
        assert outcomes[deleted].message
        assert connection.fetch_accounts(good, ["tier"]) == {one: {"tier": "C"} for one in good}

    def test_accounts_that_are_gone_are_left_out_of_the_answer(self, crm: RunningCrm, connection: Connection) -> None:
        here, deleted = crm.take_accounts(2)
        crm.people.delete_account(deleted)

        assert connection.fetch_accounts([deleted, here], ["tier"]).keys() == {here}

    def test_nothing_to_do_is_no_call(self, crm: RunningCrm, connection: Connection) -> None:
        def nothing() -> None:
            assert not list(connection.push_accounts([]))
            assert not list(connection.create_tasks([]))
            assert not list(connection.close_tasks([]))
            assert not list(connection.delete_tasks([]))
            assert not connection.fetch_accounts([], ["tier"])
            assert not connection.fetch_tasks([])

        assert crm.calls_of(nothing) == 0
