"""Every environment variable, typed, with its meaning. `.env.example` lists them; a test keeps both equal."""

import ssl
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from routing_rules import DEFAULT_DIRECTORY

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _hosts(text: str) -> frozenset[str]:
    return frozenset(name for part in text.split(",") if (name := part.strip()))


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError) as error:
        raise ValueError(f"часового пояса «{name}» нет") from error
    return name


def _frame_ancestors(sites: str) -> str:
    """A source list of Content Security Policy, which must not end its directive."""
    if not sites.strip() or not sites.isascii() or any(sign in sites for sign in ";,\r\n"):
        raise ValueError("сайты перечисляют через пробел, без запятых и точек с запятой")
    return sites


def _holding_certificates(file: Path | None) -> Path | None:
    if file is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
    except ssl.SSLError as error:
        raise ValueError(f"в файле {file} нет сертификатов PEM") from error
    except OSError as error:
        raise ValueError(f"файл сертификатов {file} не читается: {error.strerror}") from error
    return file


def _mail_server(url: SecretStr) -> SecretStr:
    place = urlsplit(url.get_secret_value())
    if place.geturl() and (place.scheme not in ("smtp", "smtps") or not place.hostname):
        raise ValueError("нужен адрес вида smtp://имя:пароль@узел:587")
    return url


def _mailbox(address: str) -> str:
    if address and (address.count("@") != 1 or not address.isprintable() or " " in address):
        raise ValueError("нужен один почтовый адрес, без имени")
    return address


Network = IPv4Network | IPv6Network


def networks(text: str) -> tuple[Network, ...]:
    """Comma-separated networks in CIDR notation; a single address is a network of one. Raises ValueError."""
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


def _known_networks(text: str) -> str:
    try:
        networks(text)
    except ValueError as error:
        raise ValueError(f"нужны сети через запятую, например 10.0.0.0/8: {error}") from error
    return text


class Settings(BaseSettings):
    """Settings of one process, read from APPEALS_* variables and `.env`."""

    model_config = SettingsConfigDict(env_prefix="APPEALS_", env_file=".env", env_ignore_empty=True, extra="ignore")

    data_dir: Path = Field(Path("data"), description="Папка данных: встроенные серверы, ключ, черновики песочницы")
    database_url: str = Field("", description="PostgreSQL, например postgresql://user@host/appeals; пусто: встроенный")
    redis_url: str = Field("", description="Redis или Valkey, например redis://host:6379; пусто: встроенный")
    host: str = Field("127.0.0.1", description="Адрес, на котором слушает веб-процесс")
    port: int = Field(8000, ge=1, le=65535, description="Порт веб-процесса")
    public_url: str = Field("", description="Внешний адрес сервиса для ссылок и вебхуков; пусто: http://host:port")
    secret_key: SecretStr = Field(
        SecretStr(""), description="32 байта base64: ключ шифрования; пусто: файл secret.key в папке данных"
    )
    old_secret_keys: SecretStr = Field(
        SecretStr(""), description="Прежние ключи шифрования через запятую, base64: ими только открывают"
    )
    is_demo: bool = Field(False, description="Демонстрация: песочница и ненастоящий сервер платформы")
    is_cookie_secure: bool = Field(False, description="Отдавать cookie только по HTTPS; включите за TLS-прокси")
    rules_dir: Path | None = Field(
        None, description="Папка таблиц компетенции для первой версии правил; пусто: таблицы из поставки"
    )
    rules_need_approval: bool = Field(False, description="Публиковать правила только с согласия второго человека")
    model_path: Path | None = Field(None, description="Файл модели классификатора; пусто: стартовая модель")
    model_retrain_labels: int = Field(
        200, ge=0, description="Сколько новых меток сотрудников нужно для ночного обучения модели; 0: не обучать"
    )
    model_retrain_hour: int = Field(3, ge=0, le=23, description="Час ночного обучения модели по времени центра")
    model_auto_promote: bool = Field(
        False, description="Принимать ночную модель самим, если она лучше с уверенностью 95 %; иначе ждать человека"
    )
    center_name: str = Field("ЦУР Омской области", description="Название центра в заголовках страниц")
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "Asia/Omsk", description="Часовой пояс центра для показа времени"
    )
    policy: str = Field("social-default", description="Политика сроков для новых обращений")
    payload_retention_days: int = Field(30, ge=2, description="Сколько дней хранить исходники доставок")
    personal_data_days: int = Field(
        1826,
        ge=0,
        description="Через сколько дней после ответа или закрытия удалять из обращения слова и имя жителя; 0: никогда",
    )
    reopen_days: int = Field(7, ge=0, description="Сколько дней новое сообщение возвращает отвеченное обращение")
    form_frame_ancestors: Annotated[str, AfterValidator(_frame_ancestors)] = Field(
        "*", description="Сайты, которым можно встраивать форму, через пробел: https://primersk.example; * любым"
    )
    form_hourly_limit: int = Field(300, ge=1, description="Сколько обращений с одной формы принимать в час")
    database_pool_size: int = Field(10, ge=1, description="Соединений с базой на процесс")
    worker_max_jobs: int = Field(100, ge=1, description="Заданий одновременно в одном рабочем процессе")
    drain_batch_size: int = Field(256, ge=1, le=5000, description="Событий в одной транзакции разбора")
    vk_api_url: str = Field("https://api.vk.ru", description="Адрес API ВКонтакте")
    ok_api_url: str = Field("https://api.ok.ru", description="Адрес API Одноклассников")
    max_api_url: str = Field("https://platform-api2.max.ru", description="Адрес API MAX")
    max_ca_file: Annotated[Path | None, AfterValidator(_holding_certificates)] = Field(
        None,
        description="Файл PEM с корневым сертификатом, выдавшим сертификат MAX (Минцифры); пусто: только системные",
    )
    telegram_api_url: str = Field("https://api.telegram.org", description="Адрес API Telegram")
    viber_api_url: str = Field("https://chatapi.viber.com", description="Адрес API Viber")
    ok_source_networks: Annotated[str, AfterValidator(_known_networks)] = Field(
        "",
        description="Сети, из которых принимать вебхуки Одноклассников; пусто: из любых. "
        "Документированы 217.20.145.192/28,217.20.151.160/28,217.20.153.48/28",
    )
    trusted_proxies: Annotated[str, AfterValidator(_known_networks)] = Field(
        "", description="Сети своих прокси через запятую: только им верим, от кого запрос (X-Forwarded-For)"
    )
    files_url: str = Field(
        "", description="Хранилище вложений: s3://корзина/префикс; пусто: папка files в папке данных"
    )
    files_s3_endpoint: str = Field("", description="Адрес S3-совместимого хранилища; пусто: Amazon")
    files_s3_region: str = Field("us-east-1", description="Регион хранилища S3")
    files_s3_access_key: SecretStr = Field(SecretStr(""), description="Ключ доступа хранилища S3")
    files_s3_secret_key: SecretStr = Field(SecretStr(""), description="Секретный ключ хранилища S3")
    file_limit_mb: int = Field(20, ge=1, le=200, description="Самый большой файл вложения, МБ")
    files_internal_hosts: str = Field(
        "", description="Узлы своей сети, откуда можно брать вложения: имя или имя:порт через запятую; обычно пусто"
    )
    channels_internal_hosts: str = Field(
        "", description="Узлы своей сети, куда можно слать события отделам: имя или имя:порт через запятую"
    )

    smtp_url: Annotated[SecretStr, AfterValidator(_mail_server)] = Field(
        SecretStr(""), description="Почтовый сервер для писем отделам: smtp://имя:пароль@узел:587; пусто: писем нет"
    )
    mail_from: Annotated[str, AfterValidator(_mailbox)] = Field(
        "", description="Адрес отправителя писем отделам, например center@primersk.example"
    )

    @property
    def base_url(self) -> str:
        """Address under which people and platforms reach the service, without a trailing slash."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def api_url(self, platform: str) -> str:
        """Base address of a platform's API; where we are the platform, our own."""
        urls = {
            "vk": self.vk_api_url,
            "ok": self.ok_api_url,
            "max": self.max_api_url,
            "telegram": self.telegram_api_url,
            "viber": self.viber_api_url,
        }
        return urls.get(platform, self.base_url).rstrip("/")

    @property
    def shipped_rules(self) -> Path:
        """The directory whose tables become the first version of the rules."""
        return self.rules_dir or DEFAULT_DIRECTORY

    def source_networks(self, platform: str) -> tuple[Network, ...]:
        """Networks that alone may deliver webhooks of a platform; none: whoever knows the address may."""
        return networks(self.ok_source_networks) if platform == "ok" else ()

    def hosts_of_files(self) -> frozenset[str]:
        """Internal hosts that attachments may come from; in a demonstration also this very machine."""
        hosts = _hosts(self.files_internal_hosts)
        if not self.is_demo:
            return hosts
        here = [
            self.vk_api_url,
            self.ok_api_url,
            self.max_api_url,
            self.telegram_api_url,
            self.viber_api_url,
            self.base_url,
        ]
        return hosts | {place.netloc for place in map(urlsplit, here) if place.hostname in LOOPBACK}

    def hosts_of_channels(self) -> frozenset[str]:
        """Internal hosts that departments' own systems may be at."""
        return _hosts(self.channels_internal_hosts)


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
