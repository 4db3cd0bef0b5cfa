"""The demo region: the shipped tables, where they lead, and how they are imported."""

import json
from pathlib import Path

import pytest

from routing_rules import DEFAULT_DIRECTORY, RuleSet, load, territory_path
from routing_rules.importing import Table, UnknownBodies, import_tables
from tests.routing_rules.rule_texts import facts

CITY, REGION = "52701000", "52000000"
RULES = load()
PREDICTED = [label for label in RULES.tables.labels if label.name != label.table_topic]
GROUPS = sorted({label.group for label in RULES.tables.labels})


def where(rules: RuleSet, territory: str, topic: str | None, group: str | None) -> tuple[str, str]:
    case = facts(
        territory=territory_path(territory), topic=topic, topic_confidence=1.0 if topic else 0.0, topic_group=group,
        group_confidence=1.0 if group else 0.0, text="", page="x",
    )  # fmt: skip
    decision = rules.decide(case)
    return decision.department, decision.layer


@pytest.mark.parametrize("territory", [entry.code for entry in RULES.tables.territories])
def test_every_label_and_group_leads_to_a_department_everywhere(territory: str) -> None:
    assert len(PREDICTED) >= 166
    assert len(GROUPS) == 26
    subjects = [(label.name, None) for label in RULES.tables.labels] + [(None, group) for group in GROUPS]
    assert {where(RULES, territory, *subject)[1] for subject in subjects} == {"matrix"}


@pytest.mark.parametrize(
    ("topic", "city", "region"),
    [
        ("Плата за вывоз ТКО", "magnit", "magnit"),
        ("★ Ямы во дворах", "omsk-city", "minvnutpol"),
        ("Ямы и выбоины на дороге", "omsk-city", "mintrans"),
        ("Отсутствие холодной воды", "omsk-city", "omskoblvodoprovod"),
        ("★ Открытые канализационные люки", "omskvodokanal", "minvnutpol"),
        ("Лифт неисправен или отключен", "gzhi", "gzhi"),
        ("Льготные лекарства", "minzdrav", "minzdrav"),
        ("ВУЗы и ССУЗы", "minobr", "minnauki"),
        ("Беженцы", "mintrud", "mintrud"),
        ("Спортивные мероприятия", "minsport", "minsport"),
        ("Ремонт спортивных учреждений", "omsk-city", "minsport"),
        ("Выплаты стипендий", "minnauki", "minnauki"),
    ],
)
def test_topics_lead_to_the_bodies_that_answer_them(topic: str, city: str, region: str) -> None:
    assert (where(RULES, CITY, topic, None)[0], where(RULES, REGION, topic, None)[0]) == (city, region)


def test_a_municipal_matter_of_a_district_goes_to_its_own_administration() -> None:
    assert where(RULES, "52654101", "★ Ямы во дворах", None)[0] == "tara-district"
    assert where(RULES, "52615000", "Отлов безнадзорных собак и кошек", None)[0] == "isilkul-district"
    assert where(RULES, "52615000", "Ямы и выбоины на дороге", None)[0] == "mintrans"


def test_technical_support_asked_of_a_hospital_page_goes_to_health() -> None:
    support = facts(topic="★ Информационно-техническая поддержка", text="")
    assert RULES.decide(support).department == "mincifra"
    asked_of_hospital = facts(topic="★ Информационно-техническая поддержка", sphere="health", text="")
    assert RULES.decide(asked_of_hospital).department == "minzdrav"


def test_words_of_danger_bring_the_appeal_to_the_desk() -> None:
    decision = RULES.decide(facts(topic="Очередь", text="После такого хочется покончить с собой."))
    assert (decision.department, decision.rule) == ("cur-desk", "Э-01")


def test_departments_have_ascii_codes_and_clean_names() -> None:
    for entry in RULES.departments:
        assert entry.code.isascii()
        assert not set(entry.name + entry.short_name) & {"\N{NO-BREAK SPACE}", '"'}
        assert entry.short_name


@pytest.fixture
def region_table(tmp_path: Path) -> Path:
    path = tmp_path / "region.json"
    bodies = {"Ямы": "Министерство\N{NO-BREAK SPACE}дорог «Путь»", "Вода  и пар": 'Фонд "Вода"'}
    path.write_text(json.dumps(bodies, ensure_ascii=False), "utf-8")
    return path


EXISTING = """\
id,topic_group,topic,territory,sphere,page,department,source
А-001,,Старое,52000000,,,roads,region.json
Р-001,Дороги,,52000000,,,roads,вручную
"""


def test_importing_replaces_rows_of_the_same_table_and_keeps_the_others(region_table: Path) -> None:
    entry = RULES.departments[0]
    departments = [
        type(entry)("roads", 'Министерство дорог "Путь"', "", "ministry"),
        type(entry)("water", "Фонд «Вода»", "", "company"),
    ]
    text = import_tables([Table("А", REGION, region_table)], departments, EXISTING)
    assert text.splitlines()[1:] == [
        "А-001,,Вода и пар,52000000,,,water,region.json",
        "А-002,,Ямы,52000000,,,roads,region.json",
        "Р-001,Дороги,,52000000,,,roads,вручную",
    ]
    assert import_tables([Table("А", REGION, region_table)], departments, text) == text


def test_importing_names_the_bodies_it_does_not_know(region_table: Path) -> None:
    with pytest.raises(UnknownBodies, match="Фонд"):
        import_tables([Table("А", REGION, region_table)], RULES.departments, EXISTING)


def test_both_tables_of_the_region_are_imported_whole() -> None:
    sources = [
        line.rsplit(",", 1)[1] for line in (DEFAULT_DIRECTORY / "matrix.csv").read_text("utf-8").splitlines()[1:]
    ]
    assert sources.count("routing_city_omsk.json") == 275
    assert sources.count("routing_region_omsk.json") == 201
