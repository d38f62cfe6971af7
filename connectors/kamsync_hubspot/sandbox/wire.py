"""What travels: a request as handlers see it, an answer, and a refusal in HubSpot's error shape.

Shapes follow the `Error` model of hubspot-api-client and developers.hubspot.com "Error handling". No CRM data here.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import orjson

PUBLIC_HOST = "https://api.hubapi.com"


class Refusal(Exception):
    """An error answer of the service: raised by any handler, written out by the app."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        category: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        context: Mapping[str, Sequence[str]] | None = None,
        sub_category: str = "",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.errors = list(errors)
        self.context = context
        self.sub_category = sub_category
        self.extra = extra or {}

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The JSON of the answer, in the shape of hubspot-api-client's `Error`."""
        answer: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.context:
            answer["context"] = self.context
        if self.errors:
            answer["errors"] = self.errors
        if self.category:
            answer["category"] = self.category
        if self.sub_category:
            answer["subCategory"] = self.sub_category
        answer.update(self.extra)
        return answer


def bad_request(message: str, **more: Any) -> Refusal:
    """A 400 `VALIDATION_ERROR`; `more` are further arguments of Refusal."""
    return Refusal(400, message, category="VALIDATION_ERROR", **more)


def not_found(message: str = "resource not found") -> Refusal:
    """A 404 `OBJECT_NOT_FOUND`."""
    return Refusal(404, message, category="OBJECT_NOT_FOUND")


@dataclass(slots=True)
class Answer:
    """A status with a JSON payload (None: no body), or ready bytes of another media type."""

    status: int = 200
    payload: Any = None
    raw: bytes | None = None
    media_type: str = "application/json;charset=utf-8"


@dataclass(slots=True)
class Request:
    """One call. `dated` says that it came on a date-versioned path (`/crm/objects/2026-03/…`)."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    dated: bool = False
    now_ms: int = 0
    _query: dict[str, list[str]] | None = field(default=None)

    @property
    def query(self) -> dict[str, list[str]]:
        """The parameters of the address, each with all its values."""
        if self._query is None:
            self._query = parse_qs(self.query_string, keep_blank_values=True)
        return self._query

    def first(self, name: str, default: str = "") -> str:
        """A parameter's first value."""
        return self.query.get(name, [default])[0]

    def names(self, name: str) -> list[str]:
        """A list parameter: comma-separated, repeated, or both, as the official clients send it."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """Whether a parameter says `true`."""
        return self.first(name).lower() == "true"

    def whole(self, name: str, default: int) -> int:
        """A parameter as a whole number. Raises Refusal 400 where it is none."""
        text = self.first(name) or str(default)
        if not text.lstrip("-").isdigit():
            raise bad_request(f"Invalid input JSON: {name} must be an integer but was {text}")
        return int(text)

    def json(self) -> dict[str, Any]:
        """The body, which must be a JSON object."""
        value = self._parsed()
        if not isinstance(value, dict):
            raise bad_request("Invalid input JSON on line 1, column 1: Cannot deserialize value")
        return value

    def json_list(self) -> list[Any]:
        """The body of the few calls that take a bare JSON list."""
        value = self._parsed()
        if not isinstance(value, list):
            raise bad_request("Invalid input JSON on line 1, column 1: Cannot deserialize value")
        return value

    def _parsed(self) -> Any:
        if self.body and "json" not in self.headers.get("content-type", "application/json"):
            raise Refusal(415, "Unsupported Media Type", category="VALIDATION_ERROR")
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"Invalid input JSON on line 1, column 1: {error}") from error


def correlation() -> str:
    """An id for one answer, as `x-hubspot-correlation-id` carries it."""
    return str(uuid.uuid4())


def iso(moment_ms: int) -> str:
    """HubSpot's instants: UTC with Z, milliseconds only when they are not zero (recorded answers in amp-labs/connectors)."""
    day, rest = divmod(moment_ms, 86_400_000)
    seconds, thousandths = divmod(rest, 1000)
    clock = f"{_day_text(day)}T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{clock}.{thousandths:03}Z" if thousandths else f"{clock}Z"


_CYCLE_DAYS, _CYCLE_YEARS = 146_097, 400  # after which the Gregorian calendar repeats


@lru_cache(maxsize=20_000)
def _day_text(day: int) -> str:
    """Years beyond 9999 with a plus and all their digits, as Java prints them: people type close dates like 20245."""
    cycles = max(0, (day - _LAST_DAY + _CYCLE_DAYS - 1) // _CYCLE_DAYS)
    there = date(1970, 1, 1) + timedelta(days=day - cycles * _CYCLE_DAYS)
    year = there.year + cycles * _CYCLE_YEARS
    return there.isoformat() if not cycles else f"+{year}{there.isoformat()[4:]}"


_LAST_DAY = (date.max - date(1970, 1, 1)).days
_FAR = re.compile(r"\+(\d{5,6})(-.*)")


def millis(text: str) -> int:
    """Milliseconds since 1970 of a stored instant or date, or of digits. ValueError for anything else."""
    if text.lstrip("-").isdigit():
        return int(text)
    far = _FAR.fullmatch(text)
    if far:
        cycles = (int(far[1]) - 9999 + _CYCLE_YEARS - 1) // _CYCLE_YEARS
        return millis(f"{int(far[1]) - cycles * _CYCLE_YEARS}{far[2]}") + cycles * _CYCLE_DAYS * 86_400_000
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def batch_answer(results: list[Any], errors: Sequence[Mapping[str, Any]], now_ms: int, *, status: int = 200) -> Answer:
    """A batch answer: 207 as soon as one input failed, else `status` (200, or 201 for creations)."""
    payload: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": iso(now_ms),
        "completedAt": iso(now_ms + 1),
    }
    if errors:
        payload["numErrors"] = len(errors)
        payload["errors"] = list(errors)
    return Answer(207 if errors else status, payload)


def plain(number: Decimal) -> str:
    """A number as text without an exponent or idle zeros, at most 10 decimals."""
    exponent = number.as_tuple().exponent
    if exponent == 0:
        return str(number)
    text = f"{number:.10f}" if not isinstance(exponent, int) or not -10 <= exponent < 0 else f"{number:f}"
    return text.rstrip("0").rstrip(".")
