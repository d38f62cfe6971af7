"""Whatever a CRM answers: an error of ours or a good run, never a traceback, a record half written or a task twice.

The answers of a good run are kept; in each example one of them comes back with accidents in it. A quick walk here;
`make mutations` takes the long one (KAMSYNC_MUTATIONS examples a CRM and kind of run).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import tenacity.nap
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kamsync.sandbox.faults import AsgiApp, Message, Receive, Scope, Send
from kamsync_hubspot.api import limiter
from tests.config.mutations import garbled, mutated
from tests.journeys.command import run_here
from tests.journeys.conftest import Desk, desks
from tests.sandboxes import Keeping

IS_LONG = "KAMSYNC_MUTATIONS" in os.environ
EXAMPLES = int(os.environ.get("KAMSYNC_MUTATIONS", "10"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not IS_LONG,
    database=None,
    phases=[Phase.generate],  # an answer has no smaller form that one would rather read
    suppress_health_check=list(HealthCheck),
)
ANSWERS = (0, 1, 2, 3)  # every exit code but that of `--detailed-exitcode`
OTHERS: tuple[Any, ...] = ([], {}, [[]], [{}], {"a": 1}, None, [None], [1, "a"])
Call = tuple[str, str, int]  # method, path, how many of them came before


@dataclass
class Altering:
    """An ASGI app that keeps each answer, and sends another one in place of those of `path` or of one call."""

    app: AsgiApp
    kept: dict[Call, bytes] = field(default_factory=dict)
    answers: dict[Call, bytes] = field(default_factory=dict)
    always: dict[tuple[str, str], bytes] = field(default_factory=dict)
    seen: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        what = scope["method"], scope["path"] + "?" + scope.get("query_string", b"").decode("latin-1")
        call = (*what, self.seen[what])
        self.seen[what] += 1
        messages: list[Message] = []

        async def hold(message: Message) -> None:
            messages.append(message)

        plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, hold)
        start, body = messages[0], b"".join(message.get("body", b"") for message in messages[1:])
        self.kept[call] = body
        body = self.altered(self.always.get(what, self.answers.get(call, body)))
        headers = [pair for pair in start["headers"] if pair[0].lower() not in (b"content-length", b"transfer-encoding")]
        await send({**start, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
        await send({"type": "http.response.body", "body": body})

    def altered(self, body: bytes) -> bytes:
        """What becomes of any answer."""
        return body

    def forget(self) -> None:
        self.answers.clear()
        self.always.clear()
        self.seen.clear()


@dataclass(frozen=True)
class Place:
    """A desk, what its CRM and folder were, and the answers that `commands` got from there when all was well."""

    desk: Desk
    line: Altering
    crm: object
    files: dict[str, bytes]
    commands: tuple[tuple[str, ...], ...]
    good: list[tuple[Call, bytes]]

    @property
    def keeping(self) -> Keeping:
        return self.desk.server.crm  # type: ignore[return-value]  # both sandboxes keep and put back

    def put_back(self) -> None:
        self.keeping.put_back(self.crm)
        for path in self.desk.folder.glob("kamsync.db*"):
            path.unlink()
        for name, content in self.files.items():
            (self.desk.folder / name).write_bytes(content)
        self.line.forget()


def run(desk: Desk, *arguments: str) -> tuple[int, str]:
    """The command in this process: the code and all that was said."""
    code, out, err = run_here(arguments, desk.folder)
    return code, out + err


@pytest.fixture(scope="module", params=["salesforce", "hubspot"])
def crm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["first", "later"])
def place(crm: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with desks(tmp_path_factory.mktemp("answers")) as opener, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenacity.nap, "sleep", lambda seconds: None)
        patch.setattr(limiter, "SEARCHES_PER_SECOND", 1_000)
        desk = opener(crm, accounts=12, opportunities=60, limits=False)
        desk.edit_config('first_run = "go"', 'first_run = "go"\nmax_changed_share = 1.0')
        if IS_LONG:  # people, notes and every playbook: each example takes eight times as long
            desk.edit_config("max_changed_share = 1.0", "max_changed_share = 1.0\n\n[plans]\nnote = true")
            desk.edit_config('playbooks = ["onboarding", "quarterly-review"]', 'playbooks = "all"')
        for name, value in desk.environment.items():
            patch.setenv(name, value)
        assert run(desk, "setup")[0] == 0
        if request.param == "later":
            assert run(desk, "sync")[0] == 0
            view = desk.server.crm.view
            tiered = [account.id for account in view.accounts() if account.flags["tier"]]
            view.set_flag(tiered[0], "tier", "C" if view.account(tiered[0]).flags["tier"] != "C" else "B")  # type: ignore[union-attr]
            view.set_flag(tiered[1], "override", "none")
        kept = desk.server.crm.keep()  # type: ignore[attr-defined]  # both sandboxes keep and put back
        files = {path.name: path.read_bytes() for path in desk.folder.glob("kamsync.db*")}
        line = Altering(desk.server.crm.app)
        desk.server.crm.app = line
        page = ("account-plan", desk.server.crm.view.accounts()[0].id)
        commands = (("sync",), page) if IS_LONG else (("sync",),)
        for command in commands:
            code, said = run(desk, *command)
            assert code == 0, said
        yield Place(desk, line, kept, files, commands, sorted(line.kept.items()))


def as_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    """The answer with accidents in it: in its values where it is JSON, else, and now and then, in its bytes."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if document and draw(st.integers(0, 4)):
        return json.dumps(draw(mutated(document, others=OTHERS))).encode("utf-8", "surrogatepass")
    return draw(garbled(body.decode("utf-8", "replace")))


@dataclass(frozen=True)
class Altered:
    """`body` comes in place of the answer to the call, `for_ever` to all calls like it."""

    call: Call
    for_ever: bool
    body: bytes = field(repr=False)


@st.composite
def altered(draw: st.DrawFn, good: list[tuple[Call, bytes]]) -> Altered:
    call, body = good[draw(st.integers(0, len(good) - 1))]
    return Altered(call, draw(st.booleans()), as_bytes(draw, body))


def assert_whole(desk: Desk) -> None:
    """No account has a part of what is written together, no task's key is there twice."""
    view = desk.server.crm.view
    for account in view.accounts(limit=1_000):
        flags = account.flags
        assert bool(flags["tier"]) <= bool(flags["decided_tier"]), account
        assert bool(flags["decided_tier"]) <= bool(flags["evaluated_at"]), account
        subjects = Counter((task.subject, task.due) for task in view.tasks(account.id) if task.by_kamsync)
        assert max(subjects.values(), default=1) == 1, (account.id, subjects)


def attempt(place: Place, strange: Altered) -> None:
    """A sync and an account's plan that get the strange answer, and both after it without."""
    place.put_back()
    if strange.for_ever:
        place.line.always[strange.call[:2]] = strange.body
    else:
        place.line.answers[strange.call] = strange.body
    for _ in range(2):
        for command in place.commands:
            code, said = run(place.desk, *command)
            assert code in ANSWERS, said
            assert "met a bug" not in said and "Traceback" not in said, said
            assert code == 0 or said.strip()
            assert_whole(place.desk)
        place.line.forget()


@many
@given(data=st.data())
def test_a_strange_answer_ends_in_an_error_of_ours_or_in_nothing(place: Place, data: st.DataObject) -> None:
    attempt(place, data.draw(altered(place.good)))
