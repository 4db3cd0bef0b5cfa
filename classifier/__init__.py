"""Text to labels with calibrated confidence: topic group, topic, agency, and whether a message is an appeal at all.

A pure library: it reads and writes the paths it is given and knows nothing of the application.
"""

from classifier.artifact import ArtifactRejected, Manifest
from classifier.judge import Evidence, Guess, Judge, Judgement
from classifier.severity import severity_of

__all__ = ["ArtifactRejected", "Evidence", "Guess", "Judge", "Judgement", "Manifest", "severity_of"]
