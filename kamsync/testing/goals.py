"""What a connector that tells people's goals promises: an account's mapped texts as they are now, and no call for nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from kamsync.contract import Connection, GoalsKept, TellsGoals
from kamsync.model import CrmMapping, PlanMapping, Stream
from kamsync.testing.harness import Promises, RunningCrm


class GoalPromises(Promises):
    """What a connector promises about goals that people keep, where it tells any."""

    def _connect(self, crm: RunningCrm, texts: Mapping[str, str]) -> TellsGoals:
        mapping: CrmMapping = replace(self.harness.mapping, plan=PlanMapping(texts))
        connection: Connection = crm.connect(mapping=mapping)
        if not isinstance(connection, TellsGoals):
            pytest.skip("this connector tells no goals")
        return connection

    def test_goals_are_what_the_mapped_fields_say_now(self, crm: RunningCrm) -> None:
        accounts = crm.pull(crm.connect(), Stream.ACCOUNTS)
        (account,) = crm.take_accounts(1)
        fields = {column.name: column.field for column in self.harness.mapping.of(Stream.ACCOUNTS)}
        goals = self._connect(crm, {"customer_goals": fields["name"], "our_objectives": fields["country"]})
        row = accounts.by_id()[account]

        told = goals.fetch_goals(account)

        assert told.goals == (("", row["name"]),) and told.trouble == ""
        assert told.ours == ((row["country"],) if row["country"] else ()) and told.objectives == ()

    def test_an_account_that_is_gone_has_no_goals(self, crm: RunningCrm) -> None:
        fields = {column.name: column.field for column in self.harness.mapping.of(Stream.ACCOUNTS)}
        (account,) = crm.take_accounts(1)
        crm.people.delete_account(account)

        assert self._connect(crm, {"customer_goals": fields["name"]}).fetch_goals(account) == GoalsKept()

    def test_where_nothing_is_mapped_nothing_is_asked(self, crm: RunningCrm) -> None:
        (account,) = crm.take_accounts(1)
        goals = self._connect(crm, {})

        assert crm.calls_of(lambda: goals.fetch_goals(account)) == 0
        assert goals.fetch_goals(account) == GoalsKept()
