"""What a connector promises about reading: identity, pages, values, cursors, deletions and merges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from kamsync.contract import CONTRACT_VERSION, Connection, Connector, NamesPeople, PullRequest
from kamsync.flags import FLAG_PREFIX
from kamsync.model import STAKEHOLDER_ROLES, Kind, Stream
from kamsync.model.exchange import NewTask, TaskRef
from kamsync.testing.harness import Promises, RunningCrm, as_date, is_true

ACTIVITY_KINDS = {"task", "meeting", "call", "email", "note"}
UNREADABLE_CURSORS = ("?", "null", "[]", "{}", '{"v": 999999}', "2001-01-01T00:00:00Z", "\x00", "9" * 40)


class ReadingPromises(Promises):
    """What a connector promises about pulls."""

    def test_the_connector_tells_what_it_is(self, crm: RunningCrm) -> None:
        connector = self.harness.connector
        names = [setting.name for setting in connector.settings]

        assert isinstance(connector, Connector)
        assert connector.contract_version == CONTRACT_VERSION
        assert connector.kind == crm.sandbox.kind == self.harness.mapping.crm
        assert connector.label
        assert len(names) == len(set(names))
        assert all(setting.help for setting in connector.settings)
        assert set(crm.given()) <= set(names)

    def test_every_connection_to_an_org_names_the_same_org(self, crm: RunningCrm, connection: Connection) -> None:
        identity = connection.identity()

        assert identity.org_id
        assert identity.url.startswith("http")
        assert crm.connect().identity() == identity

    def test_an_accounts_address_leads_to_the_account(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)

        assert connection.record_url(account).startswith("http")
        assert account in connection.record_url(account)

    def test_streams_come_one_after_the_other_in_the_order_asked(self, crm: RunningCrm, connection: Connection) -> None:
        asked = [Stream.TASKS, Stream.OPPORTUNITIES, Stream.RATES, Stream.ACCOUNTS, Stream.OWNERS]
        came: list[Stream] = []
        for page in connection.pull([crm.request(stream) for stream in asked]):
            list(page.rows)
            if not came or came[-1] != page.stream:
                came.append(page.stream)

        assert came == asked

    @pytest.mark.parametrize("stream", list(Stream))
    def test_a_stream_is_rows_of_plain_values_in_the_columns_asked_and_one_last_page(
        self, crm: RunningCrm, connection: Connection, stream: Stream
    ) -> None:
        request = crm.request(stream)
        pages = []
        for page in connection.pull([request]):
            pages.append(page)
            for row in page.rows:
                assert len(row) == len(request.columns)
                named = zip(request.columns, row, strict=True)
                assert not [fault for column, value in named if (fault := _fault_in(value, column.kind, column.name))]

        assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
        assert any(page.full for page in pages)
        assert not [page.deleted_ids for page in pages if page.deleted_ids]
        assert all(page.cursor is None or isinstance(page.cursor, str) for page in pages)

    @pytest.mark.parametrize("stream", [Stream.ACCOUNTS, Stream.OPPORTUNITIES, Stream.OWNERS])
    def test_columns_come_in_the_order_asked_and_no_others(self, crm: RunningCrm, connection: Connection, stream: Stream) -> None:
        request = crm.request(stream)
        usual = {tuple(row[column.name] for column in request.columns) for row in crm.pull(connection, stream).rows}
        turned = PullRequest(stream, tuple(reversed(request.columns)))

        rows = crm.pull_all(connection, [turned])[stream].rows

        assert {tuple(row[column.name] for column in request.columns) for row in rows} == usual

    def test_the_company_arrives_whole(self, crm: RunningCrm, connection: Connection) -> None:
        streams = (Stream.OWNERS, Stream.ACCOUNTS, Stream.OPPORTUNITIES, Stream.LINE_ITEMS)
        pulled = crm.pull_all(connection, [crm.request(stream) for stream in streams])
        deals = list(crm.company.opportunities())
        accounts, opportunities = pulled[Stream.ACCOUNTS].by_id(), pulled[Stream.OPPORTUNITIES].by_id()
        of_accounts = [row for row in opportunities.values() if row["account_id"]]

        assert len(accounts) == len(pulled[Stream.ACCOUNTS].rows)
        assert len(opportunities) == len(pulled[Stream.OPPORTUNITIES].rows)
        assert {row["name"] for row in accounts.values()} <= {account.name for account in crm.company.accounts()}
        assert {row["account_id"] for row in of_accounts} <= accounts.keys()
        assert {row["owner_id"] for row in accounts.values()} <= pulled[Stream.OWNERS].by_id().keys()
        assert {row["opportunity_id"] for row in pulled[Stream.LINE_ITEMS].rows} <= opportunities.keys()
        assert sum(is_true(row["is_won"]) for row in of_accounts) == pytest.approx(
            sum(deal.stage == "won" for deal in deals), abs=len(deals) - len(of_accounts)
        )

    def test_who_the_people_of_an_account_are_is_told_for_a_page(self, crm: RunningCrm, connection: Connection) -> None:
        if not isinstance(connection, NamesPeople):
            pytest.skip("this connector does not name people")
        names = Counter(account.name for account in crm.company.accounts())
        by_name = {row["name"]: row["id"] for row in crm.pull(connection, Stream.ACCOUNTS).rows}
        account = next(one for one in crm.company.accounts() if names[one.name] == 1 and one.name in by_name)
        there = [one for one in crm.company.contacts() if one.account == account.key]

        request = crm.request(Stream.CONTACTS)
        shown = connection.fetch_people(by_name[account.name], request)
        rows = [dict(zip((column.name for column in request.columns), row, strict=True)) for row in shown.rows]

        assert {shown.names[row["contact_id"]] for row in rows if row["account_id"] == by_name[account.name]} >= {
            (f"{one.first_name} {one.last_name}", one.title) for one in there
        }
        roles = {role for row in rows for role in str(row["roles"] or "").split(";")}
        assert {one.role for one in there} & set(STAKEHOLDER_ROLES) <= roles

    def test_outcome_and_probability_of_an_opportunity_agree(self, crm: RunningCrm, connection: Connection) -> None:
        for row in crm.pull(connection, Stream.OPPORTUNITIES).rows:
            assert is_true(row["is_closed"]) or not is_true(row["is_won"])
            assert row["probability"] in (None, "") or 0 <= Decimal(str(row["probability"])) <= 1

    def test_dates_are_those_that_people_see(self, crm: RunningCrm, connection: Connection) -> None:
        deals = Counter((deal.name, deal.close_date) for deal in crm.company.opportunities())

        rows = crm.pull(connection, Stream.OPPORTUNITIES).rows

        assert Counter((row["name"], as_date(row["close_date"])) for row in rows) <= deals

    def test_an_opportunity_without_an_account_is_read_like_any_other(self, crm: RunningCrm, connection: Connection) -> None:
        orphans = Counter(deal.name for deal in crm.company.opportunities() if deal.account is None)

        rows = crm.pull(connection, Stream.OPPORTUNITIES).rows

        assert orphans and orphans <= Counter(row["name"] for row in rows if not row["account_id"])

    def test_a_pull_after_no_change_brings_no_change(self, quiet_crm: RunningCrm) -> None:
        first = quiet_crm.pull_all(quiet_crm.connect(), [quiet_crm.request(stream) for stream in Stream])

        requests = [quiet_crm.request(stream, first[stream].last.cursor) for stream in Stream]
        second = quiet_crm.pull_all(quiet_crm.connect(), requests)

        for stream in Stream:
            known = {tuple(row.values()) for row in first[stream].rows}
            assert {tuple(row.values()) for row in second[stream].rows} <= known
            assert not second[stream].deleted & {row.get("id") for row in first[stream].rows}
        for stream in (Stream.ACCOUNTS, Stream.OPPORTUNITIES):
            assert not second[stream].is_full
            assert len(second[stream].rows) < len(first[stream].rows)

    def test_a_persons_edit_arrives_with_the_next_pull(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        choice = next(iter(crm.view.fields()["override"].choices))
        cursor = crm.pull(connection, Stream.ACCOUNTS).last.cursor
        crm.view.set_flag(account, "override", choice)

        second = crm.pull(crm.connect(), Stream.ACCOUNTS, cursor)

        assert not second.is_full
        assert second.by_id()[account][FLAG_PREFIX + "override"] == choice

    def test_a_deleted_account_is_named_by_the_next_pull(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        cursor = crm.pull(connection, Stream.ACCOUNTS).last.cursor
        crm.people.delete_account(account)

        second = crm.pull(crm.connect(), Stream.ACCOUNTS, cursor)

        assert account in second.deleted
        assert account not in second.by_id()
        assert account not in crm.pull(connection, Stream.ACCOUNTS).by_id()

    def test_a_merge_is_told_as_the_old_id_and_the_one_that_lives_on(self, crm: RunningCrm, connection: Connection) -> None:
        winner, loser = crm.take_accounts(2)
        cursor = crm.pull(connection, Stream.ACCOUNTS).last.cursor
        living = crm.people.merge_accounts(winner, loser)

        second = crm.pull(crm.connect(), Stream.ACCOUNTS, cursor)

        assert second.merged.get(loser) == living
        assert loser not in second.by_id()
        assert second.merged.get(winner, winner) == living

    def test_a_merge_is_told_by_a_full_pull_too(self, crm: RunningCrm, connection: Connection) -> None:
        winner, loser = crm.take_accounts(2)
        living = crm.people.merge_accounts(winner, loser)

        pulled = crm.pull(connection, Stream.ACCOUNTS)

        assert pulled.merged.get(loser) == living
        assert loser not in pulled.by_id()

    def test_a_merge_of_a_merge_leads_every_old_id_to_the_last_survivor(self, crm: RunningCrm, connection: Connection) -> None:
        last, middle, first = crm.take_accounts(3)
        cursor = crm.pull(connection, Stream.ACCOUNTS).last.cursor
        between = crm.people.merge_accounts(middle, first)
        living = crm.people.merge_accounts(last, between)

        merged = crm.pull(crm.connect(), Stream.ACCOUNTS, cursor).merged

        assert (_end_of(merged, first), _end_of(merged, middle), _end_of(merged, last)) == (living, living, living)

    def test_the_tasks_of_a_merged_account_hang_on_the_one_that_lives_on(self, crm: RunningCrm, connection: Connection) -> None:
        winner, loser = crm.take_accounts(2)
        made = {one: _made(connection, crm.new_task(one, f"merged-{one}")) for one in (winner, loser)}
        cursor = crm.pull(connection, Stream.TASKS).last.cursor
        living = crm.people.merge_accounts(winner, loser)

        seen = crm.connect().fetch_tasks(list(made.values()))
        whole = crm.pull(crm.connect(), Stream.TASKS).by_id()
        since = crm.pull(crm.connect(), Stream.TASKS, cursor).by_id()

        assert {task.account_id for task in seen.values()} == {living}
        assert {ref.key for ref in made.values()} == {task.key for task in seen.values()}
        assert {whole[ref.task_id]["account_id"] for ref in made.values()} == {living}
        assert all(since[ref.task_id]["account_id"] == living for ref in made.values() if ref.task_id in since)

    @pytest.mark.parametrize("cursor", UNREADABLE_CURSORS)
    def test_an_unreadable_cursor_means_the_whole_stream(self, crm: RunningCrm, connection: Connection, cursor: str) -> None:
        assert crm.pull(connection, Stream.OWNERS, cursor).is_full
        assert crm.pull(connection, Stream.ACCOUNTS, cursor).is_full

    def test_half_a_cursor_means_the_whole_stream(self, crm: RunningCrm, connection: Connection) -> None:
        whole = crm.pull(connection, Stream.ACCOUNTS)
        assert whole.last.cursor

        again = crm.pull(connection, Stream.ACCOUNTS, whole.last.cursor[: len(whole.last.cursor) // 2])

        assert again.is_full
        assert again.by_id() == whole.by_id()

    def test_activities_are_of_the_days_asked_for_and_never_our_own_tasks(self, crm: RunningCrm, connection: Connection) -> None:
        (account,) = crm.take_accounts(1)
        (made,) = connection.create_tasks([crm.new_task(account, "no-activity")])
        list(connection.close_tasks([TaskRef(made.ref, made.record_id)]))
        days = sorted(activity.start.date() for activity in crm.company.activities())
        middle = days[len(days) // 2]

        request = replace(crm.request(Stream.ACTIVITIES), since=middle)
        rows = crm.pull_all(connection, [request])[Stream.ACTIVITIES].rows

        assert 0 < len(rows) < len(days)
        assert all(middle <= as_date(row["activity_date"]) for row in rows)
        assert {row["kind"] for row in rows} <= ACTIVITY_KINDS
        assert made.record_id not in {row["id"] for row in rows}


def _end_of(merged: Mapping[str, str], account_id: str) -> str:
    """Where the chain of merges ends."""
    while account_id in merged:
        account_id = merged[account_id]
    return account_id


def _made(connection: Connection, task: NewTask) -> TaskRef:
    (outcome,) = connection.create_tasks([task])
    assert outcome.status == "done"
    return TaskRef(task.key, outcome.record_id)


def _fault_in(value: Any, kind: Kind, name: str) -> str:
    """Why the cache could not take this value for a column of this kind; "" where it can."""
    if value is None or value == "":
        return ""
    if not isinstance(value, bool | int | float | Decimal | str):
        return f"{name}: {value!r} is a {type(value).__name__}"
    if _reads_as(value, kind):
        return ""
    return f"{name}: {value!r} is no {kind}"


def _reads_as(value: bool | int | float | Decimal | str, kind: Kind) -> bool:
    if kind == "boolean":
        return isinstance(value, bool) or value in ("true", "false")
    if kind in ("date", "instant"):
        try:
            datetime.fromisoformat(str(value))
        except ValueError:
            return False
        return isinstance(value, str)
    if kind == "number":
        try:
            return not isinstance(value, bool) and Decimal(str(value)).is_finite()
        except InvalidOperation:
            return False
    return True
