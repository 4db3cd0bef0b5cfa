"""What a process holds open: opened the same way by web, worker and command line."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx

import routing_rules
from app import db, vault
from app.file_store import FileStore, open_file_store
from app.jobs import Queue
from app.live import Live
from app.outward import OutwardTransport, outward_client
from app.platforms.rate import RateLimiter
from app.rulebook import Rulebook
from app.settings import Settings
from classifier import Judge

PLATFORM_TIMEOUT_SECONDS = 15.0
DOWNLOAD_TIMEOUT_SECONDS = 15.0
CHANNEL_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Resources:
    """Everything that outlives a request or a job.

    `http` talks to the platforms, `downloads` fetches what citizens attached, `channels` tells departments' systems.
    """

    settings: Settings
    database: db.Database
    vault: vault.Vault
    http: httpx.AsyncClient
    downloads: httpx.AsyncClient
    channels: httpx.AsyncClient
    files: FileStore
    limiter: RateLimiter
    judge: Judge
    rulebook: Rulebook
    live: Live


class NotConfigured(RuntimeError):
    """A server address is missing: `appeals up` embeds the servers, `serve` and `worker` need them given."""


def require_servers(settings: Settings) -> Settings:
    """The same settings. Raises NotConfigured when an address is missing."""
    if not settings.database_url or not settings.redis_url:
        raise NotConfigured("Задайте APPEALS_DATABASE_URL и APPEALS_REDIS_URL или запустите `appeals up`")
    return settings


@asynccontextmanager
async def open_resources(settings: Settings) -> AsyncIterator[Resources]:
    """Open everything; close it in the reverse order.

    Raises NotConfigured, NotPostgres, SecretKeyMissing, ArtifactRejected, RuleSetInvalid, FileStoreNotUsable.
    """
    require_servers(settings)
    engine = db.create_engine(settings.database_url, settings.database_pool_size)
    queue = Queue(settings.redis_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(engine.dispose)
        stack.push_async_callback(queue.close)
        yield Resources(
            settings=settings,
            database=db.Database(engine, queue),
            vault=vault.open_vault(settings),
            http=await stack.enter_async_context(platforms_client(settings)),
            downloads=await stack.enter_async_context(_downloads(settings)),
            channels=await stack.enter_async_context(_channels(settings)),
            files=open_file_store(settings),
            limiter=RateLimiter(),
            judge=Judge.load(settings.model_path),
            rulebook=Rulebook(routing_rules.load(settings.shipped_rules)),
            live=Live(settings.database_url),
        )


def platforms_client(settings: Settings) -> httpx.AsyncClient:
    """The client for the platforms' APIs.

    The certificate authority of `max_ca_file` is trusted beside the usual ones, and at MAX's host only. Raises OSError.
    """
    mounts: dict[str, httpx.AsyncHTTPTransport] = {}
    if settings.max_ca_file is not None:
        trust = httpx.create_ssl_context(trust_env=False)
        trust.load_verify_locations(cafile=settings.max_ca_file)
        host = f"https://{httpx.URL(settings.max_api_url).host}"
        mounts[host] = httpx.AsyncHTTPTransport(verify=trust, trust_env=False)
    return httpx.AsyncClient(timeout=PLATFORM_TIMEOUT_SECONDS, trust_env=False, mounts=mounts)


def _downloads(settings: Settings) -> httpx.AsyncClient:
    transport = OutwardTransport(settings.hosts_of_files())
    return outward_client(transport, timeout_seconds=DOWNLOAD_TIMEOUT_SECONDS, is_led_on=True)


def _channels(settings: Settings) -> httpx.AsyncClient:
    transport = OutwardTransport(settings.hosts_of_channels())
    return outward_client(transport, timeout_seconds=CHANNEL_TIMEOUT_SECONDS, is_led_on=False)
