"""After a change of keys every page is sealed anew, whatever stands before it."""

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.public_pages import rotation
from app.public_pages.models import PublicPage
from app.public_pages.rotation import rotate_keys
from app.resources import Resources
from app.vault import Vault
from tests.conftest import NOW, VK
from tests.office import rows

OLD, NEW = b"k" * 32, b"n" * 32


def unmarked(data: bytes) -> bytes:
    """As the first releases sealed."""
    return b"n" * 12 + AESGCM(OLD).encrypt(b"n" * 12, data, None)


async def test_a_page_that_no_key_opens_stops_none_of_those_after_it(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "PAGES_AT_ONCE", 2)
    lost = Vault(b"x" * 32).seal(b"{}")
    kept = [lost, Vault(OLD).seal(b"1"), None, unmarked(b"3"), Vault(NEW).seal(b"4")]
    async with resources.database.transaction() as session:
        session.add_all(
            PublicPage(key=f"k{n}", platform="vk", external_id=f"{n}", name=f"№ {n}", created_at=NOW, credentials=one)
            for n, one in enumerate(kept)
        )
    shares: list[float] = []
    counts = await rotate_keys(replace(resources, vault=Vault(NEW, OLD)), shares.append)
    assert (counts.sealed, counts.unreadable) == (2, ("№ 0",))
    stored = {page.external_id: page.credentials for page in await rows(resources, PublicPage)}
    assert (stored["0"], stored["2"], stored["4"]) == (lost, None, kept[4])
    assert [Vault(NEW).open(stored[n] or b"") for n in ("1", "3", "4")] == [b"1", b"3", b"4"]
    assert shares == [0.5, 1.0]  # of the four pages that have keys


async def test_deliveries_under_an_old_key_are_counted(resources: Resources, vk: VK) -> None:
    await vk.message("Во дворе не горит фонарь", 1)
    assert (await rotate_keys(resources, lambda share: None)).old_deliveries == 0
    rotated = replace(resources, vault=Vault(NEW, OLD))
    assert (await rotate_keys(rotated, lambda share: None)).old_deliveries == 1
