"""What setup wants an org to have, as calls and as a source folder."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
import responses

from kamsync.config.mapping import load_mapping
from kamsync.contract import Context, SetupStep, TierChoice
from kamsync.flags import FLAGS
from kamsync_salesforce.setup.metadata import is_custom, texts, wanted
from kamsync_salesforce.setup.sfdx import write_source

DOMAIN = "https://acme.my.salesforce.com"
BASE = f"{DOMAIN}/services/data/v62.0"
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())
NAMESPACE = {"m": "http://soap.sforce.com/2006/04/metadata"}


def a_context(language: str = "en", *tiers: str) -> Context:
    choices = tuple(TierChoice(name, f"Tier {name}") for name in tiers or ("A", "B", "C"))
    return Context(mapping=MAPPING, timezone=ZoneInfo("UTC"), tiers=choices, language=language)


def test_every_flag_and_the_task_key_get_a_field() -> None:
    names = {spec.full_name for spec in wanted(a_context()).fields}

    assert names == {f"Account.{MAPPING.flags[name]}" for name, flag in FLAGS.items() if not flag.optional} | {
        "Activity.KAM_Task_Key__c"
    }


def test_the_override_offers_every_tier_and_none() -> None:
    override = next(spec for spec in wanted(a_context()).fields if spec.name == "KAM_Tier_Override__c")

    assert [choice.name for choice in override.choices] == ["A", "B", "C", "none"]


def test_key_account_managers_may_edit_the_override_and_nothing_else() -> None:
    people, agent = wanted(a_context()).permission_sets

    assert {grant.field for grant in people.grants if grant.edit} == {"KAM_Tier_Override__c", "KAM_Override_Until__c"}
    assert all(grant.edit for grant in agent.grants)
    assert {grant.sobject for grant in agent.grants if grant.field == "KAM_Task_Key__c"} == {"Task", "Event"}


@pytest.mark.parametrize("language", ["en", "pt_BR", "es"])
def test_labels_are_short_enough_for_salesforce_in_every_language(language: str) -> None:
    found = wanted(a_context(language))

    assert all(len(spec.metadata["label"]) <= 40 for spec in found.fields)
    assert all(len(view.label) <= 40 for view in found.list_views)
    assert all(len(str(spec.metadata["inlineHelpText"])) <= 510 for spec in found.fields)
    assert set(texts(language)) == set(texts("en"))


def test_a_language_without_texts_of_its_own_reads_its_base_language_or_english() -> None:
    assert texts("pt_PT")["tier"] == texts("pt_BR")["tier"]
    assert texts("de")["tier"] == texts("en")["tier"]


def test_list_views_are_one_a_tier_and_what_changed_this_month() -> None:
    views = wanted(a_context("en", "Gold", "Größe 1")).list_views

    assert [view.label for view in views] == [
        "Key accounts – Gold",
        "Key accounts – Größe 1",
        "Key accounts – changed this month",
    ]
    assert all(view.name.replace("_", "").isalnum() and view.name.isascii() and "__" not in view.name for view in views)


@pytest.mark.parametrize(("name", "ours"), [("KAM_Tier__c", True), ("Rating", False), ("pkg__Tier__c", False), ("", False)])
def test_only_fields_of_the_orgs_own_are_created(name: str, ours: bool) -> None:
    assert is_custom(name) is ours


def test_the_source_folder_is_a_project_that_holds_all_of_it(tmp_path: Path) -> None:
    files = write_source(tmp_path, wanted(a_context()), "62.0")

    names = {path.relative_to(tmp_path).as_posix() for path in files}
    assert "force-app/main/default/objects/Account/fields/KAM_Tier__c.field-meta.xml" in names
    assert "force-app/main/default/objects/Activity/fields/KAM_Task_Key__c.field-meta.xml" in names
    assert "force-app/main/default/objects/KAM_Lease__c/KAM_Lease__c.object-meta.xml" in names
    assert "force-app/main/default/objects/KAM_Lease__c/fields/KAM_Key__c.field-meta.xml" in names
    agent = ET.parse(tmp_path / "force-app/main/default/permissionsets/Key_Account_Management_Agent.permissionset-meta.xml")
    assert [element.text for element in agent.getroot().findall(".//m:objectPermissions/m:object", NAMESPACE)] == ["KAM_Lease__c"]
    assert "force-app/main/default/permissionsets/Key_Account_Management.permissionset-meta.xml" in names
    assert json.loads((tmp_path / "sfdx-project.json").read_text())["packageDirectories"][0]["path"] == "force-app"
    for path in files:
        if path.suffix == ".xml":
            assert ET.parse(path).getroot().tag.startswith("{http://soap.sforce.com/2006/04/metadata}")
    tier = ET.parse(tmp_path / "force-app/main/default/objects/Account/fields/KAM_Tier__c.field-meta.xml").getroot()
    values = tier.findall(".//m:valueSetDefinition/m:value/m:fullName", NAMESPACE)
    assert [value.text for value in values] == ["A", "B", "C"]
    package = ET.parse(tmp_path / "manifest/package.xml").getroot()
    assert [element.text for element in package.findall("m:types/m:name", NAMESPACE)] == [
        "CustomField",
        "CustomObject",
        "ListView",
        "PermissionSet",
    ]


class BareOrg:
    """An org without anything of ours, which remembers what is created. `refuse_unique`: as some do on Activity."""

    def __init__(self, org: Any, *, refuse_unique: bool = False) -> None:
        self.fields: dict[str, dict[str, Any]] = {}
        self.grants: list[dict[str, Any]] = []
        self.sets: list[str] = []
        self.assignments = 0
        self.views: list[str] = []
        self.objects: list[str] = []
        self.refuse_unique = refuse_unique
        self.org = org
        org.mock.add_callback(responses.GET, f"{BASE}/tooling/query", callback=self._find_fields)
        org.mock.add_callback(responses.POST, f"{BASE}/tooling/sobjects/CustomField", callback=self._create_field)
        org.mock.add_callback(responses.POST, f"{BASE}/sobjects/PermissionSet", callback=self._create_set)
        org.mock.add_callback(responses.POST, f"{BASE}/sobjects/PermissionSetAssignment", callback=self._assign)
        org.mock.add_callback(responses.POST, f"{BASE}/composite/sobjects", callback=self._grant)
        org.mock.add_callback(responses.POST, f"{DOMAIN}/services/Soap/m/62.0", callback=self._views)

    def _find_fields(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        if "FROM+CustomObject" in str(request.url):
            return 200, {}, json.dumps({"records": [{"Id": "01I1"} for _ in self.objects]})
        records = []
        for full_name in self.fields:
            sobject, _, name = full_name.partition(".")
            records.append({"Id": f"id-{name}", "DeveloperName": name.removesuffix("__c"), "TableEnumOrId": sobject})
        return 200, {}, json.dumps({"records": records, "size": len(records), "done": True})

    def _create_field(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        body = json.loads(request.body or b"")
        if self.refuse_unique and body["Metadata"].get("unique"):
            return (
                400,
                {},
                json.dumps([{"errorCode": "FIELD_INTEGRITY_EXCEPTION", "message": "Activity fields cannot be unique"}]),
            )
        self.fields[body["FullName"]] = body["Metadata"]
        name = body["FullName"].partition(".")[2]
        self.org.mock.get(f"{BASE}/tooling/sobjects/CustomField/id-{name}", json=body)
        return 201, {}, json.dumps({"id": f"id-{name}", "success": True, "errors": []})

    def _create_set(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        name = json.loads(request.body or b"")["Name"]
        self.sets.append(name)
        self.org.says(f"FROM PermissionSet WHERE Name = '{name}'", [{"Id": f"0PS-{name}"}])
        return 201, {}, json.dumps({"id": f"0PS-{name}", "success": True, "errors": []})

    def _assign(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        self.assignments += 1
        self.org.says("FROM PermissionSetAssignment", [{"Id": "0Pa1"}])
        return 201, {}, json.dumps({"id": "0Pa1", "success": True, "errors": []})

    def _grant(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        records = json.loads(request.body or b"")["records"]
        self.grants += records
        for set_id in {record["ParentId"] for record in records}:
            present = [record for record in self.grants if record["ParentId"] == set_id]
            fields = [{"Id": "01k1", **record} for record in present if "Field" in record]
            self.org.says(f"FROM FieldPermissions WHERE ParentId = '{set_id}'", fields)
            objects = [{"Id": "1101", **record} for record in present if "Field" not in record]
            self.org.says(f"FROM ObjectPermissions WHERE ParentId = '{set_id}'", objects)
        return 200, {}, json.dumps([{"id": "01k1", "success": True, "errors": []} for _ in records])

    def _views(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        root = ET.fromstring(request.body or b"")
        names = [element.text or "" for element in root.findall(".//m:metadata/m:fullName", NAMESPACE)]
        made = self.views if b"m:ListView" in (request.body or b"") else self.objects
        made += names
        self.org.says("FROM ListView", [{"DeveloperName": name.partition(".")[2]} for name in self.views])
        results = "".join(f"<result><fullName>{name}</fullName><success>true</success></result>" for name in names)
        return 200, {}, f"<Envelope><Body><upsertMetadataResponse>{results}</upsertMetadataResponse></Body></Envelope>"


def run(connection: Any, *, dry_run: bool = False) -> list[SetupStep]:
    return list(connection.setup(dry_run=dry_run))


def test_setup_makes_fields_grants_and_views_and_running_it_twice_changes_nothing(org: Any) -> None:
    bare = BareOrg(org)
    connection = org.connect()

    first = run(connection)
    grants, sets, views = len(bare.grants), list(bare.sets), list(bare.views)
    second = run(connection)

    assert not [step for step in first if step.status == "failed"]
    assert len(bare.fields) == 11 and sets == ["Key_Account_Management", "Key_Account_Management_Agent"]
    assert bare.objects == ["KAM_Lease__c"]
    assert views == ["Account.KAM_Tier_A", "Account.KAM_Tier_B", "Account.KAM_Tier_C", "Account.KAM_Changed_This_Month"]
    assert {step.status for step in second} == {"exists"}
    assert (len(bare.grants), bare.sets, bare.views, bare.assignments) == (grants, sets, views, 1)


def test_a_dry_run_shows_it_all_and_writes_nothing(org: Any) -> None:
    BareOrg(org)
    connection = org.connect()

    steps = run(connection, dry_run=True)

    assert {step.status for step in steps} == {"would_create"}
    assert all(call.request.method == "GET" for call in org.mock.calls if "/oauth2/" not in call.request.url)


def test_an_org_that_refuses_unique_activity_fields_gets_a_plain_key_and_is_told(org: Any) -> None:
    bare = BareOrg(org, refuse_unique=True)

    steps = run(org.connect())

    key = next(step for step in steps if step.name == "Activity.KAM_Task_Key__c")
    assert key.status == "created" and "not unique" in key.detail
    assert bare.fields["Activity.KAM_Task_Key__c"]["externalId"] is True


def test_a_tier_that_was_configured_later_is_added_to_the_picklists(org: Any) -> None:
    bare = BareOrg(org)
    run(org.connect())
    org.mock.patch(f"{BASE}/tooling/sobjects/CustomField/id-KAM_Tier__c", status=204)
    definition = bare.fields["Account.KAM_Tier__c"]["valueSet"]["valueSetDefinition"]
    definition["value"] = definition["value"][:2]
    body = {"FullName": "Account.KAM_Tier__c", "Metadata": bare.fields["Account.KAM_Tier__c"]}
    org.mock.replace(responses.GET, f"{BASE}/tooling/sobjects/CustomField/id-KAM_Tier__c", json=body)

    steps = run(org.connect())

    assert [(step.name, step.detail) for step in steps if step.status == "updated"] == [("Account.KAM_Tier__c", "adds C")]
    sent = json.loads(next(call.request.body for call in org.mock.calls if call.request.method == "PATCH"))
    values = sent["Metadata"]["valueSet"]["valueSetDefinition"]["value"]
    assert [value["valueName"] for value in values] == ["A", "B", "C"]


def test_list_views_that_fail_do_not_take_the_rest_with_them(org: Any) -> None:
    BareOrg(org)
    org.mock.replace(responses.POST, f"{DOMAIN}/services/Soap/m/62.0", body="<html>no</html>", status=404)

    steps = run(org.connect())

    assert {step.kind for step in steps if step.status == "failed"} == {"view", "object"}


MULTIPLYING = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
HOSTILE_XML = {
    "entities that multiply": f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "e">{MULTIPLYING}]><a><result>&e9;</result></a>',
    "a file of this machine": '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    "<a><faultstring>&e;</faultstring></a>",
    "elements in elements": "<a>" * 100_000 + "</a>" * 100_000,
    "no end": "<a>" * 100_000,
}


@pytest.mark.parametrize("body", HOSTILE_XML.values(), ids=HOSTILE_XML.keys())
def test_xml_that_would_fill_the_memory_or_read_a_file_does_neither_and_the_rest_is_set_up(org: Any, body: str) -> None:
    bare = BareOrg(org)
    org.mock.replace(responses.POST, f"{DOMAIN}/services/Soap/m/62.0", body=body)

    steps = run(org.connect())

    assert len(bare.fields) == 11 and bare.assignments == 1
    assert {step.kind for step in steps if step.status == "failed"} <= {"view", "object"}
    assert not [step for step in steps if "root:" in step.detail or len(step.detail) > 1_000]
