"""The registry of official public pages."""
