"""What mends each refusal that is known of Salesforce. Data: error codes and phrases, as the vendor's pages and answers say.

REST API Developer Guide, "Status Codes and Error Responses"; SOAP API Developer Guide, "ExceptionCode", "StatusCode"; Salesforce
Help, "OAuth Authorization Flows → Errors", article 005132110 (the end of login()).
"""

from __future__ import annotations

from collections.abc import Mapping

# Refusals of access, by code.
DENIED: Mapping[str, str] = {
    "API_DISABLED_FOR_ORG": (
        "Use an org whose edition has the API (Enterprise, Unlimited, Performance, Developer, or Professional with API), and "
        "give our user the permission 'API Enabled'."
    ),
    "API_CURRENTLY_DISABLED": "Ask Salesforce why it has switched this org's API off for the time being, then run again.",
    "INSUFFICIENT_ACCESS": "Give our user the object permission in a permission set, then run `kamsync doctor`.",
    "INSUFFICIENT_ACCESS_OR_READONLY": (
        "Give our user edit access: object permission in a permission set, and sharing (or 'Modify All' on the object)."
    ),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": (
        "Give our user access to the record that this one names (its account or owner): sharing, or 'View All' on the object."
    ),
    "FUNCTIONALITY_NOT_ENABLED": "Switch the feature on in Setup if this edition has it, or leave out what needs it.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": (
        "Grant 'Edit' on the field in a permission set of our user; `kamsync setup` does so for the KAM fields."
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "Ask whoever looks after the org's Apex: a trigger refuses it.",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "Ask whoever looks after the org's flows: one of them fails (Setup → Flows).",
    "OPERATION_TOO_LARGE": (
        "Give our user the system permission 'View All Data': without it Salesforce refuses to go through the activities of so "
        "many records at once."
    ),
    "PASSWORD_LOCKOUT": "Correct the password here first, then unlock the user (Setup → Users).",
    "LOGIN_MUST_USE_SECURITY_TOKEN": (
        "Set `security_token` to the user's security token, or allow this machine's address in the user's profile."
    ),
    "INVALID_LOGIN": "Check `username`, `password` and `security_token`; in a sandbox the user name ends in the sandbox's name.",
}

_AN_APP = '`auth = "client_credentials"` or "jwt_bearer" with an External Client App'

# Refused sign-ins, by words in the code or the description; the first that fits.
LOGIN_PHRASES: tuple[tuple[str, str], ...] = (
    ("hasn't approved", "Pre-authorise the user: App Manager → the app → Policies → “Admin approved users are pre-authorized”."),
    ("audience", "Set `jwt_audience` to the login host of the org (https://login.salesforce.com, https://test.salesforce.com)."),
    ("assertion", "Check that `private_key` belongs to the certificate that was uploaded to the app, and this machine's clock."),
    ("expired authorization code", "Set this machine's clock (NTP): the signed assertion had expired when it arrived."),
    ("too far in the future", "Set this machine's clock (NTP): it runs ahead of Salesforce's."),
    ("expired access/refresh token", "Pre-authorise the user for the app again: its earlier approval was revoked."),
    ("ip restricted", "Allow this machine's address in the user's profile or the app's IP policy."),
    ("no client credentials user", "Choose a “Run As” user in the app's client credentials flow."),
    ("request not supported on this domain", "Set `login_url` to the org's My Domain (https://….my.salesforce.com)."),
    ("security_token", DENIED["LOGIN_MUST_USE_SECURITY_TOKEN"]),
    (
        "soap api login() is disabled",
        f"Use {_AN_APP}: this org has the sign-in by SOAP off, and Salesforce is ending it.",
    ),
    ("login() is not available", f"Use {_AN_APP}: this API version has no sign-in by SOAP."),
    ("any api auth", f"Give the user the permission 'Use Any API Auth', or use {_AN_APP}."),
    (
        "authentication failure",
        "Check the credentials (`username`, and `password` with `security_token` where the org asks for one); newer orgs block "
        f"this flow altogether (Setup → OAuth and OpenID Connect Settings): then use {_AN_APP}.",
    ),
)

# Refused sign-ins, by code.
LOGIN_CODES: Mapping[str, str] = {
    "invalid_client_id": "Check `client_id` (the consumer key of the External Client App).",
    "invalid_client": "Check `client_secret` (the consumer secret of the External Client App).",
    "unsupported_grant_type": "Enable this OAuth flow for the app, or choose another `auth`.",
    "inactive_user": "Activate the user, or choose another one.",
    "inactive_org": "Ask Salesforce: the org is locked or closed.",
    **{code: DENIED[code] for code in ("API_DISABLED_FOR_ORG", "PASSWORD_LOCKOUT", "INVALID_LOGIN")},
}
