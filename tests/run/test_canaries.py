"""No secret leaves by any way out: what nights that go wrong print, log, store, save and send is searched for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import MemoryDesk, Result
from tests.run.test_notices import NOTIFY, Channel
from tests.run.test_on_memory import PROGRAM

REST = '[guard]\nfirst_run = "go"\n[log]\nformat = "json"\nlevel = "debug"\nfile = "kamsync.log"\n'


def test_no_secret_is_printed_logged_stored_saved_or_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = Channel()
    monkeypatch.setenv("CHANNEL", channel.address)
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM + NOTIFY + REST, {"potential": "number"})
    account = desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    desk.crm.add_account("Beta", potential=50)
    good = desk.crm.token
    said: list[Result] = [desk.good("plan", "--out", "plan.json")]

    desk.crm.faults.refuse(account, f"Denied for Bearer {good}")  # an echo, as gateways send them
    said += [desk.run(*words) for words in (("sync",), ("run", "--once"), ("run", "--once", "--debug"), ("runs",), ("status",))]
    run = desk.good("runs", "--json").json[0]["run_id"]
    said += [desk.run("runs", "show", run, "--format", form) for form in ("text", "csv", "json")]
    wrong = "wrong-token-0123456789"
    monkeypatch.setenv("MEMORY_TOKEN", wrong)
    said += [desk.run(*words) for words in (("sync", "--debug"), ("run", "--once"), ("runs",), ("status", "--json"))]
    channel.server.shutdown()

    ways_out = [result.out + result.err for result in said] + [str(channel.heard)]
    ways_out += [path.read_bytes().decode("latin-1") for path in desk.folder.iterdir() if path.is_file()]
    for secret in (good, wrong, "a-very-secret-channel-key"):
        assert not [text[:200] for text in ways_out if secret in text], secret
    assert "Denied for Bearer [redacted]" in said[1].out and len(channel.heard) >= 2
