"""Who may come in: people, their sessions, tokens of other systems."""
