"""A small rule set as text, for tests to bend."""

from dataclasses import replace

from routing_rules import Facts, RuleSet, parse

RULES = """\
version = "t1"
default = "desk"
[thresholds]
topic = 0.5
group = 0.6
[names]
platforms = ["vk", "ok"]
spheres = ["health", "education"]
"""
DEPARTMENTS = """\
code,name,short_name,kind
desk,Дежурная смена,Смена,desk
city,Администрация города,Город,municipal
roads,Министерство дорог,Миндор,ministry
health,Министерство здравоохранения,Минздрав,ministry
"""
TERRITORIES = """\
code,parent,name
52000000,,Область
52701000,52000000,Город
52615000,52000000,Район
52615101,52615000,Посёлок
"""
CROSSWALK = """\
topic_group,label,topic
Дороги,Ямы,Ямы
Дороги,★ Снег,Уборка снега
Дороги,Пробки,
Медицина,Очередь,
"""
MATRIX = """\
id,topic_group,topic,territory,sphere,page,department
М-1,,Ямы,52000000,,,roads
М-2,,Ямы,52701000,,,city
М-3,,Уборка снега,52701000,,,city
М-4,Дороги,,52000000,,,roads
М-5,Медицина,,52000000,,,health
М-6,Дороги,,52701000,health,,health
М-7,Дороги,,52701000,,100,city
"""
EXCEPTION = """
[[exception]]
id = "{id}"
name = "Проба"
mode = "{mode}"
owner = "Кто-то"
reason = "Так надо"
department = "{department}"
{more}
[exception.when]
{when}
"""

FACTS = Facts(
    platform="vk",
    kind="comment",
    page="1",
    sphere=None,
    territory=("52000000", "52701000"),
    topic="Ямы",
    topic_confidence=0.9,
    topic_group="Дороги",
    group_confidence=0.9,
    agency=None,
    agency_confidence=0.0,
    severity=2,
    text="На улице Лесной огромная яма, объехать нельзя!",
    page_department=None,
)


def texts(rules: str = RULES, matrix: str = MATRIX, **others: str) -> dict[str, str]:
    named = {"departments": DEPARTMENTS, "territories": TERRITORIES, "topic_crosswalk": CROSSWALK, **others}
    return {"rules.toml": rules, "matrix.csv": matrix, **{f"{name}.csv": text for name, text in named.items()}}


def exception(when: str, id: str = "Э-1", mode: str = "active", department: str = "health", more: str = "") -> str:
    return EXCEPTION.format(id=id, mode=mode, department=department, more=more, when=when)


def rule_set(*exceptions: str, matrix: str = MATRIX) -> RuleSet:
    return parse(texts(RULES + "".join(exceptions), matrix))


def facts(**changes: object) -> Facts:
    return replace(FACTS, **changes)  # type: ignore[arg-type]
