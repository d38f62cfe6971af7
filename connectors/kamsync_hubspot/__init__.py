"""kamsync's connector for HubSpot, on hubspot-api-client."""

from kamsync_hubspot.connector import HubSpotConnector

CONNECTOR = HubSpotConnector()

__all__ = ["CONNECTOR"]
