"""Bringing one file from the outside: as much as is allowed, as long as is allowed, and nothing packed."""

import asyncio

import httpx

from app.files.content import FileRefused
from app.outward import AddressRefused

WHOLE_SECONDS = 60.0
# "Too many requests" and "come back later" among the refusals of servers; others stay what they are.
PASSING = frozenset({408, 425, 429})


class FileNotGiven(Exception):
    """The file did not come. Says why in a Russian sentence; `is_final` when the server will not change its mind."""

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason)
        self.is_final = is_final


async def download(client: httpx.AsyncClient, url: str, most_bytes: int) -> bytes:
    """The file at this address. Raises FileRefused, FileNotGiven; neither names the address, it may hold a token."""
    try:
        async with (
            asyncio.timeout(WHOLE_SECONDS),
            client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response,
        ):
            _check(response, most_bytes)
            return await _read(response, most_bytes)
    except AddressRefused as refusal:
        raise FileRefused(str(refusal)) from refusal
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise FileRefused("Адрес файла не читается") from error
    except httpx.TooManyRedirects as error:
        raise FileRefused("Адрес файла слишком долго ведёт от одного сервера к другому") from error
    except (httpx.HTTPError, TimeoutError, OSError) as error:
        raise FileNotGiven("Сервер с файлом не отвечает") from error


def _check(response: httpx.Response, most_bytes: int) -> None:
    status = response.status_code
    if not response.is_success:
        is_final = 300 <= status < 500 and status not in PASSING
        raise FileNotGiven(f"Площадка не отдаёт файл (ответ {status})", is_final=is_final)
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FileRefused("Сервер отдаёт файл только сжатым")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most_bytes:
        raise _too_large(most_bytes)


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > most_bytes:
            raise _too_large(most_bytes)
    return bytes(content)


def _too_large(most_bytes: int) -> FileRefused:
    return FileRefused(f"Файл больше {most_bytes // 1024**2} МБ")
