"""`kamsync doctor`: checks from the most basic on, each with its mend. Reads only; a check that cannot be made is a finding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from kamsync.contract import Context, DoctorRequest, Finding, PullRequest
from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.definitions import Definitions
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.setup import people, portal_checks, property_checks
from kamsync_hubspot.setup.scopes import compare_scopes
from kamsync_hubspot.translate import OBJECTS

Definition = Mapping[str, Mapping[str, Any]]
Probe = Callable[[PullRequest], Iterator[Finding]]


class Doctor:
    """The checks of one connection. `probe` asks what a pull of a stream asks first."""

    def __init__(self, client: Client, portal: Portal, context: Context, probe: Probe) -> None:
        self._client = client
        self._portal = portal
        self._context = context
        self._probe = probe
        self._definitions = Definitions(client)

    def examine(self, request: DoctorRequest) -> Iterator[Finding]:
        """Signing in has worked, otherwise there would be no connection."""
        client, portal, context = self._client, self._portal, self._context
        identity = portal.identity()
        yield Finding("sign-in", "ok", f"Signed in to {identity.org_name}{' (sandbox)' if identity.is_sandbox else ''}.")
        yield portal_checks.clock(client)
        yield portal_checks.quota(client, context, request.calls_needed)
        yield from self._guarded("scopes", lambda: self._scopes(request))
        yield from self._properties(request)
        for pull in request.requests:
            if pull.stream is not Stream.TASKS or self._has_task_key():
                yield from self._probe(pull)
        yield from self._guarded("pipelines", lambda: portal_checks.pipelines(portal))
        yield from self._guarded("owners", lambda: portal_checks.owners(client, portal))
        if request.people:
            yield from self._guarded("people", lambda: people.resolve(portal, request.people))
        yield portal_checks.currencies(portal)

    def _has_task_key(self) -> bool:
        """Without it nothing can be asked of our tasks, and that it lacks has been told. What HubSpot hides is asked for."""
        try:
            return self._context.mapping.task_key in self._definitions.of("tasks")
        except KamsyncError:
            return True

    def _guarded(self, check: str, findings: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """One check that HubSpot refuses ends no other."""
        try:
            yield from findings()
        except KamsyncError as error:
            yield Finding(check, "warning" if is_refused(error) else "failed", error.message, error.fix)

    def _scopes(self, request: DoctorRequest) -> Iterator[Finding]:
        found = compare_scopes(self._client, frozenset(pull.stream for pull in request.requests))
        if found.excess:
            yield Finding(
                "too many scopes",
                "warning",
                f"The app may do more than the program ever does: {', '.join(found.excess)}.",
                "Take these scopes from the app, or give the program one of its own (docs/for-admins.md lists what it needs).",
            )
        if not found.missing:
            yield Finding("scopes", "ok", "The app has every scope that it needs.")
        for scope in found.missing:
            yield Finding(
                f"scope {scope.name}",
                "warning" if scope.is_optional else "failed",
                f"The app lacks the scope {scope.name}: {scope.purpose}.",
                f"Grant {scope.name} (Settings → Integrations → the app → Scopes), then run `kamsync doctor` again.",
            )

    def _properties(self, request: DoctorRequest) -> Iterator[Finding]:
        for pull in request.requests:
            if pull.stream in OBJECTS:
                object_type = OBJECTS[pull.stream].name
                yield from self._defined(object_type, partial(property_checks.mapped, pull))
        yield from self._defined("companies", partial(property_checks.flags, self._context))
        yield from self._defined("companies", partial(property_checks.goals, self._context.mapping.plan))
        yield from self._defined("tasks", partial(property_checks.task_key, self._context))

    def _defined(self, object_type: str, check: Callable[[Definition], Iterator[Finding]]) -> Iterator[Finding]:
        try:
            known = self._definitions.of(object_type)
        except KamsyncError as error:
            yield Finding(f"{object_type} properties", "failed", error.message, error.fix)
            return
        yield from check(known)
