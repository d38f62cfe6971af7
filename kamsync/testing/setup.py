"""What a connector promises to admins: setup that can be repeated, a rehearsal that writes nothing, findings with their mend."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kamsync.contract import TASK_KEY, Connection, DoctorRequest, TierChoice
from kamsync.errors import KamsyncError
from kamsync.flags import FLAG_PREFIX
from kamsync.model import Column, Stream
from kamsync.model.exchange import AccountUpdate, OutcomeStatus
from kamsync.testing.harness import TIERS, Promises, RunningCrm

NO_SUCH_FIELD = "no_such_field_anywhere"


class SetupPromises(Promises):
    """What a connector promises about `setup` and `doctor`."""

    def test_a_rehearsal_writes_nothing_and_tells_what_setup_then_makes(self, bare_crm: RunningCrm) -> None:
        rehearsed = list(bare_crm.connect().setup(dry_run=True))
        again = list(bare_crm.connect().setup(dry_run=True))
        made = list(bare_crm.connect().setup(dry_run=False))

        assert {step.status for step in rehearsed} <= {"exists", "would_create", "would_update"}
        assert again == rehearsed
        announced = {(step.kind, step.name) for step in rehearsed if step.status == "would_create"}
        assert announced
        assert announced <= {(step.kind, step.name) for step in made if step.status in ("created", "updated")}

    def test_setup_a_second_time_finds_everything_there(self, bare_crm: RunningCrm) -> None:
        list(bare_crm.connect().setup(dry_run=False))

        assert {step.status for step in bare_crm.connect().setup(dry_run=False)} == {"exists"}

    def test_after_setup_no_pick_list_lacks_a_tier(self, crm: RunningCrm, connection: Connection) -> None:
        assert connection.lacking_choices() == {}

    def test_doctor_says_what_is_missing_with_its_mend_and_is_content_after_setup(self, bare_crm: RunningCrm) -> None:
        request = DoctorRequest(tuple(bare_crm.request(stream) for stream in Stream))

        before = list(bare_crm.connect().diagnose(request))
        list(bare_crm.connect().setup(dry_run=False))
        after = list(bare_crm.connect().diagnose(request))

        assert [finding for finding in before if finding.status == "failed"]
        assert all(finding.check and finding.message for finding in (*before, *after))
        assert all(finding.fix for finding in before if finding.status == "failed")
        assert not [finding for finding in after if finding.status == "failed"]

    def test_a_tier_that_would_be_refused_is_named_until_setup_has_added_it(self, bare_crm: RunningCrm) -> None:
        bare_crm.provide()
        more = (*TIERS, TierChoice("Z", "Zenith"))
        (account,) = bare_crm.take_accounts(1)

        assert bare_crm.connect().lacking_choices() == {}
        lacking = bare_crm.connect(tiers=more).lacking_choices().get("tier", ())
        assert _write_tier(bare_crm.connect(tiers=more), account, "Z") == ("rejected" if lacking else "done")
        list(bare_crm.connect(tiers=more).setup(dry_run=False))
        assert bare_crm.connect(tiers=more).lacking_choices() == {}
        assert _write_tier(bare_crm.connect(tiers=more), account, "Z") == "done"

    def test_before_setup_flags_are_empty_and_the_pull_says_what_is_lacking(self, bare_crm: RunningCrm) -> None:
        pulled = bare_crm.pull_all(bare_crm.connect(), [bare_crm.request(Stream.ACCOUNTS), bare_crm.request(Stream.TASKS)])
        accounts, tasks = pulled[Stream.ACCOUNTS], pulled[Stream.TASKS]

        assert accounts.last.lacking == set(self.harness.mapping.flags)
        assert accounts.rows
        assert not [name for row in accounts.rows for name in row if name.startswith(FLAG_PREFIX) and row[name]]
        assert tasks.last.lacking == {TASK_KEY}
        assert not tasks.rows
        assert accounts.last.cursor is tasks.last.cursor is None

    def test_after_setup_a_pull_lacks_nothing_and_can_go_on_from_its_cursor(self, bare_crm: RunningCrm) -> None:
        bare_crm.provide()

        for stream in (Stream.ACCOUNTS, Stream.TASKS):
            pulled = bare_crm.pull(bare_crm.connect(), stream)
            assert not pulled.last.lacking
            assert pulled.last.cursor

    def test_a_mapped_field_that_the_crm_lacks_is_named_and_never_a_column_of_nothing(
        self, crm: RunningCrm, connection: Connection
    ) -> None:
        usual = crm.request(Stream.ACCOUNTS)
        request = replace(usual, columns=(*usual.columns, Column("lacking", "text", NO_SUCH_FIELD)))

        findings = list(connection.diagnose(DoctorRequest((request,))))
        with pytest.raises(KamsyncError) as caught:
            crm.pull_all(connection, [request])

        failed = [finding for finding in findings if finding.status == "failed"]
        assert any(NO_SUCH_FIELD in finding.message + finding.check for finding in failed)
        assert NO_SUCH_FIELD in caught.value.message
        assert caught.value.fix


def _write_tier(connection: Connection, account_id: str, tier: str) -> OutcomeStatus:
    (outcome,) = connection.push_accounts([AccountUpdate(account_id, account_id, {"tier": tier})])
    return outcome.status
