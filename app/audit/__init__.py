"""Who did what to the system itself (what happens to an appeal is its own history)."""
