"""Routing rules as versions: drafted, checked, simulated, approved, published, rolled back."""
