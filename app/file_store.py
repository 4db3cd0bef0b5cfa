"""Where files are kept: a folder, or a bucket of S3 or what speaks its language. Names are chosen by the caller."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from app.settings import Settings

FOLDER = "files"
PIECE_BYTES = 256 * 1024
S3_SECONDS = 30


class FileStoreNotUsable(OSError):
    """APPEALS_FILES_URL names no store that we know, or it cannot be opened."""


class FileStoreFailed(OSError):
    """The store did not do what it was asked; later it may."""


class FileStore:
    """Keeps bytes under names. Every method raises FileStoreFailed when the store is away.

    obstore's own coroutines end on a thread of its runtime: a process that leaves right after one was aborted in every
    second try (0.12.1). Its blocking calls, made in our threads, do not have that.
    """

    def __init__(self, store: LocalStore | S3Store) -> None:
        self._store = store

    async def put(self, name: str, content: bytes) -> None:
        """Keep the content, in place of what had this name."""
        with _told("Хранилище файлов не приняло файл"):
            await asyncio.to_thread(obstore.put, self._store, name, content)

    async def read(self, name: str) -> AsyncIterator[bytes]:
        """The content, piece by piece. Raises FileNotFoundError before the first piece."""
        with _told("Хранилище файлов не отвечает"):
            found = await asyncio.to_thread(obstore.get, self._store, name)
            return _pieces(found.stream(min_chunk_size=PIECE_BYTES))

    async def remove(self, names: Sequence[str]) -> None:
        """Forget these; those that are not there are forgotten already."""
        for name in names:
            with _told("Хранилище файлов не удалило файл"), suppress(FileNotFoundError):
                await asyncio.to_thread(obstore.delete, self._store, name)


async def _pieces(stream: Iterator[Any]) -> AsyncIterator[bytes]:
    with _told("Хранилище файлов замолчало"):
        while (piece := await asyncio.to_thread(next, stream, None)) is not None:
            yield bytes(piece)


@contextmanager
def _told(sentence: str) -> Iterator[None]:
    """Whatever the store says becomes FileStoreFailed, but for a file that is not there."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError) as error:
        raise FileStoreFailed(sentence) from error


def open_file_store(settings: Settings) -> FileStore:
    """The store that APPEALS_FILES_URL names. Raises FileStoreNotUsable."""
    bucket, prefix = _place(settings.files_url)
    try:
        if not bucket:
            return FileStore(LocalStore(settings.data_dir / FOLDER, mkdir=True))
        return FileStore(_bucket(settings, bucket, prefix))
    except (BaseError, OSError) as error:
        raise FileStoreNotUsable(f"APPEALS_FILES_URL: хранилище не открывается ({type(error).__name__})") from error


def _place(url: str) -> tuple[str, str]:
    """Bucket and prefix; both empty for the folder."""
    address = urlsplit(url)
    if url and (address.scheme != "s3" or not address.hostname or address.query or address.fragment):
        raise FileStoreNotUsable("APPEALS_FILES_URL: нужен адрес вида s3://корзина/префикс или ничего")
    return address.hostname or "", address.path.strip("/")


def _bucket(settings: Settings, bucket: str, prefix: str) -> S3Store:
    patience = timedelta(seconds=S3_SECONDS)
    return S3Store(
        bucket,
        prefix=prefix or None,
        endpoint=settings.files_s3_endpoint or f"https://s3.{settings.files_s3_region}.amazonaws.com",
        region=settings.files_s3_region,
        access_key_id=settings.files_s3_access_key.get_secret_value(),
        secret_access_key=settings.files_s3_secret_key.get_secret_value(),
        retry_config={"max_retries": 2, "retry_timeout": patience},
        client_options={
            "allow_http": settings.files_s3_endpoint.startswith("http://"),
            "timeout": timedelta(seconds=S3_SECONDS),
        },
    )
