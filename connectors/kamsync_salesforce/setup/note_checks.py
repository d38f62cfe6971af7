"""Doctor's check of notes, where the configuration keeps account plans as notes."""

from __future__ import annotations

from kamsync.contract import Finding
from kamsync_salesforce.api.errors import REFUSALS
from kamsync_salesforce.api.fields import Fields

_MEND = "Setup → Notes Settings → Enable Notes; or set note = false under [plans]."


def note_finding(fields: Fields) -> Finding:
    """Whether our user can make notes and hang them on accounts: there is no permission of their own but the org's switch."""
    for sobject in ("ContentNote", "ContentDocumentLink"):
        try:
            described = fields.object(sobject)
        except REFUSALS as error:
            return Finding("notes", "failed", f"Account plans cannot be kept as notes: {error.message}", _MEND)
        if not described.get("createable", True):
            return Finding("notes", "failed", f"Our user may not create {sobject} records.", _MEND)
    return Finding("notes", "ok", "Account plans can be kept as notes.")
