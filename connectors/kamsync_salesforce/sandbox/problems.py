"""Salesforce's errors as values: code, words, HTTP status."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class ApiProblem(Exception):
    """What a REST call answers instead: a list with one object (REST API Developer Guide, "Status Codes and Error Responses")."""

    def __init__(self, code: str, message: str, status: int = 400, fields: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.fields = code, message, status, list(fields)

    def as_rest(self) -> list[dict[str, Any]]:
        """The JSON list of a REST answer: `[{message, errorCode, fields?}]`."""
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return [{**error, "fields": self.fields}] if self.fields else [error]

    def as_record(self) -> dict[str, Any]:
        """One entry of a collection's `errors`: `{statusCode, message, fields}`."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


def no_such_column(field: str, sobject: str) -> ApiProblem:
    """A field that is not there, or that our user has no field-level security on: the service tells them apart to nobody."""
    return ApiProblem(
        "INVALID_FIELD",
        f"No such column '{field}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to append the '__c' "
        "after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def no_such_type(name: str) -> ApiProblem:
    """An object that is not there, or that our user may not see."""
    return ApiProblem(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the "
        "entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def malformed(message: str) -> ApiProblem:
    """A text that is no query."""
    return ApiProblem("MALFORMED_QUERY", message)
