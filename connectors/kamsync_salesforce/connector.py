"""The Salesforce connector: kamsync's contract, carried out by the modules beside this one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kamsync.contract import (
    CONTRACT_VERSION,
    Capabilities,
    Context,
    DoctorRequest,
    Finding,
    Page,
    PullRequest,
    SandboxCrm,
    Setting,
    SetupStep,
)
from kamsync.errors import KamsyncError
from kamsync.model import AccountUpdate, Identity, NewTask, Outcome, TaskRef, Usage, Value
from kamsync_salesforce.auth import read_credentials
from kamsync_salesforce.client import DEFAULT_API_VERSION, Client
from kamsync_salesforce.doctor import Doctor
from kamsync_salesforce.errors import fault_of
from kamsync_salesforce.fields import Fields, missing_field_error
from kamsync_salesforce.metadata import REASONS_LENGTH
from kamsync_salesforce.org import Org
from kamsync_salesforce.provision import Setup
from kamsync_salesforce.pull import Puller
from kamsync_salesforce.push import push_accounts
from kamsync_salesforce.tasks import Tasks
from kamsync_salesforce.translate import flag_from_json

IDS_PER_READ = 2_000  # REST API, "sObject Collections → Get Records": by POST

SETTINGS = (
    Setting(
        "auth",
        "How to sign in.",
        default="client_credentials",
        choices=("client_credentials", "jwt_bearer", "password", "access_token"),
    ),
    Setting(
        "login_url",
        "The org's My Domain, https://….my.salesforce.com (jwt_bearer, password: or login/test.salesforce.com).",
        "url",
    ),
    Setting("client_id", "Consumer key of the External Client App."),
    Setting("client_secret", "Consumer secret of the External Client App (client_credentials, password).", secret=True),
    Setting("username", "User to act as (jwt_bearer, password)."),
    Setting("password", "The user's password (password).", secret=True),
    Setting("security_token", "The user's security token, where the org asks for one (password).", secret=True),
    Setting("private_key", "RSA private key in PEM form (jwt_bearer).", secret=True),
    Setting("jwt_audience", "Audience of the JWT, if neither the login host nor login/test.salesforce.com is right."),
    Setting("access_token", "A session that is open already; cannot be renewed (access_token).", secret=True),
    Setting("instance_url", "The org's address; needed with access_token, otherwise Salesforce tells it.", "url"),
    Setting("ca_bundle", "File with the certificates of a private authority or a company proxy.", "path"),
    Setting("api_version", "Version of Salesforce's API.", default=DEFAULT_API_VERSION),
)


class SalesforceConnection:
    """An open link to one org."""

    capabilities = Capabilities(reasons_length=REASONS_LENGTH, batch_size=200, has_manager=True)

    def __init__(self, client: Client, context: Context, username: str) -> None:
        self._client = client
        self._context = context
        self._fields = Fields(client)
        self._org = Org(client, username)
        self._tasks = Tasks(client, self._fields, context.mapping.task_key, self.record_url)

    def identity(self) -> Identity:
        return self._org.identity()

    def usage(self) -> Usage:
        return self._client.usage()

    def pull(self, requests: Sequence[PullRequest]) -> Iterator[Page]:
        return Puller(self._client, self._org, self._fields, self._context).pull(requests)

    def fetch_accounts(self, ids: Sequence[str], flags: Sequence[str]) -> Mapping[str, Mapping[str, Value]]:
        """By the collections resource, which answers null for an id that is gone."""
        names = {flag: self._context.mapping.flags[flag] for flag in flags}
        found: dict[str, Mapping[str, Value]] = {}
        for start in range(0, len(ids), IDS_PER_READ):
            body = {"ids": list(ids[start : start + IDS_PER_READ]), "fields": ["Id", *names.values()]}
            try:
                answer = self._client.rest(
                    "POST", "composite/sobjects/Account", json=body, doing="reading accounts", repeatable=True
                )
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or not (fault.missing_field or fault.code == "INVALID_FIELD"):
                    raise
                raise missing_field_error(self._fields, "Account", names.values(), names.values(), error) from error
            for record in answer or ():
                if record:
                    found[record["Id"]] = {flag: flag_from_json(flag, record.get(field)) for flag, field in names.items()}
        return found

    def push_accounts(self, updates: Sequence[AccountUpdate]) -> Iterator[Outcome]:
        return push_accounts(self._client, updates, self._context.mapping.flags, self.record_url)

    def create_tasks(self, tasks: Sequence[NewTask]) -> Iterator[Outcome]:
        return self._tasks.create(tasks)

    def close_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        return self._tasks.close(tasks)

    def delete_tasks(self, tasks: Sequence[TaskRef]) -> Iterator[Outcome]:
        return self._tasks.delete(tasks)

    def setup(self, *, dry_run: bool, metadata_folder: Path | None = None) -> Iterator[SetupStep]:
        return Setup(self._client, self._org, self._fields, self._context, dry_run=dry_run).run(metadata_folder)

    def diagnose(self, request: DoctorRequest) -> Iterator[Finding]:
        return Doctor(self._client, self._org, self._fields, self._context).examine(request)

    def record_url(self, account_id: str) -> str:
        return f"{self._client.token.instance_url}/{account_id}" if account_id else ""

    def close(self) -> None:
        self._client.close()


class SalesforceConnector:
    """What the entry point names."""

    kind = "salesforce"
    label = "Salesforce"
    settings = SETTINGS
    contract_version = CONTRACT_VERSION

    def connect(self, settings: Mapping[str, Any], context: Context) -> SalesforceConnection:
        credentials = read_credentials(settings)
        client = Client(
            credentials,
            api_version=str(settings.get("api_version") or DEFAULT_API_VERSION),
            ca_bundle=str(settings.get("ca_bundle") or ""),
            budget_share=context.api_budget_share,
            log=context.log,
        )
        client.open()
        return SalesforceConnection(client, context, credentials.username)

    def sandbox(self, company: Any, options: Any) -> SandboxCrm:
        # The sandbox brings a web framework along, which the agent itself does not need.
        from kamsync_salesforce.sandbox import build_sandbox

        return build_sandbox(company, options)
