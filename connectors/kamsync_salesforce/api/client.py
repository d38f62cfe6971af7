"""Every call to Salesforce goes through here: simple-salesforce on a polite session, counted, retried and translated.

simple-salesforce has no timeout, no retry, an endless re-login, and knows https only (its `api.py`); so it is built around a
ready session id, and the session below adds what it lacks. Only errors of kamsync leave this module.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import urlsplit

import requests

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, TryLater
from kamsync.http import CallMeter, RetryPolicy, Silences, download_of, is_loopback
from kamsync.model.exchange import Usage
from kamsync_salesforce.api.auth import Credentials, Token, is_salesforce_host, sign_in
from kamsync_salesforce.api.errors import fault_of, is_unanswered, passes, surely_not_applied, translate
from kamsync_salesforce.api.session import SalesforceSession
from kamsync_salesforce.api.vendor import Salesforce, call_salesforce, exceptions
from kamsync_salesforce.settings import DEFAULT_API_VERSION

T = TypeVar("T")

OLDEST_API_VERSION = 47.0  # Bulk API 2.0 query; CompletedDateTime of tasks
RENEWALS_PER_CALL = 2
NO_API_CODES = ("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED")


def never_twice(place: str, asked: set[str], doing: str) -> None:
    """Remembers where the next page is. Raises BadAnswer where that was asked for before: such pages never end."""
    if place in asked:
        raise BadAnswer(f"Salesforce sends the pages of {doing} round in a circle.", fix="Run again; report this if it stays.")
    asked.add(place)


class Client:
    """One signed-in connection. `repeatable=False` marks a call that must not be sent twice once it may have arrived."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        api_version: str = DEFAULT_API_VERSION,
        ca_bundle: str = "",
        budget_share: float = 0.5,
        log: Callable[..., None] = lambda event, **fields: None,
        retry: RetryPolicy | None = None,
    ) -> None:
        if not re.fullmatch(r"\d{2,3}\.0", api_version) or float(api_version) < OLDEST_API_VERSION:
            raise ConfigError(
                f"crm.salesforce.api_version: “{api_version}” will not do.",
                fix=f"Write it as {DEFAULT_API_VERSION}; {OLDEST_API_VERSION} is the oldest that this program can use.",
            )
        if ca_bundle and not Path(ca_bundle).is_file():
            raise ConfigError(f"crm.salesforce.ca_bundle: there is no file {ca_bundle}.", fix="Correct the path in `ca_bundle`.")
        self.api_version = api_version
        self.log = log
        self._credentials = credentials
        self._meter = CallMeter(budget_share)
        self._retry = retry or RetryPolicy()
        self._renew_lock = threading.Lock()
        self._own_hosts = {urlsplit(url).hostname or "" for url in (credentials.login_url, credentials.instance_url) if url}
        self._session = SalesforceSession(self._meter, allows=self._may_talk_to, ca_bundle=ca_bundle or None)
        self.token = Token("", "")

    def open(self) -> None:
        """Signs in and reads how many API calls are left. A line that is down is given up on soon: somebody is waiting."""
        self._host = urlsplit(self._credentials.login_url or self._credentials.instance_url).hostname or ""
        self._accept(self._sign_in(RetryPolicy(attempts=4, total_seconds=15)))
        limit, remaining = self._daily_calls()
        self._meter.start(limit=limit, remaining=remaining)

    def close(self) -> None:
        self._session.close()

    def usage(self) -> Usage:
        return self._meter.usage()

    @property
    def server_time(self) -> datetime:
        """The servers' clock, as their last answer told it; this machine's where they do not tell."""
        return self._session.server_time or datetime.now(UTC)

    @property
    def tells_time(self) -> bool:
        """Whether any answer carried a Date."""
        return self._session.server_time is not None

    @property
    def base_path(self) -> str:
        """The path of the REST resources of the API version in use."""
        return f"/services/data/v{self.api_version}/"

    # --- queries -----------------------------------------------------------------------------------------------------------

    def query(self, soql: str, *, include_deleted: bool = False, doing: str = "a query") -> dict[str, Any]:
        """The first page of a query, checked to be one."""
        return self._page(lambda: self.sf.query(soql, include_deleted=include_deleted), doing)

    def query_more(self, next_records_url: str, *, doing: str = "a query") -> dict[str, Any]:
        """The page at `nextRecordsUrl`. Raises BadAnswer where that is no such address."""
        if not next_records_url.startswith("/services/data/"):
            raise BadAnswer(f"Salesforce named “{next_records_url}” as the next page.", fix="Run again; report this if it stays.")
        return self._page(lambda: self.sf.query_more(next_records_url, identifier_is_url=True), doing)

    def records(self, soql: str, *, include_deleted: bool = False, doing: str = "a query") -> list[dict[str, Any]]:
        """All records of a query that is known to be small."""
        page = self.query(soql, include_deleted=include_deleted, doing=doing)
        found, asked = list(page["records"]), set[str]()
        while not page["done"]:
            never_twice(page["nextRecordsUrl"], asked, doing)
            page = self.query_more(page["nextRecordsUrl"], doing=doing)
            found += page["records"]
        return found

    def _page(self, call: Callable[[], Any], doing: str) -> dict[str, Any]:
        page = self._run(call, doing=doing, repeatable=True)
        if not isinstance(page, dict) or not isinstance(page.get("records"), list) or "done" not in page:
            raise BadAnswer(f"{self._host} answered {doing} with something that is no query result.", fix="Check `instance_url`.")
        if not page["done"] and not page.get("nextRecordsUrl"):
            raise BadAnswer(f"Salesforce left out where {doing} goes on.", fix="Run again; report this if it stays.")
        return page

    # --- everything else ---------------------------------------------------------------------------------------------------

    def rest(
        self,
        method: str,
        path: str,
        *,
        doing: str,
        json: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        silences: Silences | None = None,
    ) -> Any:
        """One JSON call under the base path; its decoded body, None when empty. By default all but POST may be repeated.

        `silences` counts the attempts that got no answer, whatever came of the call in the end.
        """
        options: dict[str, Any] = {} if json is None else {"json": json}
        if headers:
            options["headers"] = dict(headers)
        may_repeat = method != "POST" if repeatable is None else repeatable
        query = dict(params) if params else None

        def call() -> Any:
            try:
                return self.sf.restful(path, query, method, **options)
            except TypeError as error:
                # simple-salesforce takes the length of whatever JSON came (its `restful`): a number or null has none.
                raise BadAnswer(
                    f"{self._host} answered {doing} with JSON of another shape than Salesforce's.",
                    fix="Check `login_url` and `instance_url`; a gateway may be answering in between.",
                ) from error

        return self._run(call, doing=doing, repeatable=may_repeat, silences=silences)

    def upload(self, path: str, body: bytes, content_type: str, *, doing: str, method: str = "PUT") -> requests.Response:
        """Sends `body` as it is, once: the caller knows whether a second time does harm."""
        headers = {**self.sf.headers, "Content-Type": content_type}
        return self._run(
            lambda: call_salesforce(self._url(path), method, self._session, headers.copy(), data=body),
            doing=doing,
            repeatable=False,
        )

    def soap_metadata(self, envelope: str, *, doing: str) -> bytes:
        """One SOAP call to the Metadata API; the answer's XML. A SOAP fault is returned too, for the caller to read."""
        url = f"https://{self.sf.sf_instance}/services/Soap/m/{self.api_version}"
        headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": '""', "Authorization": "Bearer "}

        def call() -> bytes:
            body = envelope.replace("{session}", self._session.access_token).encode()
            answer = self._session.post(url, data=body, headers=headers)
            if b"INVALID_SESSION_ID" in answer.content:
                fault: Any = [{"errorCode": "INVALID_SESSION_ID", "message": "the session has ended"}]
                raise exceptions.SalesforceExpiredSession(url, 401, doing, fault)
            if answer.status_code != 200 and b"faultcode" not in answer.content:
                raise exceptions.SalesforceError(url, answer.status_code, doing, answer.content)
            return answer.content

        return self._run(call, doing=doing, repeatable=True)

    def download(self, path: str, target: IO[bytes], *, doing: str, accept: str = "text/csv") -> Mapping[str, str]:
        """Streams a body into `target`, from the start again after a cut; its headers. Safe to call from several threads."""

        def call() -> Mapping[str, str]:
            target.seek(0)
            target.truncate()
            headers = {**self.sf.headers, "Accept": accept}
            with call_salesforce(self._url(path), "GET", self._session, headers, stream=True) as response:
                for chunk in download_of(response):
                    target.write(chunk)
                return dict(response.headers.lower_items())

        return self._run(call, doing=doing, repeatable=True)

    def versions(self) -> tuple[str, ...]:
        """API versions that the org offers, oldest first. Needs no session. Raises BadAnswer where the answer is no such list."""
        url = f"https://{self.sf.sf_instance}/services/data"

        def call() -> Any:
            return call_salesforce(url, "GET", self._session, {"Accept": "application/json"}).json()

        offered = self._run(call, doing="the list of API versions", repeatable=True)
        if not isinstance(offered, list):
            raise BadAnswer(f"{self._host} does not list Salesforce API versions.", fix="Check `instance_url`.")
        return tuple(str(entry["version"]) for entry in offered if isinstance(entry, dict) and "version" in entry)

    def userinfo(self) -> Mapping[str, Any]:
        """Who we are, by OpenID Connect: for sign-ins whose answer does not tell."""

        def call() -> Any:
            url = f"https://{self.sf.sf_instance}/services/oauth2/userinfo"
            return call_salesforce(url, "GET", self._session, dict(self.sf.headers)).json()

        found = self._run(call, doing="the user's identity", repeatable=True)
        return found if isinstance(found, dict) else {}

    # --- sessions, retries ---------------------------------------------------------------------------------------------------

    def _run(self, call: Callable[[], T], *, doing: str, repeatable: bool, silences: Silences | None = None) -> T:
        def once() -> T:
            try:
                return self._with_session(call)
            except (exceptions.SalesforceError, exceptions.SalesforceOperationError, requests.RequestException) as error:
                raise translate(error, doing=doing, host=self._host, retry_after=self._session.last_retry_after) from error
            except RecursionError as error:  # JSON of thousands of lists in lists, which Python's reader follows down
                raise BadAnswer(
                    f"{self._host} answered {doing} with JSON of another shape than Salesforce's.",
                    fix="Check `login_url` and `instance_url`; a gateway may be answering in between.",
                ) from error

        def attempt() -> T:
            try:
                return once()
            except KamsyncError as error:
                if silences is not None and is_unanswered(error):
                    silences.count += 1
                raise

        def may_try_again(error: BaseException) -> bool:
            return passes(error) and (repeatable or surely_not_applied(error))

        def note(error: BaseException, seconds: float) -> None:
            self.log("retry", doing=doing, error=str(error), seconds=round(seconds, 2))

        return self._retry.run(attempt, passes=may_try_again, before_wait=note)

    def _with_session(self, call: Callable[[], T]) -> T:
        for _ in range(RENEWALS_PER_CALL):
            used = self._session.access_token
            try:
                return call()
            except exceptions.SalesforceExpiredSession as error:
                fault = fault_of(error)
                if fault is None or not fault.is_json:
                    raise  # a proxy's 401 page, not the end of our session
                self._renew(used)
        return call()

    def _renew(self, stale: str) -> None:
        """Signs in again, unless another thread has done so since `stale` was used."""
        with self._renew_lock:
            if self._session.access_token != stale:
                return
            if self._credentials.auth == "access_token":
                raise AccessDenied(
                    "The access token has expired or was revoked.",
                    fix="Give a fresh `access_token`, or choose an `auth` that can renew its session (client_credentials).",
                )
            token = self._sign_in(self._retry)
            if token.instance_url != self.token.instance_url:
                raise TryLater("The org moved to another instance in the middle of the run.", fix="Run again.")
            self._accept(token)
            self.log("session_renewed")

    def _sign_in(self, retry: RetryPolicy) -> Token:
        def attempt() -> Token:
            try:
                return sign_in(self._credentials, self._session)
            except (exceptions.SalesforceError, requests.RequestException) as error:
                raise translate(
                    error, doing="the sign-in", host=self._host, retry_after=self._session.last_retry_after
                ) from error

        return retry.run(attempt, passes=passes)

    def _accept(self, token: Token) -> None:
        parts = urlsplit(token.instance_url)
        self._host = parts.hostname or ""
        self._own_hosts.add(self._host)
        self._session.plain_http_netloc = parts.netloc if parts.scheme == "http" else ""
        self._session.access_token = token.access_token
        self.token = token
        self.sf = Salesforce(
            session_id=token.access_token,
            instance=parts.netloc,
            session=self._session,
            version=self.api_version,
            object_pairs_hook=None,  # plain dicts: several times quicker than OrderedDict
        )

    def _daily_calls(self) -> tuple[int | None, int | None]:
        try:
            daily = self.rest("GET", "limits", doing="the org's limits").get("DailyApiRequests", {})
            return int(daily["Max"]), int(daily["Remaining"])
        except AccessDenied as error:
            fault = fault_of(error)
            if fault is None or fault.status != 403 or fault.code in NO_API_CODES:
                raise
            # `limits` needs "View Setup and Configuration"; without it the header of this very answer has to do.
            usage = self._meter.usage()
            return usage.limit, usage.remaining
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadAnswer(f"{self._host} does not tell its API limits.", fix="Check `instance_url`.") from error

    def _may_talk_to(self, host: str) -> bool:
        host = host.lower()
        if host in self._own_hosts or is_salesforce_host(host):
            return True
        return is_loopback(host) and any(is_loopback(own) for own in self._own_hosts)

    def _url(self, path: str) -> str:
        if path.startswith("https://") or path.startswith("http://"):
            return path
        return f"https://{self.sf.sf_instance}{path if path.startswith('/') else self.base_path + path}"
