"""The lease: one record of an object of our own says which run writes to this org, and until when.

Its key is unique, so of two machines that ask in the same moment the platform itself lets one through. The key names the field of
the tier: programmes that write other fields do not wait for each other. Moments are the servers'.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kamsync.contract import LeaseAnswer
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import GONE, REFUSALS, fault_of
from kamsync_salesforce.settings import LEASE_KEY, LEASE_MACHINE, LEASE_OBJECT, LEASE_RUN, LEASE_UNTIL
from kamsync_salesforce.translate import parse_moment, quote, select, soql_moment

ATTEMPTS = 3  # whoever holds it may give it back between our question and our look
DOING = "the lease"
TAKEN = (*GONE, "DUPLICATE_VALUE")


@dataclass(frozen=True, slots=True)
class _Held:
    """The record that has the key now. `until`: None where somebody emptied it."""

    record_id: str
    run_id: str
    machine: str
    until: datetime | None


class Leases:
    """The lease of one connection. `key`: what is written."""

    def __init__(self, client: Client, key: str) -> None:
        self._client = client
        self._key = key
        self._record_id = ""

    def take(self, run_id: str, machine: str, seconds: int, is_dead: Callable[[str], bool]) -> LeaseAnswer:
        """One call where nobody has it; some more where somebody had."""
        wanted = {LEASE_KEY: self._key, LEASE_RUN: run_id, LEASE_MACHINE: machine[:255], LEASE_UNTIL: self._from_now(seconds)}
        try:
            # A second one with the same key is refused, so a lost answer does no harm.
            made = self._client.rest("POST", f"sobjects/{LEASE_OBJECT}", json=wanted, doing=DOING, repeatable=True)
        except REFUSALS as error:
            fault = fault_of(error)
            if fault is None or fault.code != "DUPLICATE_VALUE":
                return LeaseAnswer("no_place", why=error.message)
        else:
            self._record_id = str(made.get("id") or "") if isinstance(made, Mapping) else ""
            if self._record_id:
                return LeaseAnswer("ours", run_id, machine)
        # Somebody has the key: another, or we by a call whose answer does not say so.
        return self._take_over(wanted, is_dead)

    def _take_over(self, wanted: Mapping[str, Any], is_dead: Callable[[str], bool]) -> LeaseAnswer:
        held = None
        for _ in range(ATTEMPTS):
            held = self._present() or held
            if held is not None and held.run_id == wanted[LEASE_RUN]:
                self._record_id = held.record_id
            elif held is not None and self._lives(held) and not is_dead(held.run_id):
                break
            else:
                self._record_id = self._replace(held.record_id if held is not None else "", wanted)
            if self._record_id:
                return LeaseAnswer("ours", wanted[LEASE_RUN], wanted[LEASE_MACHINE])
        return LeaseAnswer("held", held.run_id, held.machine, held.until) if held is not None else LeaseAnswer("held")

    def renew(self, seconds: int) -> bool:
        """One call. A record that somebody took over is deleted; where another has the key, ours is refused."""
        body = {LEASE_KEY: self._key, LEASE_UNTIL: self._from_now(seconds)}
        try:
            self._client.rest("PATCH", f"sobjects/{LEASE_OBJECT}/{self._record_id}", json=body, doing=DOING)
        except REFUSALS as error:
            fault = fault_of(error)
            if fault is None or fault.code not in TAKEN:
                raise
            return False
        return True

    def release(self) -> None:
        """One call."""
        if self._record_id:
            self._composite(_removal(self._path, self._record_id))
            self._record_id = ""

    def _lives(self, held: _Held) -> bool:
        return held.until is not None and held.until > self._client.server_time

    def _present(self) -> _Held | None:
        fields = ("Id", LEASE_RUN, LEASE_MACHINE, LEASE_UNTIL)
        soql = select(LEASE_OBJECT, fields, (f"{LEASE_KEY} = {quote(self._key)}",))
        for record in self._client.records(soql, doing=DOING):
            until = record.get(LEASE_UNTIL)
            moment = parse_moment(str(until)) if until else None
            return _Held(str(record["Id"]), str(record.get(LEASE_RUN) or ""), str(record.get(LEASE_MACHINE) or ""), moment)
        return None

    def _replace(self, old_id: str, wanted: Mapping[str, Any]) -> str:
        """Our record in place of another; its id, or "" where a third was quicker. The old one is removed by its id, so that who
        looked too long ago removes no newer one."""
        make = {"method": "POST", "url": self._path, "referenceId": "made", "body": dict(wanted)}
        answers = self._composite([*(_removal(self._path, old_id) if old_id else ()), make])
        made = next((one for one in answers if one.get("referenceId") == "made"), {})
        body = made.get("body")
        return str(body.get("id") or "") if isinstance(body, Mapping) else ""

    def _composite(self, requests: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Subrequests that succeed or fail each by itself, as one call (REST API Developer Guide, "Composite")."""
        body = {"allOrNone": False, "compositeRequest": list(requests)}
        answer = self._client.rest("POST", "composite", json=body, doing=DOING, repeatable=True)
        answers = answer.get("compositeResponse") if isinstance(answer, Mapping) else None
        return [one for one in answers or () if isinstance(one, Mapping)]

    @property
    def _path(self) -> str:
        return f"{self._client.base_path}sobjects/{LEASE_OBJECT}"

    def _from_now(self, seconds: int) -> str:
        return soql_moment(self._client.server_time + timedelta(seconds=seconds))


def _removal(path: str, record_id: str) -> list[Mapping[str, Any]]:
    """The key first: what lies in the recycle bin must not keep it."""
    place = f"{path}/{record_id}"
    return [
        {"method": "PATCH", "url": place, "referenceId": "freed", "body": {LEASE_KEY: None}},
        {"method": "DELETE", "url": place, "referenceId": "removed"},
    ]
