"""The requests session of one connection: knows the current token, the org's address, and what answers tell about API usage."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from kamsync.http import CallMeter, PoliteSession, retry_after_seconds

_USAGE = re.compile(r"api-usage=([0-9]{1,12})/([0-9]{1,12})(?![0-9])")  # REST API, "Limit Info Header"


class SalesforceSession(PoliteSession):
    """A polite session that knows the current token, the org's address and the API usage that answers carry."""

    def __init__(self, meter: CallMeter, **options: Any) -> None:
        super().__init__(**options)
        self.access_token = ""
        self.plain_http_netloc = ""
        self._meter = meter
        self._last = threading.local()
        self._server_date = ""

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """As requests does it; http:// where the org is a sandbox on this machine."""
        # simple-salesforce writes https:// in front of every instance; a sandbox on this machine may speak http.
        if self.plain_http_netloc and str(url).startswith(f"https://{self.plain_http_netloc}/"):
            url = "http" + str(url).removeprefix("https")
        return super().request(method, url, *args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """With the token of this moment; counts the call and notes what the answer tells of limits and time."""
        if "Authorization" in request.headers:
            # Here and not earlier, so that a renewed session reaches every caller, simple-salesforce's copies included.
            request.headers["Authorization"] = f"Bearer {self.access_token}"
            self._meter.count()
        # simple-salesforce asks for indented JSON on every call: a third more bytes.
        request.headers.pop("X-PrettyPrint", None)
        self._last.retry_after = None
        response = super().send(request, **kwargs)
        self._last.retry_after = retry_after_seconds(response.headers.get("Retry-After"))
        self._server_date = response.headers.get("Date") or self._server_date
        usage = _USAGE.search(response.headers.get("Sforce-Limit-Info", ""))
        if usage:
            used, limit = int(usage[1]), int(usage[2])
            self._meter.observe(limit=limit, remaining=max(0, limit - used))
        return response

    @property
    def last_retry_after(self) -> float | None:
        """Retry-After of this thread's last answer."""
        value: float | None = getattr(self._last, "retry_after", None)
        return value

    @property
    def server_time(self) -> datetime | None:
        """The clock of the org's servers at the last answer."""
        try:
            return parsedate_to_datetime(self._server_date).astimezone(UTC)
        except ValueError:
            return None
