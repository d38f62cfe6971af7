"""The properties that a portal has from the start: HubSpot's own, and the custom ones of the sample company.

One line a property: `name|label|type|fieldType|marks`, marks: `c` calculated (read-only), `r` read-only, `u` unique,
`x` options live elsewhere, `k` custom (made by the portal's people). Names and pairs follow HubSpot's default properties
(knowledge.hubspot.com). Not all of them: those that a sync of accounts and deals meets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .plain_objects import PLAIN_OBJECTS
from .wire import iso

LONG_AGO_MS = 1_577_836_800_000  # 2020-01-01: when the portal, and its default properties, came to be

INDUSTRIES = (
    "ACCOUNTING", "AIRLINES_AVIATION", "AUTOMOTIVE", "BANKING", "BIOTECHNOLOGY", "CHEMICALS", "COMPUTER_SOFTWARE",
    "CONSTRUCTION", "CONSUMER_ELECTRONICS", "CONSUMER_GOODS", "EDUCATION_MANAGEMENT", "ENTERTAINMENT", "FARMING",
    "FINANCIAL_SERVICES", "FOOD_BEVERAGES", "FOOD_PRODUCTION", "GOVERNMENT_ADMINISTRATION", "HIGHER_EDUCATION",
    "HOSPITAL_HEALTH_CARE", "HOSPITALITY", "INFORMATION_TECHNOLOGY_AND_SERVICES", "INSURANCE", "INTERNET",
    "LOGISTICS_AND_SUPPLY_CHAIN", "MACHINERY", "MANAGEMENT_CONSULTING", "MARKETING_AND_ADVERTISING",
    "MECHANICAL_OR_INDUSTRIAL_ENGINEERING", "MEDIA_PRODUCTION", "MINING_METALS", "OIL_ENERGY", "PHARMACEUTICALS",
    "REAL_ESTATE", "RENEWABLES_ENVIRONMENT", "RETAIL", "TELECOMMUNICATIONS", "TEXTILES", "TRANSPORTATION_TRUCKING_RAILROAD",
    "UTILITIES", "WHOLESALE",
)  # fmt: skip
LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
COMPANY_TYPES = ("PROSPECT", "PARTNER", "RESELLER", "VENDOR", "OTHER", "CUSTOMER")

_COMMON = """
hs_object_id|Record ID|number|number|r
hs_merged_object_ids|Merged record IDs|enumeration|checkbox|rx
hs_lastmodifieddate|Last Modified Date|datetime|date|r
hubspot_owner_id|Owner|enumeration|select|x
"""
_LINES = {
    "companies": """
createdate|Create Date|datetime|date|r
name|Company name|string|text
domain|Company Domain Name|string|text
website|Website URL|string|text
phone|Phone Number|string|phonenumber
description|Description|string|textarea
industry|Industry|enumeration|select
type|Type|enumeration|radio
country|Country/Region|string|text
state|State/Region|string|text
city|City|string|text
zip|Postal Code|string|text
address|Street Address|string|text
numberofemployees|Number of Employees|number|number
annualrevenue|Annual Revenue|number|number
lifecyclestage|Lifecycle Stage|enumeration|radio
hs_parent_company_id|Parent Company|number|number|c
hs_num_child_companies|Number of child companies|number|number|c
num_associated_deals|Number of Associated Deals|number|number|c
num_associated_contacts|Number of Associated Contacts|number|number|c
notes_last_contacted|Last Contacted|datetime|date|r
hs_last_sales_activity_timestamp|Last Engagement Date|datetime|date|r
hs_pinned_engagement_id|Pinned Engagement ID|number|number
hs_is_target_account|Target Account|bool|booleancheckbox
hs_ideal_customer_profile|Ideal Customer Profile Tier|enumeration|select
hs_target_account_probability|Target Account Probability|number|number|c
nps|Net Promoter Score|number|number|k
authority_evidence_date|Reference confirmed on|date|date|k
strategic_market|Strategic market|bool|booleancheckbox|k
next_renewal_date|Next renewal date|date|date|k
company_currency|Currency of the annual revenue|string|text|k
""",
    "contacts": """
createdate|Create Date|datetime|date|r
lastmodifieddate|Last Modified Date|datetime|date|r
email|Email|string|text|u
firstname|First Name|string|text
lastname|Last Name|string|text
jobtitle|Job Title|string|text
phone|Phone Number|string|phonenumber
company|Company Name|string|text
lifecyclestage|Lifecycle Stage|enumeration|radio
hs_buying_role|Buying Role|enumeration|checkbox
notes_last_updated|Last Activity Date|datetime|date|r
hs_employment_change_detected_date|Employment change detected date|datetime|date|r
associatedcompanyid|Primary Associated Company ID|number|number|r
""",
    "deals": """
createdate|Create Date|datetime|date
dealname|Deal Name|string|text
amount|Amount|number|number
deal_currency_code|Currency|enumeration|select
amount_in_home_currency|Amount in company currency|number|number|c
hs_exchange_rate|Exchange rate|number|number|c
closedate|Close Date|datetime|date
dealstage|Deal Stage|enumeration|radio|x
pipeline|Pipeline|enumeration|select|x
dealtype|Deal Type|enumeration|radio
description|Deal Description|string|textarea
hs_is_closed|Is Deal Closed?|bool|booleancheckbox|c
hs_is_closed_won|Is Closed Won|bool|booleancheckbox|c
hs_is_closed_lost|Is Closed Lost|bool|booleancheckbox|c
hs_deal_stage_probability|Deal probability|number|number|c
num_associated_contacts|Number of Associated Contacts|number|number|c
contract_start|Contract starts on|date|date|k
contract_months|Contract term in months|number|number|k
""",
    "products": """
createdate|Create Date|datetime|date|r
name|Name|string|text
description|Product description|string|textarea
price|Unit price|number|number
hs_sku|SKU|string|text
product_family|Product family|string|text|k
""",
    "tasks": """
hs_createdate|Create date|datetime|date|r
hs_timestamp|Due date|datetime|date
hs_task_subject|Task Title|string|text
hs_task_body|Task Notes|string|html
hs_task_status|Task Status|enumeration|select
hs_task_priority|Priority|enumeration|select
hs_task_type|Task Type|enumeration|select
hs_task_reminders|Reminders|string|text
hs_queue_membership_ids|Queue|enumeration|checkbox|x
hs_task_is_completed|Is completed|number|number|c
hs_task_completion_date|Completed at|datetime|date|c
""",
    "notes": """
hs_createdate|Create date|datetime|date|r
hs_timestamp|Activity date|datetime|date
hs_note_body|Note body|string|html
""",
    "meetings": """
hs_createdate|Create date|datetime|date|r
hs_timestamp|Activity date|datetime|date
hs_meeting_title|Meeting name|string|text
hs_meeting_body|Meeting description|string|html
hs_meeting_start_time|Meeting start time|datetime|date
hs_meeting_end_time|Meeting end time|datetime|date
hs_meeting_outcome|Meeting outcome|enumeration|select
""",
    "calls": """
hs_createdate|Create date|datetime|date|r
hs_timestamp|Activity date|datetime|date
hs_call_title|Call Title|string|text
hs_call_body|Call notes|string|html
hs_call_duration|Call duration|number|number
hs_call_status|Call status|enumeration|select
hs_call_direction|Call direction|enumeration|select
""",
    "emails": """
hs_createdate|Create date|datetime|date|r
hs_timestamp|Activity date|datetime|date
hs_email_subject|Email subject|string|text
hs_email_text|Email body|string|textarea
hs_email_direction|Email direction|enumeration|select
hs_email_status|Email send status|enumeration|select
""",
    **{one.kind.plural: one.properties for one in PLAIN_OBJECTS},
}
_OPTIONS = {
    "industry": INDUSTRIES,
    "lifecyclestage": LIFECYCLE,
    "hs_ideal_customer_profile": ("tier_1", "tier_2", "tier_3"),
    "hs_buying_role": ("BLOCKER", "BUDGET_HOLDER", "CHAMPION", "DECISION_MAKER", "END_USER", "EXECUTIVE_SPONSOR", "INFLUENCER", "LEGAL_AND_COMPLIANCE", "OTHER"),  # noqa: E501 - a table
    "dealtype": ("newbusiness", "existingbusiness"),
    "hs_task_status": ("NOT_STARTED", "IN_PROGRESS", "WAITING", "COMPLETED", "DEFERRED"),
    "hs_task_priority": ("NONE", "LOW", "MEDIUM", "HIGH"),
    "hs_task_type": ("TODO", "CALL", "EMAIL", "LINKED_IN", "MEETING"),
    "hs_meeting_outcome": ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
    "hs_call_status": ("COMPLETED", "BUSY", "CANCELED", "FAILED", "NO_ANSWER", "QUEUED", "RINGING", "IN_PROGRESS", "MISSED"),
    "hs_call_direction": ("INBOUND", "OUTBOUND"),
    "hs_email_direction": ("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"),
    "hs_email_status": ("SENT", "SENDING", "SCHEDULED", "FAILED", "BOUNCED"),
}  # fmt: skip


@dataclass(slots=True)
class PropertyDefinition:
    """A property as the API shows it. `externally`: its values live elsewhere (owners, pipelines), `options` stays empty."""

    name: str
    label: str
    type: str
    field_type: str
    group: str
    description: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    unique: bool = False
    read_only: bool = False
    calculated: bool = False
    externally: bool = False
    custom: bool = False
    display_order: int = -1
    hidden: bool = False
    form_field: bool = False
    created_ms: int = LONG_AGO_MS
    updated_ms: int = LONG_AGO_MS
    archived_ms: int = 0
    values: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.values = frozenset(option["value"] for option in self.options)

    def shown(self) -> dict[str, Any]:
        """As `/crm/v3/properties` shows it (HubSpot's OpenAPI document of Properties)."""
        answer: dict[str, Any] = {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": self.options,
            "displayOrder": self.display_order,
            "calculated": self.calculated,
            "externalOptions": self.externally,
            "hasUniqueValue": self.unique,
            "hidden": self.hidden,
            "hubspotDefined": not self.custom,
            "modificationMetadata": {
                "archivable": self.custom,
                "readOnlyDefinition": not self.custom,
                "readOnlyValue": self.read_only or self.calculated,
            },
            "formField": self.form_field,
            "dataSensitivity": "non_sensitive",
            "createdAt": iso(self.created_ms),
            "updatedAt": iso(self.updated_ms),
            "archived": bool(self.archived_ms),
        }
        if self.externally and self.name == "hubspot_owner_id":
            answer["referencedObjectType"] = "OWNER"
        if self.archived_ms:
            answer["archivedAt"] = iso(self.archived_ms)
        return answer


def option(value: str, label: str, order: int) -> dict[str, Any]:
    """One choice of an enumeration as a definition holds it; `order` counts from 0."""
    return {"label": label, "value": value, "displayOrder": order, "hidden": False, "description": ""}


def bool_options() -> list[dict[str, Any]]:
    """The two choices that every boolean property has."""
    return [option("true", "Yes", 0), option("false", "No", 1)]


def default_definitions(plural: str, singular: str, currencies: Mapping[str, str]) -> Iterator[PropertyDefinition]:
    """The definitions of one object type; `currencies`: code to label, for the currency enumerations."""
    for line in filter(None, (_COMMON + _LINES[plural]).splitlines()):
        name, label, kind, field_type, *marks = line.split("|")
        mark = marks[0] if marks else ""
        values = COMPANY_TYPES if (plural, name) == ("companies", "type") else _OPTIONS.get(name, ())
        options = [option(value, value.replace("_", " ").capitalize(), order) for order, value in enumerate(values)]
        if name.endswith("_currency_code"):
            options = [option(code, text, order) for order, (code, text) in enumerate(currencies.items())]
        if kind == "bool":
            options = bool_options()
        yield PropertyDefinition(
            name, label, kind, field_type, f"{singular.replace('_', '')}information", options=options, unique="u" in mark,
            read_only="r" in mark, calculated="c" in mark, externally="x" in mark, custom="k" in mark,
        )  # fmt: skip
