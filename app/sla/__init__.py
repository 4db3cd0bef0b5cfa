"""The promise of time: working calendars, clocks and the policies they follow.

``calendar``, ``clock`` and ``policy`` are pure: no database, no reading of the clock; the present is handed in.
"""
