"""Files that citizens attach: fetched from the platforms, checked, kept by the hash of their content."""

from app.files.expected import expect

__all__ = ["expect"]
