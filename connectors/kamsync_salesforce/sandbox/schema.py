"""The objects of the sandbox org and their fields, as describe shows them. Data; the org adds custom fields at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

CLOSED_STAGES = {"Closed Won": (True, True, 100), "Closed Lost": (False, True, 0)}
STAGES = {
    "Prospecting": (False, False, 10),
    "Qualification": (False, False, 30),
    "Proposal/Price Quote": (False, False, 60),
    "Negotiation/Review": (False, False, 90),
    **CLOSED_STAGES,
}


@dataclass(frozen=True)
class Field:
    """One field. `type` is describe's word; `reference` the object that it points at; `relationship` the path to it."""

    name: str
    type: str = "string"
    length: int = 255
    reference: str = ""
    relationship: str = ""
    writable: bool = True
    required: bool = False
    choices: tuple[str, ...] = ()
    restricted: bool = False
    external_id: bool = False
    unique: bool = False
    custom: bool = False
    label: str = ""
    updateable: bool = True  # False: set when the record is created and never again
    choice_labels: tuple[str, ...] = ()

    @property
    def sql_type(self) -> str:
        """The column's type in the store, by the field's type."""
        if self.type in ("double", "currency", "percent"):
            return "REAL"
        return "INTEGER" if self.type in ("int", "boolean") else "TEXT"


@dataclass
class SObject:
    """An object: its key prefix, its fields, and what a client may do with its records."""

    name: str
    prefix: str
    fields: dict[str, Field]  # by lower-case name
    writable: bool = True
    bulk: bool = True
    children: dict[str, tuple[str, str]] = dataclass_field(default_factory=dict)  # relationship → (object, its field)
    has_bin: bool = True  # False: what is deleted is gone for good
    is_granted: bool = False  # nobody but administrators sees it until a permission set says so

    @property
    def custom(self) -> bool:
        """Made in this org, so that only who was granted it sees it."""
        return self.name.endswith("__c")

    def field(self, name: str) -> Field | None:
        """A field by its name in whatever case; None where there is none."""
        return self.fields.get(name.lower())

    def by_relationship(self, name: str) -> Field | None:
        """The lookup that a relationship in a query follows (`Account` is AccountId); None where there is none."""
        return next((f for f in self.fields.values() if f.relationship.lower() == name.lower()), None)


# The standard choices of both objects, and one that many orgs add (Object Reference, "AccountContactRelation").
CONTACT_ROLES = (
    "Business User", "Champion", "Decision Maker", "Economic Buyer", "Economic Decision Maker", "Evaluator", "Executive Sponsor",
    "Influencer", "Technical Buyer", "Other",
)  # fmt: skip


def object_of(name: str, prefix: str, *fields: Field, writable: bool = True, bulk: bool = True) -> SObject:
    """An object with those fields and the ones that each object has."""
    system = (
        Field("Id", "id", 18, writable=False),
        Field("IsDeleted", "boolean", writable=False),
        Field("CreatedDate", "datetime", writable=False),
        Field("CreatedById", "reference", 18, "User", "CreatedBy", writable=False),
        Field("LastModifiedDate", "datetime", writable=False),
        Field("LastModifiedById", "reference", 18, "User", "LastModifiedBy", writable=False),
        Field("SystemModstamp", "datetime", writable=False),
    )
    every = {f.name.lower(): f for f in (*system, *fields)}
    return SObject(name, prefix, every, writable=writable, bulk=bulk)


def custom_object(name: str, label: str, fields: Sequence[Field]) -> SObject:
    """An object of the org's own, whose records are named by a number."""
    return object_of(name, "a00", Field("Name", writable=False, label=label), _owner(), *fields, bulk=False)


def _owner() -> Field:
    return Field("OwnerId", "reference", 18, "User", "Owner")


def _account(name: str = "AccountId", *, writable: bool = True) -> Field:
    return Field(name, "reference", 18, "Account", "Account", writable=writable)


CURRENCY = Field("CurrencyIsoCode", "picklist", 3)
_NAME = Field("Name", required=True)
_WHAT = Field("WhatId", "reference", 18, "Account", "What")
_WHO = Field("WhoId", "reference", 18, "Contact", "Who")
_ACTIVITY = (
    Field("Subject"),
    Field("Description", "textarea", 32_000),
    _WHAT,
    _WHO,
    _account(writable=False),
    _owner(),
    Field("ActivityDate", "date"),
    Field("IsArchived", "boolean", writable=False),
)


def _account_plans() -> list[SObject]:
    """Sales Account Plans: Object Reference, "AccountPlan", "AccountPlanObjective", "AccountPlanObjectiveMeasure". Master ids are
    set when a record is made and never again; a measure's target and current value are strings."""
    texts = (
        "AccountVision", "AccountStrategicPriorities", "AccountChallenges", "AccountCompetitors", "AccountCompetitiveStrengths",
        "AccountCmptvWeaknesses", "AccountIndustryTrends", "AccountPrfmIndicators", "RelationshipStrengths",
        "RelationshipWeaknesses", "RelationshipOpportunities", "RelationshipThreats", "Notes",
    )  # fmt: skip
    dates = (Field("StartDate", "date"), Field("EndDate", "date"))
    every = [
        object_of("AccountPlan", "0YA", _NAME, _account(), Field("Status", "picklist", choices=("Not Started", "Active", "Inactive")),
                *dates, _owner(), *(Field(name, "textarea", 32_000) for name in texts), bulk=False),
        object_of("AccountPlanObjective", "0YB", Field("AccountPlanId", "reference", 18, "AccountPlan", "AccountPlan", required=True,
                updateable=False), _NAME, Field("Status", "picklist", choices=("New", "In Progress", "Closed"), restricted=True),
                Field("ObjectiveOwnerId", "reference", 18, "User", "ObjectiveOwner"), *dates, Field("Description", "textarea",
                32_000), bulk=False),
        object_of("AccountPlanObjectiveMeasure", "0YC", Field("AccountPlanObjectiveId", "reference", 18, "AccountPlanObjective",
                "AccountPlanObjective", required=True, updateable=False), _NAME, Field("ValueType", "picklist",
                choices=("Currency", "Number", "Percent"), restricted=True), Field("TargetValue"), Field("CurrentValue"),
                bulk=False),
    ]  # fmt: skip
    return [replace(one, has_bin=False, is_granted=True) for one in every]


def objects(
    *, multi_currency: bool, person_accounts: bool, products: bool, related_contacts: bool, account_plans: bool = False
) -> dict[str, SObject]:
    """The org's objects by lower-case name."""
    money = (CURRENCY,) if multi_currency else ()
    person = (
        (Field("IsPersonAccount", "boolean", writable=False), Field("PersonContactId", "reference", 18))
        if person_accounts
        else ()
    )
    every = [
        object_of(
            "Organization",
            "00D",
            Field("Name", writable=False),
            Field("IsSandbox", "boolean", writable=False),
            Field("DefaultLocaleSidKey", writable=False),
            Field("TimeZoneSidKey", writable=False),
            Field("OrganizationType", writable=False),
            Field("InstanceName", writable=False),
            Field("NamespacePrefix", length=15, writable=False),
            Field("TrialExpirationDate", "datetime", writable=False),
            Field("LanguageLocaleKey", writable=False),
            *((Field("DefaultCurrencyIsoCode", "picklist", 3, writable=False),) if multi_currency else ()),
            writable=False,
            bulk=False,
        ),
        object_of(
            "User",
            "005",
            Field("Username", required=True),
            Field("FirstName", length=40),
            Field("LastName", length=80, required=True),
            Field("Name", writable=False),
            Field("Email", "email", required=True),
            Field("IsActive", "boolean"),
            Field("ManagerId", "reference", 18, "User", "Manager"),
            Field("UserType", "picklist", writable=False),
            Field("Alias", length=8),
        ),
        object_of(
            "Account",
            "001",
            _NAME,
            _owner(),
            Field("ParentId", "reference", 18, "Account", "Parent"),
            Field("MasterRecordId", "reference", 18, "Account", "MasterRecord", writable=False),
            Field("Type", "picklist", choices=("Customer", "Prospect", "Partner")),
            Field("Industry", "picklist"),
            Field("BillingCity", length=40),
            Field("BillingCountry", length=80),
            Field("NumberOfEmployees", "int"),
            Field("AnnualRevenue", "currency"),
            Field("Website", "url"),
            Field("Phone", "phone", 40),
            Field("AccountNumber", length=40),
            Field("Description", "textarea", 32_000),
            Field("LastActivityDate", "date", writable=False),
            *money,
            *person,
        ),
        object_of(
            "Contact",
            "003",
            _account(),
            Field("FirstName", length=40),
            Field("LastName", length=80, required=True),
            Field("Name", writable=False),
            Field("Email", "email"),
            Field("Title", length=128),
            Field("LastActivityDate", "date", writable=False),
            _owner(),
        ),
        object_of(
            "OpportunityContactRole",
            "00K",
            Field("OpportunityId", "reference", 18, "Opportunity", "Opportunity", required=True, updateable=False),
            Field("ContactId", "reference", 18, "Contact", "Contact", required=True),
            Field("Role", "picklist", choices=CONTACT_ROLES),
            Field("IsPrimary", "boolean"),
        ),
        object_of(
            "Opportunity",
            "006",
            _NAME,
            _account(),
            Field("Amount", "currency"),
            Field("CloseDate", "date", required=True),
            Field("StageName", "picklist", required=True, choices=tuple(STAGES)),
            Field("Probability", "percent"),
            Field("Type", "picklist"),
            Field("IsClosed", "boolean", writable=False),
            Field("IsWon", "boolean", writable=False),
            Field("HasOpportunityLineItem", "boolean", writable=False),
            Field("Contract_Start__c", "date", custom=True, label="Contract start"),
            Field("Contract_Months__c", "double", custom=True, label="Contract months"),
            _owner(),
            *money,
        ),
        object_of(
            "OpportunityStage",
            "01J",
            Field("MasterLabel"),
            Field("ApiName"),
            Field("IsActive", "boolean"),
            Field("IsClosed", "boolean"),
            Field("IsWon", "boolean"),
            Field("DefaultProbability", "percent"),
            Field("SortOrder", "int"),
            writable=False,
            bulk=False,
        ),
        object_of("Task", "00T", *_ACTIVITY,
            Field("Status", "picklist", required=True, choices=("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")),
            Field("Priority", "picklist", choices=("High", "Normal", "Low")),
            Field("IsClosed", "boolean", writable=False),
            Field("IsHighPriority", "boolean", writable=False),
            Field("CompletedDateTime", "datetime", writable=False),
            Field("TaskSubtype", "picklist", choices=("Task", "Email", "Call"), restricted=True, updateable=False),
            Field("Type", "picklist", choices=("Call", "Email", "Meeting", "Other")),
            Field("IsReminderSet", "boolean"),
        ),
        object_of("Event", "00U", *_ACTIVITY,
            Field("ActivityDateTime", "datetime"),
            Field("StartDateTime", "datetime"),
            Field("EndDateTime", "datetime"),
            Field("DurationInMinutes", "int"),
            Field("IsAllDayEvent", "boolean"),
            Field("EventSubtype", "picklist"),
        ),
        object_of("TaskStatus", "01Z", Field("MasterLabel"), Field("ApiName"), Field("IsClosed", "boolean"), Field("IsDefault", "boolean"),
                Field("SortOrder", "int"), writable=False, bulk=False),
        object_of("PermissionSet", "0PS", Field("Name", required=True, unique=True), Field("Label", required=True), Field("Description"),
                Field("IsOwnedByProfile", "boolean", writable=False), Field("PermissionsViewAllData", "boolean")),
        object_of("FieldPermissions", "01k", Field("ParentId", "reference", 18, "PermissionSet", "Parent", required=True),
                Field("SobjectType", required=True), Field("Field", required=True), Field("PermissionsRead", "boolean"),
                Field("PermissionsEdit", "boolean")),
        object_of("ObjectPermissions", "110", Field("ParentId", "reference", 18, "PermissionSet", "Parent", required=True),
                Field("SobjectType", required=True), Field("PermissionsRead", "boolean"), Field("PermissionsEdit", "boolean"),
                Field("PermissionsCreate", "boolean"), Field("PermissionsDelete", "boolean"), Field("PermissionsViewAllRecords", "boolean"),
                Field("PermissionsModifyAllRecords", "boolean")),
        object_of("PermissionSetAssignment", "0Pa", Field("AssigneeId", "reference", 18, "User", "Assignee", required=True),
                Field("PermissionSetId", "reference", 18, "PermissionSet", "PermissionSet", required=True)),
        # A note and its document are one record under two names: Object Reference, "ContentNote" (built on ContentVersion).
        object_of("ContentDocument", "069", Field("Title", writable=False), Field("FileType", writable=False), writable=False,
                bulk=False),
        object_of("ContentNote", "069", Field("Title", required=True), Field("Content", "base64", 50_000_000),
                Field("TextPreview", writable=False), Field("FileType", writable=False), Field("OwnerId", "reference", 18, "User",
                "Owner", writable=False), bulk=False),
        object_of("ContentDocumentLink", "06A", Field("ContentDocumentId", "reference", 18, "ContentDocument", "ContentDocument",
                required=True, updateable=False), Field("LinkedEntityId", "reference", 18, "Account", "LinkedEntity", required=True,
                updateable=False), Field("ShareType", "picklist", required=True, choices=("V", "C", "I"), restricted=True),
                Field("Visibility", "picklist", choices=("AllUsers", "InternalUsers", "SharedUsers"), restricted=True), bulk=False),
        object_of("ListView", "00B", Field("Name"), Field("DeveloperName"), Field("SobjectType"), writable=False, bulk=False),
        object_of("RecordType", "012", Field("Name"), Field("DeveloperName"), Field("SobjectType"), Field("IsActive", "boolean"),
                writable=False, bulk=False),
    ]  # fmt: skip
    if account_plans:
        every += _account_plans()
    if products:
        product = (Field("Name", required=True), Field("Family", "picklist"), Field("IsActive", "boolean"))
        every.append(object_of("Product2", "01t", *product))
    if related_contacts:
        every.append(
            object_of(
                "AccountContactRelation",
                "07k",
                Field("AccountId", "reference", 18, "Account", "Account", required=True, updateable=False),
                Field("ContactId", "reference", 18, "Contact", "Contact", required=True, updateable=False),
                Field("Roles", "multipicklist", choices=CONTACT_ROLES),
                Field("IsDirect", "boolean", writable=False),
                Field("IsActive", "boolean"),
                Field("StartDate", "date"),
                Field("EndDate", "date"),
            )
        )
    if multi_currency:
        every += [
            object_of("CurrencyType", "01L", Field("IsoCode"), Field("ConversionRate", "double"), Field("IsActive", "boolean"),
                    Field("IsCorporate", "boolean"), Field("DecimalPlaces", "int"), bulk=False),
            object_of("DatedConversionRate", "04w", Field("IsoCode"), Field("StartDate", "date"), Field("NextStartDate", "date"),
                    Field("ConversionRate", "double"), bulk=False),
        ]  # fmt: skip
    found = {one.name.lower(): one for one in every}
    activities = {"Tasks": ("Task", "WhatId"), "Events": ("Event", "WhatId")}
    found["account"].children = {
        "Opportunities": ("Opportunity", "AccountId"),
        "Contacts": ("Contact", "AccountId"),
        **activities,
    }
    found["opportunity"].children = {"OpportunityContactRoles": ("OpportunityContactRole", "OpportunityId"), **activities}
    return found


SAMPLE_FIELDS = (
    Field("NPS__c", "double", custom=True, label="NPS"),
    Field("Authority_Evidence_Date__c", "date", custom=True, label="Authority evidence"),
    Field("Strategic_Market__c", "boolean", custom=True, label="Strategic market"),
    Field("Next_Renewal_Date__c", "date", custom=True, label="Next renewal"),
)


def renamed(field: Field, **changes: object) -> Field:
    """The field with some of its attributes changed. Raises TypeError for one that Field has not."""
    return replace(field, **changes)  # type: ignore[arg-type]  # names of Field, checked by dataclasses
