"""The sample company's words as HubSpot says them: ids, enumerations, moments, and the properties of an activity."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from kamsync.sandbox.company_records import Activity, ContactRole

from .wire import iso

OWNER_BASE = 70_000_000
USER_BASE = 41_000_000
COMPANY_TYPES = {"Customer": "CUSTOMER", "Prospect": "PROSPECT", "Partner": "PARTNER"}
BUYING_ROLES: Mapping[ContactRole, str] = {
    "sponsor": "EXECUTIVE_SPONSOR",
    "decision_maker": "DECISION_MAKER",
    "champion": "CHAMPION",
    "influencer": "INFLUENCER",
    "user": "END_USER",
}
DEAL_TYPES = {"new": "newbusiness", "expansion": "existingbusiness", "renewal": "renewal"}
# HubSpot's industries for names that differ; others are upper-cased, and added to the portal's list where it lacks them.
INDUSTRIES = {
    "Manufacturing": "MECHANICAL_OR_INDUSTRIAL_ENGINEERING",
    "Technology": "INFORMATION_TECHNOLOGY_AND_SERVICES",
    "Software": "COMPUTER_SOFTWARE",
    "Healthcare": "HOSPITAL_HEALTH_CARE",
    "Energy": "OIL_ENERGY",
    "Logistics": "LOGISTICS_AND_SUPPLY_CHAIN",
    "Transportation": "TRANSPORTATION_TRUCKING_RAILROAD",
    "Education": "EDUCATION_MANAGEMENT",
    "Agriculture": "FARMING",
    "Food": "FOOD_PRODUCTION",
    "Food & Beverage": "FOOD_BEVERAGES",
    "Media": "MEDIA_PRODUCTION",
    "Government": "GOVERNMENT_ADMINISTRATION",
    "Mining": "MINING_METALS",
    "Consulting": "MANAGEMENT_CONSULTING",
    "Aerospace": "AIRLINES_AVIATION",
    "Finance": "FINANCIAL_SERVICES",
}


def owner_id(key: int) -> str:
    """HubSpot's id of the sample company's owner with that key."""
    return str(OWNER_BASE + key * 3)


def moment_ms(moment: datetime) -> int:
    """A moment in UTC as epoch milliseconds."""
    return calendar.timegm(moment.timetuple()) * 1000 + moment.microsecond // 1000


def day_ms(day: date) -> int:
    """Midnight UTC of the day as epoch milliseconds, as HubSpot keeps dates."""
    return calendar.timegm(day.timetuple()) * 1000


def activity_values(activity: Activity, start_ms: int) -> Iterable[tuple[str, str | None]]:
    """Properties and values of an activity that began at `start_ms`, by its kind (developers.hubspot.com "Engagements")."""
    start, minutes_ms = iso(start_ms), activity.minutes * 60_000
    if activity.kind == "task":
        done = activity.completed_at is not None
        due = day_ms(activity.due) if activity.due else start_ms
        return (
            ("hs_timestamp", iso(due)),
            ("hs_task_subject", activity.subject),
            ("hs_task_status", "COMPLETED" if done else "NOT_STARTED"),
            ("hs_task_priority", "NONE"),
            ("hs_task_type", "TODO"),
            ("hs_task_is_completed", "1" if done else "0"),
            ("hs_task_completion_date", iso(moment_ms(activity.completed_at)) if activity.completed_at else None),
        )
    if activity.kind == "meeting":
        return (
            ("hs_timestamp", start),
            ("hs_meeting_title", activity.subject),
            ("hs_meeting_start_time", start),
            ("hs_meeting_end_time", iso(start_ms + minutes_ms)),
            ("hs_meeting_outcome", "COMPLETED"),
        )
    if activity.kind == "call":
        return (
            ("hs_timestamp", start),
            ("hs_call_title", activity.subject),
            ("hs_call_duration", str(minutes_ms)),
            ("hs_call_status", "COMPLETED"),
            ("hs_call_direction", "INBOUND" if activity.incoming else "OUTBOUND"),
        )
    if activity.kind == "email":
        return (
            ("hs_timestamp", start),
            ("hs_email_subject", activity.subject),
            ("hs_email_direction", "INCOMING_EMAIL" if activity.incoming else "EMAIL"),
            ("hs_email_status", "SENT"),
        )
    return (("hs_timestamp", start), ("hs_note_body", activity.subject))
