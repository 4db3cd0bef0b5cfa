"""What can be asked for: the topics that the judge knows, grouped as it groups them, and one for everything else."""

import hashlib
from dataclasses import dataclass

from app.appeals.history import plain_label
from classifier import Manifest

CODE_LENGTH = 8


@dataclass(frozen=True, slots=True)
class Service:
    """One kind of problem."""

    code: str
    name: str
    group: str


OTHER = Service("other", "Другое", "")


def services_of(manifest: Manifest) -> dict[str, Service]:
    """All services by code. A code depends on its topic alone: a new model keeps the codes of the topics it keeps."""
    topics = [
        Service(code_of(label), plain_label(label), manifest.topic_to_group[label])
        for label in manifest.labels["topic"]
    ]
    return {service.code: service for service in (*topics, OTHER)}


def code_of(label: str) -> str:
    """A short name of a topic that fits into an address."""
    return hashlib.sha256(label.encode()).hexdigest()[:CODE_LENGTH]
