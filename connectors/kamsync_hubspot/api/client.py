"""Every call to HubSpot goes through here: hubspot-api-client, counted, limited, retried and translated.

Answers are taken raw (`_preload_content=False`) and read with orjson: the client's models cost 20 ms of CPU for a page of 100
companies, orjson 0.9 ms (measured, 20 properties); with its own validation on they also refuse real 207 answers. Its retries
are off: urllib3's would send a create again after a cut connection and know no `policyName`. All API classes share one
`ApiClient`, since each access to `HubSpot().crm…` opens a new connection pool. Only errors of kamsync leave this module.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import requests.utils
import urllib3
from hubspot.crm import objects as objects_package

from kamsync.certificates import Authorities, authorities
from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, TryLater
from kamsync.foreign import Unread, json_of
from kamsync.http import CONNECT_TIMEOUT_SECONDS, BoundedPool, CallMeter, RetryPolicy, Silences, check_address
from kamsync.model.exchange import Usage
from kamsync_hubspot.api.answer import Answer
from kamsync_hubspot.api.auth import Credentials, Token, refresh_refused
from kamsync_hubspot.api.errors import (
    CutAnswer,
    fault_of,
    is_api_exception,
    is_unanswered,
    passes,
    surely_not_applied,
    translate,
)
from kamsync_hubspot.api.limiter import header_number, limiter_for
from kamsync_hubspot.settings import DEFAULT_BASE_URL

READ_TIMEOUT_SECONDS = 60.0
USER_AGENT = "kamsync (hubspot-api-client-python)"
ACCOUNT_DETAILS = "/account-info/v3/details"


class _ApiClient(objects_package.ApiClient):  # type: ignore[misc]  # the package has no types
    """The client's own, with a body in every error: it decodes `body` as UTF-8, which fails on None and on an edge's page."""

    def request(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().request(*args, **kwargs)
        except objects_package.exceptions.ApiException as error:
            error.body = (error.body or b"").decode("utf-8", "replace").encode()
            raise


class Client:
    """One signed-in connection. Calls may come from several threads; `repeatable=False` marks one not to be sent twice."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        base_url: str = DEFAULT_BASE_URL,
        ca_bundle: str = "",
        burst_limit: int | None = None,
        budget_share: float = 0.5,
        log: Callable[..., None] = lambda event, **fields: None,
        retry: RetryPolicy | None = None,
    ) -> None:
        self.base_url = check_address(base_url, "crm.hubspot.base_url")
        if urlsplit(self.base_url).path:
            raise ConfigError(
                f"crm.hubspot.base_url: {self.base_url} has a path.",
                fix=f"Write `base_url` as {DEFAULT_BASE_URL}, or leave it out.",
            )
        if burst_limit is not None and burst_limit < 1:
            raise ConfigError("crm.hubspot.burst_limit must be at least 1.", fix="Leave it out: HubSpot tells its limit.")
        self.log = log
        self.unread = Unread()
        self._host = urlsplit(self.base_url).hostname or ""
        self._meter = CallMeter(budget_share)
        self._retry = retry or RetryPolicy()
        self._limiter = limiter_for(self.base_url, credentials.fingerprint, burst_limit)
        self._token_lock = threading.RLock()
        self._server_date = ""
        self._api = _api_client(self.base_url, authorities(ca_bundle, os.environ, setting="crm.hubspot.ca_bundle"))
        self.token = Token(credentials, self._refresh)
        self.records = objects_package.BasicApi(self._api)
        self.batches = objects_package.BatchApi(self._api)
        self.search = objects_package.SearchApi(self._api)

    # A package of the client takes up to 60 ms to load (measured), and a quiet night asks for owners and objects alone.

    @cached_property
    def associations(self) -> Any:
        """Which records belong together, in batches."""
        from hubspot.crm.associations import v4

        return v4.BatchApi(self._api)

    @cached_property
    def owners(self) -> Any:
        """The portal's users."""
        from hubspot.crm import owners

        return owners.OwnersApi(self._api)

    @cached_property
    def pipelines(self) -> Any:
        """Stages of deals."""
        from hubspot.crm import pipelines

        return pipelines.PipelinesApi(self._api)

    @cached_property
    def properties(self) -> Any:
        """Definitions of properties."""
        from hubspot.crm import properties

        return properties.CoreApi(self._api)

    @cached_property
    def groups(self) -> Any:
        """Groups of properties."""
        from hubspot.crm import properties

        return properties.GroupsApi(self._api)

    @cached_property
    def lists(self) -> Any:
        """Segments."""
        from hubspot.crm import lists

        return lists.ListsApi(self._api)

    def open(self) -> Mapping[str, Any]:
        """Signs in: the portal's details, whose headers also tell how many calls are left today (OAuth: no daily limit).

        Raises BadAnswer where the answer holds no such details.
        """
        patient, self._retry = self._retry, RetryPolicy(attempts=4, total_seconds=15)  # somebody is waiting
        try:
            details = self.get(ACCOUNT_DETAILS, doing="the sign-in").content
        finally:
            self._retry = patient
        if not isinstance(details, dict) or "portalId" not in details:
            raise BadAnswer(
                f"{self._host} answered the sign-in with something that is not HubSpot's account information.",
                fix="Check `base_url` in [crm.hubspot]; a proxy's sign-in page answers like this.",
            )
        usage = self._meter.usage()
        self._meter.start(limit=usage.limit, remaining=usage.remaining)
        return details

    def close(self) -> None:
        self._api.rest_client.pool_manager.clear()
        self._api.close()

    def usage(self) -> Usage:
        return self._meter.usage()

    @property
    def server_time(self) -> datetime | None:
        """HubSpot's clock at its last answer, where it tells it."""
        try:
            return parsedate_to_datetime(self._server_date).astimezone(UTC)
        except ValueError:
            return None

    def get(self, path: str, *, doing: str, parameters: Mapping[str, str] | None = None) -> Answer:
        """A GET of what hubspot-api-client has no class for (account information, currencies)."""
        return self.call(self._plain("GET", path, parameters=parameters), doing=doing)

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        doing: str,
        repeatable: bool = True,
        silences: Silences | None = None,
    ) -> Answer:
        """A POST of what hubspot-api-client has no class for."""
        return self.call(self._plain("POST", path, body=body), doing=doing, repeatable=repeatable, silences=silences)

    def call(
        self,
        send: Callable[..., Any],
        *arguments: Any,
        doing: str,
        repeatable: bool = True,
        is_search: bool = False,
        silences: Silences | None = None,
        **options: Any,
    ) -> Answer:
        """One call by a method of an API class. A write is `repeatable` where the same values again do no harm.

        `silences` counts the attempts that got no answer, whatever came of the call in the end.
        """

        def attempt() -> Answer:
            try:
                return self._with_token(lambda: self._send(send, arguments, options, doing=doing, is_search=is_search))
            except KamsyncError as error:
                if silences is not None and is_unanswered(error):
                    silences.count += 1
                raise

        def may_try_again(error: BaseException) -> bool:
            return passes(error) and (repeatable or surely_not_applied(error))

        def note(error: BaseException, seconds: float) -> None:
            self.log("retry", doing=doing, error=str(error), seconds=round(seconds, 2))

        return self._retry.run(attempt, passes=may_try_again, before_wait=note)

    # --- one call ------------------------------------------------------------------------------------------------------------

    def _with_token(self, send: Callable[[], Answer]) -> Answer:
        with self._token_lock:
            self._api.configuration.access_token = sent = self.token.fresh()
        try:
            return send()
        except AccessDenied as error:
            fault = fault_of(error)
            if fault is None or fault.status != 401 or not self.token.can_renew:
                raise
            self.log("token_renewed")
        with self._token_lock:
            if self.token.value == sent:  # otherwise another thread has renewed it
                self.token.renew()
            self._api.configuration.access_token = self.token.value
        return send()

    def _send(
        self, send: Callable[..., Any], arguments: tuple[Any, ...], options: Mapping[str, Any], *, doing: str, is_search: bool
    ) -> Answer:
        self._meter.count()
        try:
            with self._limiter.slot(is_search=is_search):
                response = send(
                    *arguments,
                    **options,
                    _preload_content=False,
                    _request_timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
                )
                body: bytes = response.data
            self._observe(response.headers, is_search=is_search)
            return Answer(int(response.status), _decode(body))
        except (CutAnswer, urllib3.exceptions.HTTPError) as error:
            raise translate(error, doing=doing, host=self._host) from error
        except objects_package.exceptions.ApiException as error:
            self._observe(error.headers, is_search=is_search)
            translated = translate(error, doing=doing, host=self._host)
            fault = fault_of(error)
            if isinstance(translated, TryLater) and fault and fault.status == 429 and not fault.is_daily_limit:
                self._limiter.pause(translated.retry_after_seconds or 0.0)
            raise translated from error

    def _observe(self, headers: Any, *, is_search: bool) -> None:
        if not headers:
            return
        lowered = {str(name).lower(): str(value) for name, value in headers.items()}
        self._server_date = lowered.get("date") or self._server_date
        if not is_search:  # "Search answers carry none of them"
            self._limiter.observe(lowered)
        limit = header_number(lowered.get("x-hubspot-ratelimit-daily"))
        remaining = header_number(lowered.get("x-hubspot-ratelimit-daily-remaining"))
        if limit is not None and remaining is not None:
            self._meter.observe(limit=limit, remaining=remaining)

    def _plain(
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Callable[..., Any]:
        def send(**options: Any) -> Any:
            headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body is not None else {})}
            query = list(parameters.items()) if parameters else []
            return self._api.call_api(
                path, method, {}, query, headers, body=body, auth_settings=["oauth2"], _return_http_data_only=True, **options
            )

        return send

    def _refresh(self, form: Mapping[str, str]) -> Any:
        """POST /oauth/v1/token. Its answer is no API call that HubSpot counts."""

        def attempt() -> Any:
            try:
                response = self._api.call_api(
                    "/oauth/v1/token",
                    "POST",
                    {},
                    [],
                    {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
                    post_params=list(form.items()),
                    auth_settings=[],
                    _preload_content=False,
                    _request_timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
                )
                return _decode(response.data)
            except (CutAnswer, urllib3.exceptions.HTTPError, objects_package.exceptions.ApiException) as error:
                fault = fault_of(error) if is_api_exception(error) else None
                if fault is not None and fault.is_json and fault.status in (400, 401, 403):
                    raise refresh_refused(fault.category, fault.message) from error
                raise translate(error, doing="the sign-in", host=self._host) from error

        return self._retry.run(attempt, passes=passes)


def _api_client(base_url: str, trusted: Authorities) -> Any:
    configuration = objects_package.Configuration()
    configuration.host = base_url
    configuration.retries = False  # and with it redirects: a token never follows one
    configuration.connection_pool_maxsize = 8
    configuration.ssl_ca_cert = trusted.file or None
    # urllib3 does not look at HTTPS_PROXY and NO_PROXY by itself.
    configuration.proxy = requests.utils.select_proxy(base_url, requests.utils.get_environ_proxies(base_url))
    api = _ApiClient(configuration=configuration)
    if trusted.folder:
        api.rest_client.pool_manager.connection_pool_kw["ca_cert_dir"] = trusted.folder
    api.rest_client.pool_manager = BoundedPool(api.rest_client.pool_manager)
    api.user_agent = USER_AGENT
    api.set_default_header("Accept-Encoding", "gzip")
    return api


def _decode(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json_of(body)
    except ValueError as error:
        raise CutAnswer(str(error)) from error
