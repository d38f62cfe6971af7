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
        error: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return [{**error, "fields": self.fields}] if self.fields else [error]

    def as_record(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": self.fields}


def no_such_column(field: str, sobject: str) -> ApiProblem:
    return ApiProblem(
        "INVALID_FIELD",
        f"No such column '{field}' on entity '{sobject}'. If you are attempting to use a custom field, be sure to append the '__c' "
        "after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def no_such_type(name: str) -> ApiProblem:
    return ApiProblem(
        "INVALID_TYPE",
        f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the "
        "entity name. Please reference your WSDL or the describe call for the appropriate names.",
    )


def malformed(message: str) -> ApiProblem:
    return ApiProblem("MALFORMED_QUERY", message)
