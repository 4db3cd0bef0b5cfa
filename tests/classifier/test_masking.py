"""What people's names and documents become before a message teaches anything."""

import pytest

from classifier.masking import masked
from classifier.normalise import pieces, token


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Меня зовут Примеров Иван Петрович, живу на Садовой", ("примеров", "иван", "петрович")),
        ("Передайте Анне Сергеевне Примеровой спасибо", ("сергеевне", "примеровой")),
        ("Директор Примеров И. П. не отвечает", ("примеров",)),
        ("И.П. Примеров обещал", ("примеров",)),
        ("меня зовут Анна Примерова", ("анна", "примерова")),
        ("паспорт 5201 123456, СНИЛС 112-233-445 95", ("5201", "123456", "112", "233", "445")),
        ("карта 2200 1234 5678 9012", ("2200", "1234", "5678", "9012")),
        ("звоните +7 912 345-67-89 или пишите anna@primersk.example", ("912", "345", "anna", "primersk")),
        ("[id123|Анна Примерова] подскажите", ("анна", "примерова")),
    ],
)
def test_names_and_numbers_of_people_are_not_among_the_words_that_teach(text: str, hidden: tuple[str, ...]) -> None:
    words = {token(piece) for piece in pieces(masked(text))}
    assert words.isdisjoint(hidden), words


@pytest.mark.parametrize(
    "text",
    [
        "На улице Садовой, 12 яма, колёса пробили",
        "Когда отремонтируют школу № 5? Обещали в 2025 году",
        "Привычка сорить у контейнеров на Москвича",
        "Остановка «Примерская площадь», автобус 15",
    ],
)
def test_places_numbers_of_houses_and_common_words_stay(text: str) -> None:
    assert masked(text) == text


def test_any_text_is_masked_in_reasonable_time() -> None:
    assert len(masked("А" * 100_000)) == 10_000
    assert masked("Иванов " * 5000)
    assert masked("1 " * 5000)
