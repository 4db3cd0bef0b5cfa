"""The platforms, played: where a newcomer is the citizen, and stand-ins of the platforms' APIs."""
