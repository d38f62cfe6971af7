"""kamsync's connector for Salesforce, on simple-salesforce."""

from kamsync_salesforce.connector import SalesforceConnector

CONNECTOR = SalesforceConnector()

__all__ = ["CONNECTOR"]
