"""Departments' own systems: told what happens to their appeals by signed webhooks or by Open311."""
