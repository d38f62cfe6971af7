"""The configuration as text: what `init` writes, and config.example.toml, which explains every key. A test loads both."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` asks."""

    crm: str = "salesforce"
    url: str = "https://acme.my.salesforce.com"
    timezone: str = "UTC"
    currency: str = "EUR"
    language: str = "en"
    preset: str = "balanced"


def render_config(answers: Answers) -> str:
    """A complete configuration from the answers; every key is explained where it stands."""
    own = (
        _SALESFORCE.format(url=answers.url)
        if answers.crm == "salesforce"
        else _HUBSPOT
        if answers.crm == "hubspot"
        else f"[crm.{answers.crm}]\n"
    )
    return (
        _PROGRAM.format(timezone=answers.timezone, currency=answers.currency, language=answers.language, preset=answers.preset)
        + _CRM.format(crm=answers.crm)
        + own
        + _REST
    )


def render_example() -> str:
    """config.example.toml: Salesforce, with HubSpot's table shown as a comment."""
    hubspot = "".join(f"# {line}\n" if line else "#\n" for line in _HUBSPOT.strip().split("\n"))
    return render_config(Answers()).replace("[cache]", f'# For HubSpot, [crm] kind = "hubspot" and:\n{hubspot}\n[cache]', 1)


_PROGRAM = """\
# kamsync's configuration. Dates, amounts and texts follow [program]; nothing secret stands in this file.

[program]
name = "Key accounts"
timezone = "{timezone}"                    # days and months are counted here
currency = "{currency}"                       # amounts are converted to it before any sum
language = "{language}"                        # of reasons and tasks: en, pt_BR, es
country = ""                          # ISO code of the holiday calendar for business days, e.g. "BR"; empty: weekends only
eligible = "won_count_total > 0"      # who takes part at all; an expression over facts (`kamsync facts` lists them)
criteria = "{preset}"                 # balanced, retention, expansion, authority, smb; or your own [[tiers]], [[criteria]]
playbooks = ["onboarding", "quarterly-review"]   # shipped playbooks by name; your own stand in [[playbooks]]
renewal_types = ["Renewal"]           # types of opportunities that are renewals, where no renewal date is mapped
unknown_currency = "error"            # or "ignore": amounts without a known rate count as 0, and are reported
min_coverage = 0.0                    # below this share of known weights (0…1) an account keeps its tier
drift = "adopt"                       # a tier that a person edited counts as an override; "reclaim" overwrites it
adopt_days = 90                       # for so many days
existing_tiers = "current"            # tiers that people kept before kamsync ever wrote; "override" keeps them for adopt_days
write_scope = "flagged"               # "all" also writes scores of accounts that never had a tier
score_deadband = 5.0                  # a score is rewritten only when it moved by so many points
fallback_owner = ""                   # id or e-mail of who gets tasks when the owner is inactive
max_new_tasks_per_owner_per_run = 10  # the rest waits for the next run

[segments]
attractiveness = 50.0                 # at this score an account is attractive …
strength = 50.0                       # … and we are strong with it

[health]
green = 70.0
amber = 40.0

"""
_CRM = """\
[crm]
kind = "{crm}"
mapping = "{crm}"              # a shipped mapping, or the path of your own copy of one

"""
_SALESFORCE = """\
[crm.salesforce]
auth = "client_credentials"           # client_credentials | jwt_bearer | password | access_token
login_url = "{url}"
client_id = {{ env = "SF_CLIENT_ID" }}  # secrets: {{ env = … }}, {{ file = … }} or {{ keyring = "service/user" }}
client_secret = {{ env = "SF_CLIENT_SECRET" }}
# instance_url = "https://acme.my.salesforce.com"   # needed with access_token only
# ca_bundle = "company-ca.pem"        # certificates of a private authority or a company proxy

"""
_HUBSPOT = """\
[crm.hubspot]
access_token = { env = "HUBSPOT_TOKEN" }  # a service key or private app token
# base_url = "https://api.hubapi.com"

"""
_REST = """\
[cache]
path = "kamsync.db"                   # disposable: the next run rebuilds it from the CRM

[schedule]
sync = "0 6 * * 1-5"                  # crontab: minute hour day month weekday
full_pull = "0 3 * * 0"               # reads everything, to find what no change stamp tells

[guard]
max_changed_share = 0.2               # of the flagged accounts that may change tier in one run
max_vanished_share = 0.1              # of the accounts that may be gone since the last pull
api_budget_share = 0.5                # of the API calls that the CRM has left when a run begins
first_run = "ask"                     # the first run on an org waits for a person's `kamsync apply`; "go" lets the schedule begin
"""
