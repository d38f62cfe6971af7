"""What an admin has read is not said again."""

from __future__ import annotations

from tests.journeys.conftest import Opener


def test_a_notice_is_said_once_and_again_when_it_has_changed(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    desk.begin("setup")
    assert "is left out" in desk.good("plan").err
    assert "is left out" not in desk.good("plan").err
    assert "is left out" not in desk.good("accounts").err
    desk.edit_config('criteria = "balanced"', 'criteria = "authority"')
    assert "is left out" in desk.good("plan").err
    assert "is left out" in desk.good("doctor").out


def test_what_doctor_has_said_before_there_was_a_cache_no_later_command_says_again(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=30, opportunities=200)
    desk.good("setup")
    assert "is left out" in desk.run("doctor").out
    assert not (desk.folder / "kamsync.db").exists()
    assert "is left out" not in desk.good("plan").err
    assert not list(desk.folder.glob("*.told"))
    desk.edit_config('criteria = "balanced"', 'criteria = "authority"')
    assert "is left out" in desk.good("plan").err


def test_what_doctor_has_said_no_later_command_says_again(open_desk: Opener) -> None:
    desk = open_desk("hubspot", accounts=30, opportunities=200)
    desk.begin("setup", "pull")
    desk.edit_config('criteria = "balanced"', 'criteria = "authority"')
    assert "is left out" in desk.good("doctor").out
    assert "is left out" not in desk.good("plan").err
