"""The configuration as text: what `init` writes, and config.example.toml, which explains every key. A test loads both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kamsync.contract import Setting


@dataclass(frozen=True, slots=True)
class SignIn:
    """One way to sign in. `lines` are the TOML lines of `[crm.<kind>]`, with {url} and {username} where people answer them;
    `environment` names the variables that the lines refer to."""

    name: str
    purpose: str
    lines: str
    environment: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answers:
    """What `init` asks. `sign_in` names one of SIGN_INS of that CRM; `mapping` is a shipped one's name or a path."""

    crm: str = "salesforce"
    url: str = "https://acme.my.salesforce.com"
    timezone: str = "UTC"
    currency: str = "EUR"
    language: str = "en"
    preset: str = "balanced"
    country: str = ""
    playbooks: tuple[str, ...] = ("onboarding", "quarterly-review")
    sign_in: str = ""
    username: str = "agent@acme.example"
    mapping: str = ""
    renewal_types: tuple[str, ...] = ("Renewal",)
    settings: tuple[Setting, ...] = ()  # of a connector that has no SIGN_INS


def render_config(answers: Answers) -> str:
    """A complete configuration from the answers; every key is explained where it stands."""
    program = _PROGRAM.format(
        timezone=answers.timezone,
        currency=answers.currency,
        language=answers.language,
        preset=answers.preset,
        country=answers.country,
        playbooks=", ".join(f'"{name}"' for name in answers.playbooks),
        renewal_types=", ".join(json.dumps(name, ensure_ascii=False) for name in answers.renewal_types),
    )
    return program + _CRM.format(crm=answers.crm, mapping=answers.mapping or answers.crm) + _crm_table(answers) + _REST


def render_example() -> str:
    """config.example.toml: Salesforce, with HubSpot's table shown as a comment."""
    hubspot = "".join(f"# {line}\n" if line else "#\n" for line in _crm_table(Answers(crm="hubspot", url="")).strip().split("\n"))
    return render_config(Answers()).replace("[cache]", f'# For HubSpot, [crm] kind = "hubspot" and:\n{hubspot}\n[cache]', 1)


def sign_in_of(answers: Answers) -> SignIn | None:
    """The way that the answers name, the CRM's first where they name none; None for a CRM without SIGN_INS."""
    ways = SIGN_INS.get(answers.crm, ())
    return next((way for way in ways if way.name == answers.sign_in), ways[0] if ways else None)


def _crm_table(answers: Answers) -> str:
    way = sign_in_of(answers)
    if way is None:
        return f"[crm.{answers.crm}]\n{_settings(answers.crm, answers.settings)}\n"
    lines = way.lines.replace("{url}", answers.url).replace("{username}", answers.username)
    address = (
        f'base_url = "{answers.url}"' if answers.crm == "hubspot" and answers.url else '# base_url = "https://api.hubapi.com"'
    )
    rest = _SALESFORCE_REST if answers.crm == "salesforce" else f"{address}\n\n"
    return f"[crm.{answers.crm}]\n{lines}{rest}"


def _settings(crm: str, settings: Sequence[Setting]) -> str:
    """What another connector asks for: its required settings to fill in, the others as comments."""
    lines = []
    for setting in settings:
        value = f'{{ env = "{crm}_{setting.name}" }}'.upper().replace("ENV =", "env =") if setting.secret else '""'
        if setting.default is not None:
            value = str(setting.default).lower() if isinstance(setting.default, bool | int | float) else f'"{setting.default}"'
        comment = "" if setting.required or setting.secret else "# "
        lines.append(f"{comment}{setting.name} = {value}   # {setting.help}\n")
    return "".join(lines)


_PROGRAM = """\
# kamsync's configuration. Dates, amounts and texts follow [program]; nothing secret stands in this file.

# inherit = "common.toml"             # takes what this file does not say from another one; only here, above the first table

[program]
name = "Key accounts"
timezone = "{timezone}"                    # days and months are counted here
currency = "{currency}"                       # amounts are converted to it before any sum
language = "{language}"                        # of reasons and tasks: en, pt_BR, es
country = "{country}"                          # ISO code, e.g. "BR": business days, how numbers look; empty: weekends only
eligible = "won_count_total > 0"      # who takes part at all; an expression over facts (`kamsync facts` lists them)
criteria = "{preset}"                 # a preset (`kamsync criteria` lists them); or your own [[tiers]], [[criteria]]
# active = "won_amount_12m > 0"         # the eligible accounts of which top_percent is a share (the presets say their own)
# unit = "group"                      # who is decided: each account, or the group at its ultimate parent (preset groups says so)
# members = "inherit"                 # of a group: each has the group's tier; "none" writes nothing there
playbooks = [{playbooks}]   # shipped playbooks by name; your own stand in [[playbooks]]
renewal_types = [{renewal_types}]           # types of opportunities that are renewals, where no renewal date is mapped
contacts = "auto"                     # people are read where something asks for them; or "always", "never". No name is stored
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
min_coverage = 0.5                    # where less of the health weights is known (0…1), health is unknown and never red

"""
_CRM = """\
[crm]
kind = "{crm}"
mapping = "{mapping}"              # a shipped mapping, or the path of your own copy of one

"""
_SALESFORCE_REST = """\
# ca_bundle = "company-ca.pem"        # certificates of a private authority or a company proxy

"""
SIGN_INS: Mapping[str, tuple[SignIn, ...]] = MappingProxyType(
    {
        "salesforce": (
            SignIn(
                "client_credentials",
                "An External Client App that acts as one user. For a server; nothing expires.",
                """\
auth = "client_credentials"           # client_credentials | jwt_bearer | password | access_token
login_url = "{url}"
client_id = { env = "SF_CLIENT_ID" }  # secrets: { env = … }, { file = … } or { keyring = "service/user" }
client_secret = { env = "SF_CLIENT_SECRET" }
# instance_url = "https://acme.my.salesforce.com"   # needed with access_token only
""",
                ("SF_CLIENT_ID", "SF_CLIENT_SECRET"),
            ),
            SignIn(
                "jwt_bearer",
                "An External Client App with a certificate instead of a secret.",
                """\
auth = "jwt_bearer"                   # client_credentials | jwt_bearer | password | access_token
login_url = "{url}"
client_id = { env = "SF_CLIENT_ID" }
username = "{username}"
private_key = { file = "kamsync.key" }   # RSA, PEM, mode 600
""",
                ("SF_CLIENT_ID",),
            ),
            SignIn(
                "password",
                "A user's name and password, where your org still allows it.",
                """\
auth = "password"                     # client_credentials | jwt_bearer | password | access_token
login_url = "{url}"
client_id = { env = "SF_CLIENT_ID" }
client_secret = { env = "SF_CLIENT_SECRET" }
username = "{username}"
password = { env = "SF_PASSWORD" }
# security_token = { env = "SF_SECURITY_TOKEN" }
""",
                ("SF_CLIENT_ID", "SF_CLIENT_SECRET", "SF_PASSWORD"),
            ),
            SignIn(
                "access_token",
                "A session that is open already. To try the program; it ends with the session.",
                """\
auth = "access_token"                 # client_credentials | jwt_bearer | password | access_token
access_token = { env = "SF_ACCESS_TOKEN" }
instance_url = "{url}"
""",
                ("SF_ACCESS_TOKEN",),
            ),
        ),
        "hubspot": (
            SignIn(
                "access_token",
                "A service key or the token of a private app. The usual way.",
                'access_token = { env = "HUBSPOT_TOKEN" }  # a service key or private app token\n',
                ("HUBSPOT_TOKEN",),
            ),
            SignIn(
                "oauth",
                "An OAuth app that was installed in the portal.",
                """\
client_id = { env = "HUBSPOT_CLIENT_ID" }
client_secret = { env = "HUBSPOT_CLIENT_SECRET" }
refresh_token = { env = "HUBSPOT_REFRESH_TOKEN" }
""",
                ("HUBSPOT_CLIENT_ID", "HUBSPOT_CLIENT_SECRET", "HUBSPOT_REFRESH_TOKEN"),
            ),
        ),
    }
)
_REST = """\
# When tiers change by score; the presets review in January and July. This table goes before the preset's.
# [review]
# months = [1, 7]                     # empty: on any day
# between = "hold"                    # "rises" lets promotions through where there is room
# approve = false                     # true: moves into and out of the best tier wait for a person's `kamsync apply`

# Places kept for customers that no sum of criteria would lift; beside those of the preset.
# [[seats]]
# tier = "A"
# count = 5
# when = "strategic_market"           # who could have one
# rank = "won_amount_12m"             # the first by this number have it
# evidence = "authority_evidence_date"   # without a date that is fresh enough there is no place
# valid_days = 540
# reason = "Opens a market"

# What the goals of the criteria are measured by, on the page of an account, in the report and in the console.
# [goals]
# retention = { kpi = "satisfaction", target = 8 }    # or revenue, growth, pipeline, win_rate, engagement, score
# expansion = { kpi = "growth", target = 0.1 }        # the least that a key account should show: money, a share of 1, a count

[plans]
note = false                          # true: each key account's plan as one note on it, written anew until a person edits it
# max_due_per_owner_per_day = 4       # what is more moves to the next business day

[cache]
path = "kamsync.db"                   # disposable: the next run rebuilds it from the CRM

[schedule]
sync = "0 6 * * 1-5"                  # crontab: minute hour day month weekday; or an interval, "every 15 minutes"
full_pull = "0 3 * * 0"               # reads everything, to find what no change stamp tells; then syncs as well
jitter_seconds = 0                    # each time is put off at random by up to so many seconds

[guard]
max_changed_share = 0.2               # of the flagged accounts that may change tier in one run
max_vanished_share = 0.1              # of the accounts that may be gone since the last pull
api_budget_share = 0.5                # of the API calls that the CRM has left when a run begins
first_run = "ask"                     # the first run on an org waits for a person's `kamsync apply`; "go" lets the schedule begin

[history]
# months = 24                         # what is older is erased: runs, their writes and decisions; without it all is kept

[log]
format = "plain"                      # or "json", a line for machines
level = "info"                        # "debug" also says every single write
# file = "kamsync.log"                # besides standard error, where systemd and containers collect it

# Who is told what; an address of apprise's (github.com/caronc/apprise).
# [[notify]]
# url = { env = "KAMSYNC_CHANNEL" }   # e.g. slack://… or mailto://…; needs: pip install 'kamsync[notify]'
# who = "failures"                    # a run that fails or is held back, and when it is well again; "program": the digest of the
#                                     # whole programme; "owner": each owner's own, also to mailto://…?to={email}
# when = "weekly"                     # of digests: once a week, or "sync": after each run that brings news
# tags = ["ana@example.com"]          # with who = "owner": these owners only, by e-mail, name or id
# language = "es"                     # of digests; without it the programme's

[serve]
port = 0                              # not 0: /healthz and /metrics on this machine while `kamsync run` runs
"""
