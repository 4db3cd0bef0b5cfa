"""What VKontakte tells besides messages is remembered with the page."""

from app.appeals.page_models import Contact, PagePost
from app.intake.models import EventState, InboxEvent
from app.resources import Resources
from tests.conftest import GROUP, NOW, VK
from tests.office import only, rows

CITIZEN = 100000001


async def test_a_citizen_forbids_and_allows_the_page_to_write(vk: VK, resources: Resources) -> None:
    for event_type, expected in (("message_deny", False), ("message_allow", True)):
        await vk.deliver(vk.event(event_type, {"user_id": CITIZEN, "key": ""}))
        await vk.drain()
        contact = await only(resources, Contact)
        assert (contact.external_id, contact.can_be_written) == (str(CITIZEN), expected)
    assert {event.state for event in await rows(resources, InboxEvent)} == {EventState.HANDLED}


async def test_a_post_of_the_page_is_kept_with_its_words_and_address(vk: VK, resources: Resources) -> None:
    told = {
        "id": 700,
        "owner_id": -GROUP,
        "from_id": -GROUP,
        "date": int(NOW.timestamp()),
        "text": "Ремонт теплотрассы",
    }
    await vk.deliver(vk.event("wall_post_new", {**told, "post_type": "post"}))
    await vk.drain()
    post = await only(resources, PagePost)
    assert (post.external_id, post.text, post.published_at) == ("700", "Ремонт теплотрассы", NOW)
    assert post.source_url == f"https://vk.com/wall-{GROUP}_700"
