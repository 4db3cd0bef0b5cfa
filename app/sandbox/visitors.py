"""Who a signed-in person is when playing the citizen: always the same invented neighbour. Pure."""

from dataclasses import dataclass

from app.accounts.actor import Actor

FIRST_VISITOR_ID = 190_000_000
NAMES = (
    ("Алексей", "Тихонравов"),
    ("Мария", "Берёзина"),
    ("Денис", "Полозов"),
    ("Оксана", "Речная"),
    ("Глеб", "Сосновых"),
    ("Надежда", "Юрьева"),
    ("Ринат", "Камалов"),
    ("Лилия", "Горская"),
)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A citizen of the demo city."""

    id: int
    first_name: str
    last_name: str

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"


def visitor_of(actor: Actor) -> Visitor:
    """The citizen that this person plays."""
    number = actor.user_id or 0
    return Visitor(FIRST_VISITOR_ID + number, *NAMES[number % len(NAMES)])
