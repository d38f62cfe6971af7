"""`kamsync digest` and [[notify]]: each reader hears each period's news once, in their language; a CRM's text stays text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import apprise
import pytest
import time_machine

from kamsync.cli.command_list import commands
from tests.conftest import Golden
from tests.run.memory_desk import MemoryDesk
from tests.run.test_account_plan import EVIL, Tags
from tests.run.test_notices import Channel

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = """
[program]
currency = "EUR"
language = "{language}"
[guard]
first_run = "go"
max_changed_share = 1
[[tiers]]
name = "A"
label = "Strategic"
enter = 70
[[tiers]]
name = "B"
enter = 40
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = {{ linear = [0, 100] }}
[[criteria]]
name = "mood"
axis = "health"
goal = "retention"
weight = 1
value = "nps"
scale = {{ linear = [0, 100] }}
[[playbooks]]
name = "welcome"
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
subject = "Call {{{{ name }}}}"
due = 3
"""
PROGRAMME = '[[notify]]\nurl = { env = "CHANNEL" }\nwho = "program"\n'
OWNERS = '[[notify]]\nurl = { env = "OWNERS" }\nwho = "owner"\n'
KEY = "a-very-secret-channel-key"


@pytest.fixture
def channel() -> Iterator[Channel]:
    channel = Channel()
    yield channel
    channel.server.shutdown()


def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch, notify: str = "", language: str = "en") -> MemoryDesk:
    """Ana with two key accounts, one of them unwell; Bo with one that is there because a person wants it, for ten more days."""
    program = PROGRAM.format(language=language)
    desk = MemoryDesk(folder, monkeypatch, program + notify, {"potential": "number", "nps": "number"})
    crm = desk.crm
    ana, bo = crm.add_owner("Ana", "ana@example.com"), crm.add_owner("Bo", "bo@example.com")
    crm.add_account("Acme", owner_id=ana, potential=90, nps=90, next_renewal_date=date(2026, 6, 1))
    crm.add_account("Beta", owner_id=ana, potential=50, nps=5)
    ceta = crm.add_account("Ceta", owner_id=bo, potential=10, nps=90)
    crm.set_flag(ceta, "override", "B")
    crm.set_flag(ceta, "override_until", date(2026, 3, 12))
    return desk


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel) -> MemoryDesk:
    monkeypatch.setenv("CHANNEL", channel.address)
    return a_desk(tmp_path, monkeypatch, PROGRAMME)


def on(day: int, hour: int = 9) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day, hours=hour - 9), tick=True)


def account(desk: MemoryDesk, name: str) -> str:
    return next(one.id for one in desk.crm.accounts() if one.get("name") == name)


def titles(channel: Channel) -> list[str]:
    return [heard["title"] for heard in channel.heard]


@pytest.mark.parametrize("language", ["en", "pt_BR", "es"])
def test_a_digest_says_who_moved_and_why_what_is_due_at_risk_and_about_to_end(
    language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    desk = a_desk(tmp_path, monkeypatch, language=language)
    with on(-14):
        desk.good("sync")
    desk.crm.edit_account(account(desk, "Acme"), potential=50)
    desk.crm.edit_account(account(desk, "Beta"), potential=95)
    with on(0):
        desk.good("sync")
        shown = desk.good("digest", "--dry-run").out
    golden.holds(f"digest-{language}.txt", re.sub(r"//memory-\w+\.", "//crm.", shown))


def test_an_owners_digest_is_about_their_accounts_and_tasks_alone(desk: MemoryDesk) -> None:
    with on(0):
        desk.good("sync")
        everything = desk.good("digest", "--dry-run", "--json").json["digests"]
        by_email = desk.good("digest", "--dry-run", "--json", "--owner", "bo@example.com").json["digests"]
        by_name = desk.good("digest", "--dry-run", "--owner", "Bo").out
    assert [one["name"] for one in everything] == ["Key accounts", "Ana", "Bo"]
    assert by_email == everything[2:]
    (bo,) = by_email
    assert [one["name"] for one in (*bo["entered"], *bo["expiring"], *bo["tasks"])] == ["Ceta"] * 3
    assert bo["expiring"][0]["until"] == "2026-03-12" and not bo["at_risk"]
    assert "Acme" not in by_name and "Beta" not in by_name
    assert desk.run("digest", "--dry-run", "--owner", "Nobody").code == 2


def test_a_week_is_told_once_however_often_it_is_asked_and_the_next_only_what_is_new(desk: MemoryDesk, channel: Channel) -> None:
    with on(0):
        desk.good("sync")
        first = desk.good("digest").out
        again = desk.good("digest").out
    with on(2):
        desk.crm.edit_account(account(desk, "Acme"), potential=10)
        desk.good("sync")
        desk.good("digest")
        shown = desk.good("digest", "--dry-run").out
    with on(7):
        desk.good("digest")
    assert "told" in first and "nothing to say that was not said before" in again
    assert [title.partition(": ")[2].split(", ")[0] for title in titles(channel)] == ["1 at risk", "1 down"]
    assert "Beta: no tier → B" not in channel.heard[1]["message"]
    assert "Strategic → no tier" in channel.heard[1]["message"] and "Strategic → no tier" not in shown.split("Ana")[0]


def test_a_week_that_is_told_is_over_until_the_next_also_for_those_who_had_nothing_to_hear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    monkeypatch.setenv("OWNERS", channel.address)
    desk = a_desk(tmp_path, monkeypatch, OWNERS)
    cy = desk.crm.add_owner("Cy", "cy@example.com")
    with on(0):
        desk.good("sync")
        assert [one["name"] for one in desk.good("digest", "--json").json["told"]] == ["Ana", "Bo"]
    desk.crm.edit_account(account(desk, "Ceta"), owner_id=cy)
    with on(2):
        desk.good("sync")
        assert desk.good("digest", "--json").json["told"] == []
    with on(7):
        assert {one["name"] for one in desk.good("digest", "--json").json["told"]} >= {"Ana", "Cy"}


def test_where_there_is_nothing_to_say_nothing_is_sent(desk: MemoryDesk, channel: Channel) -> None:
    for name in ("Acme", "Beta", "Ceta"):
        desk.crm.edit_account(account(desk, name), potential=10, nps=90)
        desk.crm.set_flag(account(desk, name), "override", None)
        desk.crm.set_flag(account(desk, name), "override_until", None)
    with on(0):
        desk.good("sync")
        assert "nothing to say" in desk.good("digest").out
        assert "nothing to say" in desk.good("digest", "--dry-run").out
        desk.good("digest", "--preview", "digest.html")
    assert channel.heard == [] and not (desk.folder / "digest.html").exists()


def test_the_schedule_sends_the_digest_after_the_run_and_a_deaf_channel_fails_no_run(desk: MemoryDesk, channel: Channel) -> None:
    channel.status = 500
    with on(0):
        deaf = desk.good("run", "--once")
        assert desk.run("digest").code == 1
    channel.status = 200
    with on(1):
        desk.good("run", "--once")
        desk.good("run", "--once")
    assert "outcome=failed" in deaf.err and KEY not in deaf.err and "500" in deaf.err
    assert len(channel.heard) == 3 and len(set(titles(channel)[:2])) == 1


def test_no_part_of_an_address_is_in_any_output(desk: MemoryDesk, channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    with on(0):
        desk.good("sync")
        for address in ("json://secretuser:hunter2@127.0.0.1:9/token/abcdefg", "nonsense://hunter2/token", "slack://hunter2"):
            monkeypatch.setenv("CHANNEL", address)
            result = desk.run("digest")
            assert result.code == 1 and "environment variable CHANNEL" in result.err
            assert not [word for word in ("hunter2", "secretuser", "abcdefg", "token") if word in result.out + result.err]


def test_a_digest_that_was_cut_short_never_goes_out_twice_and_is_reported_once(
    desk: MemoryDesk, channel: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*parts: Any, **settings: Any) -> bool:
        notify(*parts, **settings)
        raise KeyboardInterrupt

    notify = apprise.Apprise.notify
    with on(0):
        desk.good("sync")
        with monkeypatch.context() as patched:
            patched.setattr(apprise.Apprise, "notify", killed)  # the process dies between the channel's answer and the note of it
            desk.run("digest")
        after = desk.run("digest")
        later = desk.good("digest").out
    with on(7):
        desk.good("digest")
    assert after.code == 1 and "cut short" in after.err and "nothing to say" in later
    assert len(channel.heard) == 2


def test_each_owner_hears_their_own_digest_in_their_language_at_their_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    monkeypatch.setenv("OWNERS", channel.address + "/{email}")
    desk = a_desk(tmp_path, monkeypatch, OWNERS + 'tags = ["ana@example.com"]\nlanguage = "es"\n')
    with on(0):
        desk.good("sync")
        told = desk.good("digest", "--json").json["told"]
    assert [(one["name"], one["outcome"]) for one in told] == [("Ana", "sent")]
    assert "Cuentas en riesgo" in channel.heard[0]["message"] and "Ceta" not in channel.heard[0]["message"]


def test_nobody_writes_to_an_owner_who_left_or_whom_no_mail_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    monkeypatch.setenv("OWNERS", channel.address + "/{email}")
    desk = a_desk(tmp_path, monkeypatch, OWNERS)
    left = desk.crm.add_owner("Cy", "cy@example.com")
    desk.crm.add_account("Deta", owner_id=left, potential=90, nps=5)
    desk.crm.add_account("Eta", owner_id=desk.crm.add_owner("Di", ""), potential=90, nps=5)
    desk.crm.set_active(left, False)
    with on(0):
        desk.good("sync")
        result = desk.run("digest", "--json")
    assert [(one["name"], one["outcome"]) for one in result.json["told"]] == [("Ana", "sent"), ("Bo", "sent"), ("Di", "nobody")]
    assert result.code == 1


def test_a_channel_that_hears_after_every_run_hears_news_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channel: Channel
) -> None:
    monkeypatch.setenv("CHANNEL", channel.address)
    desk = a_desk(tmp_path, monkeypatch, PROGRAMME + 'when = "sync"\n')
    for day in (0, 0, 1, 1):
        with on(day):
            desk.good("run", "--once")
    assert len(channel.heard) == 1
    desk.crm.edit_account(account(desk, "Acme"), nps=1)
    with on(2):
        desk.good("run", "--once")
        desk.good("run", "--once")
    assert [title.partition(": ")[2].split(", ")[0] for title in titles(channel)] == ["1 at risk", "2 at risk"]


def test_whatever_the_crm_calls_things_a_digest_runs_links_and_calls_nothing_of_it(desk: MemoryDesk, channel: Channel) -> None:
    desk.crm.edit_account(account(desk, "Beta"), name=f"{EVIL} @everyone")
    with on(0):
        desk.good("sync")
        desk.good("digest", "--preview", "digest.html")
        desk.good("digest")
    seen = Tags()
    seen.feed((desk.folder / "digest.html").read_text(encoding="utf-8"))
    assert "script" not in seen.tags and not [link for link in seen.links if "evil.example" in link]
    assert "@everyone" not in channel.heard[0]["message"] + channel.heard[0]["title"]


def a_message(desk: MemoryDesk) -> tuple[str, Any]:
    from kamsync.cli.session import open_session
    from kamsync.report.digest.documents import message_of
    from kamsync.run.digests import digests_now

    session = open_session(desk.folder / "config.toml")
    with session.cache() as cache:
        digest, program = digests_now(cache, session.config, datetime.now(UTC))[0]
    return message_of(digest, program).markdown, message_of(digest, program)


def test_slack_reads_no_mention_link_or_mark_into_an_accounts_name(desk: MemoryDesk) -> None:
    desk.crm.edit_account(account(desk, "Beta"), name=EVIL)
    with on(0):
        desk.good("sync")
        markdown, message = a_message(desk)
    slack = apprise.Apprise.instantiate("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ")
    assert slack is not None
    said = slack.dialect_convert(markdown, apprise.NotifyFormat.MARKDOWN)
    assert "<!channel>" not in said and "evil.example|" not in said and "<http://evil" not in said and "*b*" not in said
    assert not set("*_`~|<>[]@#") & set(message.title)


@pytest.mark.parametrize(("lines", "said"), [
    (PROGRAMME + 'tags = ["Ana"]\n', "tags says nothing"),
    ('[[notify]]\nurl = { env = "CHANNEL" }\nwhen = "weekly"\n', "when says nothing"),
    ('[[notify]]\nurl = { env = "CHANNEL" }\nlanguage = "es"\n', "language says nothing"),
    ('[[notify]]\nurl = { env = "OWNERS" }\nwho = "program"\n', "{email}"),
    ('[[notify]]\nurl = { env = "CHANNEL" }\nwho = "owners"\n', "owner"),
])  # fmt: skip
def test_a_key_that_says_nothing_to_its_channel_is_refused_with_its_line(
    lines: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHANNEL", "json://127.0.0.1:9/x")
    monkeypatch.setenv("OWNERS", "json://127.0.0.1:9/{email}")
    desk = a_desk(tmp_path, monkeypatch, lines)
    result = desk.run("digest", "--dry-run")
    assert result.code == 2 and said in result.err and "config.toml" in result.err


def test_without_a_channel_a_digest_can_be_read_and_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch)
    assert "digest" in commands()
    with on(0):
        desk.good("sync")
        assert json.loads(desk.good("digest", "--dry-run", "--json").out)["version"] == 1
        result = desk.run("digest")
    assert result.code == 2 and "[[notify]]" in result.err
