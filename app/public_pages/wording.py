"""The words of the registry: how people name networks, levels, spheres and columns, and what we call them. Pure."""

from app.public_pages.models import Level

PLATFORM_NAMES = {"vk": "ВКонтакте", "ok": "Одноклассники", "max": "MAX", "telegram": "Telegram", "viber": "Viber"}
LEVEL_NAMES = {
    Level.FEDERAL: "федеральный",
    Level.REGION: "региональный",
    Level.MUNICIPALITY: "муниципальный",
    Level.SETTLEMENT: "поселение",
}
SPHERE_NAMES = {
    "administration": "Власть",
    "education": "Образование",
    "health": "Здравоохранение",
    "culture": "Культура",
    "sport": "Спорт",
    "social": "Социальная защита",
    "housing": "ЖКХ",
    "transport": "Транспорт и дороги",
    "ecology": "Экология",
    "safety": "Безопасность",
    "economy": "Экономика",
    "agriculture": "Сельское хозяйство",
    "youth": "Молодёжь",
    "media": "СМИ",
    "utilities": "Коммунальные службы",
}

# What stands in the header of an import, in lower case.
COLUMNS: dict[str, tuple[str, ...]] = {
    "platform": ("площадка", "платформа", "сеть", "соцсеть", "социальная сеть"),
    "external_id": ("номер", "номер страницы", "номер сообщества", "id", "id страницы", "id сообщества",
                    "идентификатор", "внешний номер"),
    "link": ("ссылка", "адрес", "адрес страницы", "ссылка на страницу", "url", "address"),
    "name": ("название", "наименование", "название страницы", "наименование страницы", "страница"),
    "body": ("орган", "орган власти", "учреждение", "организация", "наименование органа",
             "наименование организации", "владелец"),
    "ogrn": ("огрн", "огрн органа", "огрн организации"),
    "inn": ("инн", "инн органа", "инн организации"),
    "parent": ("вышестоящий орган", "вышестоящая организация", "учредитель", "подведомственность",
               "головной орган", "parent_body"),
    "parent_ogrn": ("огрн вышестоящего органа", "огрн вышестоящего", "огрн учредителя"),
    "department": ("отдел", "ответственный отдел", "отдел страницы"),
    "body_department": ("отдел органа",),
    "territory": ("октмо", "код октмо", "территория", "oktmo", "territory_code"),
    "sphere": ("сфера", "отрасль", "сфера деятельности"),
    "level": ("уровень", "уровень власти"),
    "kind": ("класс", "вид", "тип", "вид учреждения", "тип учреждения", "класс учреждения", "class"),
    "audience": ("подписчиков", "подписчики", "аудитория", "число подписчиков", "количество подписчиков",
                 "subscribers", "followers"),
    "secret": ("секрет", "секретный ключ"),
    "confirmation": ("строка подтверждения",),
    "access_token": ("ключ доступа", "токен", "ключ сообщества", "token"),
    "user_token": ("ключ администратора",),
    "app_key": ("ключ приложения",),
    "app_secret": ("секрет приложения",),
    "discussion_id": ("группа обсуждений", "номер группы обсуждений"),
}  # fmt: skip
COLUMN_NAMES = {column: names[0].capitalize() for column, names in COLUMNS.items()} | {
    "ogrn": "ОГРН", "inn": "ИНН", "territory": "ОКТМО", "parent_ogrn": "ОГРН вышестоящего органа",
}  # fmt: skip
_COLUMN_OF = {name: column for column, names in COLUMNS.items() for name in (column, *names)}

_PLATFORM_OF = {
    "vk": "vk", "вк": "vk", "vkontakte": "vk", "вконтакте": "vk", "ok": "ok", "ок": "ok",
    "odnoklassniki": "ok", "одноклассники": "ok", "max": "max", "мах": "max", "макс": "max", "telegram": "telegram",
    "tg": "telegram", "тг": "telegram", "телеграм": "telegram", "телеграмм": "telegram", "viber": "viber",
    "vb": "viber", "вайбер": "viber",
}  # fmt: skip
_LEVEL_OF = {
    "федеральный": Level.FEDERAL, "федерация": Level.FEDERAL, "региональный": Level.REGION, "регион": Level.REGION,
    "субъект": Level.REGION, "областной": Level.REGION, "краевой": Level.REGION, "республиканский": Level.REGION,
    "муниципальный": Level.MUNICIPALITY, "муниципалитет": Level.MUNICIPALITY, "районный": Level.MUNICIPALITY,
    "городской": Level.MUNICIPALITY, "местный": Level.MUNICIPALITY, "муниципальное образование": Level.MUNICIPALITY,
    "поселение": Level.SETTLEMENT, "поселенческий": Level.SETTLEMENT, "сельский": Level.SETTLEMENT,
    "сельское поселение": Level.SETTLEMENT, "городское поселение": Level.SETTLEMENT,
}  # fmt: skip
_SPHERE_OF = {
    "органы власти": "administration", "администрация": "administration", "управление": "administration",
    "медицина": "health", "здоровье": "health", "соцзащита": "social", "социальная сфера": "social",
    "социальная политика": "social", "жилищно-коммунальное хозяйство": "housing", "жкх и благоустройство": "housing",
    "благоустройство": "housing", "транспорт": "transport", "дороги": "transport", "дороги и транспорт": "transport",
    "физкультура и спорт": "sport", "физическая культура и спорт": "sport", "молодежь": "youth",
    "молодежная политика": "youth", "молодёжная политика": "youth",
}  # fmt: skip


def column_of(title: str) -> str | None:
    """The column that a title of a table means; None if we know none."""
    return _COLUMN_OF.get(_plain(title))


def platform_of(text: str) -> str | None:
    """The code of a network; None if we know none."""
    return _PLATFORM_OF.get(_plain(text))


def level_of(text: str) -> Level | None:
    """The level, by its code or a Russian name; None if we know none."""
    plain = _plain(text).removesuffix(" уровень")
    return Level(plain) if plain in set(Level) else _LEVEL_OF.get(plain)


def sphere_of(text: str) -> str:
    """The code of a sphere where the name is known, else the text itself: regions have spheres of their own."""
    plain = _plain(text)
    if plain in SPHERE_NAMES:
        return plain
    return _SPHERE_OF.get(plain) or next((code for code, name in SPHERE_NAMES.items() if name.lower() == plain), text)


def sphere_name(code: str | None) -> str:
    """The sphere in Russian, "" for none."""
    return SPHERE_NAMES.get(code, code) if code else ""


def _plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").lower().strip(" *:").split())
