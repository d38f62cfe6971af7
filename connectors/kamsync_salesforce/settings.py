"""The keys of [crm.salesforce], as data: what signs in, where to, and through which certificates."""

from __future__ import annotations

from kamsync.contract import Setting

DEFAULT_API_VERSION = "62.0"  # 58.0 brought resultPages to Bulk API 2.0
# The object of the lease (push/lease.py) and its fields, which `setup` makes.
LEASE_OBJECT = "KAM_Lease__c"
LEASE_KEY, LEASE_RUN, LEASE_MACHINE, LEASE_UNTIL = "KAM_Key__c", "KAM_Run__c", "KAM_Machine__c", "KAM_Until__c"

SETTINGS = (
    Setting(
        "auth",
        "How to sign in.",
        default="client_credentials",
        choices=("client_credentials", "jwt_bearer", "password", "access_token"),
    ),
    Setting(
        "login_url",
        "The org's My Domain, https://….my.salesforce.com (jwt_bearer, password: or login/test.salesforce.com).",
        "url",
    ),
    Setting("client_id", "Consumer key of the External Client App.", holds="token"),
    Setting(
        "client_secret",
        "Consumer secret of the External Client App (client_credentials, password).",
        secret=True,
        holds="token",
    ),
    Setting("username", "User to act as (jwt_bearer, password)."),
    Setting("password", "The user's password (password).", secret=True),
    Setting("security_token", "The user's security token, where the org asks for one (password).", secret=True, holds="token"),
    Setting("private_key", "RSA private key in PEM form (jwt_bearer).", secret=True, holds="pem"),
    Setting("jwt_audience", "Audience of the JWT, if neither the login host nor login/test.salesforce.com is right."),
    Setting("access_token", "A session that is open already; cannot be renewed (access_token).", secret=True, holds="token"),
    Setting("instance_url", "The org's address; needed with access_token, otherwise Salesforce tells it.", "url"),
    Setting("ca_bundle", "File with the certificates of a private authority or a company proxy.", "path"),
    Setting("api_version", "Version of Salesforce's API.", default=DEFAULT_API_VERSION),
)
