"""The queue and the card in the browser, on the real path: a comment comes, people act, the card says what is so."""

import asyncio
import json
import re
from contextlib import aclosing
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlmodel import col

from app.accounts.models import Role
from app.appeals import pages
from app.appeals.models import Answer, AnswerState, Appeal, Draft, State
from app.appeals.page_models import Contact, PagePost
from app.departments.models import Department
from app.live import Live
from app.resources import Resources
from app.triage.models import LabelChoice
from tests.appeals.conftest import Browser, SignIn
from tests.conftest import NOW, VK
from tests.office import DOCTOR, HEATING, ROAD, actions, only, opened, other_department, rows

HTMX = "/queue"


async def reread(resources: Resources, appeal: Appeal) -> Appeal:
    return next(one for one in await rows(resources, Appeal) if one.id == appeal.id)


async def change(resources: Resources, model: Any, **values: Any) -> None:
    async with resources.database.transaction() as session:
        await session.execute(update(model).values(**values))


async def drafts(resources: Resources) -> list[str]:
    async with resources.database.transaction() as session:
        return list(await session.scalars(select(col(Draft.text))))


def words_of(html: str) -> str:
    """What a person reads."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def attributes_of(html: str) -> set[str]:
    """Names of all attributes of all tags, as a browser would see them."""
    names: set[str] = set()
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: names.update(name for name, _ in attributes)  # type: ignore[method-assign]
    parser.feed(html)
    return names


# Reading


async def test_a_stranger_is_sent_to_the_login_page_and_back(vk: VK) -> None:
    response = await vk.client.get("/queue?tab=mine")
    assert response.status_code == 303
    assert response.headers["location"] == "/login?next=%2Fqueue%3Ftab%3Dmine"


async def test_the_queue_shows_what_came_with_topic_department_and_page(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    page = (await browser.get("/queue")).text
    department = next(one for one in await rows(vk.resources, Department) if one.id == appeal.department_id)
    assert f'href="/appeals/{appeal.id}"' in page
    for words in (ROAD, department.short_name, vk.page.name, "Открытые 1", "Выберите обращение"):
        assert words in words_of(page), words


async def test_the_selected_card_stands_beside_the_list(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    page = (await browser.get(f"/queue?selected={appeal.id}")).text
    assert f'data-appeal="{appeal.id}"' in page
    assert 'id="answer"' in page
    assert page.count('aria-current="true"') == 1


async def test_a_selection_that_is_gone_leaves_the_list(vk: VK, browser: Browser) -> None:
    response = await browser.get("/queue?selected=999")
    assert response.status_code == 200
    assert "Выберите обращение" in response.text


async def test_the_card_says_everything_about_the_appeal(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    card = (await browser.get(f"/appeals/{appeal.id}?tab=new")).text
    text = words_of(card)
    for words in ("Какая это тема?", "отдел тот же", "Срок первого ответа", "9 рабочих часов", "Почему сюда?", "Житель",
                  "История", "Сообщение получено", "Модель определила тему", "Очередь", "Новые"):  # fmt: skip
        assert words in text, words
    assert "<mark" in card
    assert f'href="{appeal.source_url}"'.replace("&", "&amp;") in card
    assert card.count('class="guess') >= 5


async def test_the_card_for_htmx_is_the_card_and_its_row_and_nothing_else(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    beside = (await browser.get(f"/appeals/{appeal.id}", htmx_on="/queue?tab=new")).text
    assert "<html" not in beside
    assert f'id="row-{appeal.id}" data-row="{appeal.id}" aria-current="true" hx-swap-oob="true"' in beside
    assert "/queue?tab=new&amp;selected=" in beside
    alone = await browser.get(f"/appeals/{appeal.id}", htmx_on=f"/appeals/{appeal.id}")
    assert "hx-swap-oob" not in alone.text
    assert "appeal__dock" in alone.text
    assert alone.headers["X-Appeal-Version"] == str(appeal.version)


async def test_nothing_is_inline_and_words_of_citizens_are_only_words(vk: VK, browser: Browser) -> None:
    evil = '<script>alert("дорога")</script> ямы на дороге <img src=x onerror=alert(1)>'
    appeal = await opened(vk, evil)
    for address in ("/queue", f"/queue?selected={appeal.id}", f"/appeals/{appeal.id}", "/queue/conditions"):
        page = (await browser.get(address)).text
        assert not {"style", "onclick", "onerror"} & attributes_of(page), address
        assert "<script>" not in page, address


@pytest.mark.parametrize(
    "address",
    ["/queue?tab=x&order=y&page=-1&state=z", "/queue?after=xx", "/queue?selected=abc", "/queue?q=%00", "/queue?q=((",
     "/queue/changes?ids=a,b,,99999999999999999999&shown=%20", "/queue/rows?after=1-x", "/queue?page=99999999999999"],
)  # fmt: skip
async def test_a_broken_address_shows_a_page(browser: Browser, address: str) -> None:
    assert (await browser.get(address)).status_code == 200


@pytest.mark.parametrize("number", ["0", "-1", "abc", str(2**63)])
async def test_a_number_that_cannot_be_is_refused_in_russian(browser: Browser, number: str) -> None:
    response = await browser.get(f"/appeals/{number}")
    assert response.status_code == 422
    assert "заполнено неверно" in response.text


async def test_an_unknown_appeal_is_not_found(browser: Browser) -> None:
    response = await browser.get("/appeals/17")
    assert response.status_code == 404
    assert "Обращения № 17 нет" in response.text


async def test_an_edit_and_a_deletion_by_the_author_are_marked_and_the_old_words_kept(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    edited = {"id": 731, "from_id": 100000002, "date": 1, "text": "Дорогу починили?", "post_id": 700, "owner_id": -1}
    await vk.deliver(vk.event("wall_reply_edit", {**edited, "owner_id": -200000001}))
    await vk.drain()
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "показать правку" in card
    assert f"<del>{ROAD}</del>" in card
    await vk.deliver(
        vk.event("wall_reply_delete", {"id": 731, "post_id": 700, "owner_id": -200000001, "deleter_id": 1})
    )
    await vk.drain()
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "удалено автором" in card
    assert "Показать удалённый текст" in card


async def test_the_citizens_other_appeals_stand_on_the_card(vk: VK, browser: Browser) -> None:
    first = await opened(vk, DOCTOR, comment_id=1)
    second = await opened(vk, HEATING, comment_id=2)
    card = (await browser.get(f"/appeals/{second.id}")).text
    assert f'<a class="clip" href="/appeals/{first.id}">{DOCTOR[:40]}' in card


# Finding


async def test_what_a_search_does_not_find_here_is_offered_elsewhere(vk: VK, browser: Browser) -> None:
    await opened(vk)
    await change(vk.resources, Appeal, state=State.CLOSED)
    page = (await browser.get("/queue?q=дорога")).text
    assert "Закрытые: 1" in words_of(page)
    assert ROAD in (await browser.get("/queue?tab=done&q=дорога")).text
    assert "ничего нет" in (await browser.get("/queue?q=телепорт")).text


async def test_conditions_are_named_and_can_be_removed(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    address = f"/queue?tab=new&page={vk.page.id}&territory=52701000&department={appeal.department_id}&platform=vk"
    page = (await browser.get(address)).text
    for token in (f"страница {vk.page.name}", "территория Омск", "площадка ВКонтакте"):
        assert token in words_of(page), token
    assert f'href="/queue?tab=new&amp;page={vk.page.id}&amp;department={appeal.department_id}&amp;territory' in page
    assert ROAD in page


async def test_what_the_list_can_be_narrowed_by_is_listed(vk: VK, browser: Browser) -> None:
    page = (await browser.get("/queue/conditions?territory=52701000", htmx_on="/queue")).text
    assert '<option value="52701000" selected>Омск</option>' in page
    assert vk.page.name in page


async def test_topics_beyond_the_five_are_found_by_a_word(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    found = (await browser.get(f"/appeals/{appeal.id}/topics?words=фонар", htmx_on=HTMX)).text
    assert 'name="label"' in found
    assert "фонар" in found.lower()
    nothing = (await browser.get(f"/appeals/{appeal.id}/topics?words=телепорт", htmx_on=HTMX)).text
    assert "нет в списке модели" in nothing


# Judging and routing


async def test_one_key_accepts_the_topic_and_leaves_a_labelled_example(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    response = await browser.post(
        f"/appeals/{appeal.id}/labels", htmx_on=HTMX, label=appeal.topic, version=appeal.version
    )
    assert response.status_code == 200
    assert "подтверждена" in response.text
    choice = await only(vk.resources, LabelChoice)
    assert (choice.chosen, choice.is_accepted, choice.user_id) == (appeal.topic, True, browser.actor.user_id)


async def test_a_corrected_topic_leads_where_the_key_said_it_would(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk, HEATING)
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    leads = re.findall(r'value="([^"]+)" data-key="Digit\d".*?guess__to">([^<]+)<', card, re.DOTALL)
    label, leads_to = next(pair for pair in leads if pair[1].startswith("→"))
    await browser.post(f"/appeals/{appeal.id}/labels", label=label)
    moved = await reread(vk.resources, appeal)
    department = next(one for one in await rows(vk.resources, Department) if one.id == moved.department_id)
    assert f"→ {department.short_name}" == leads_to
    assert moved.department_id != appeal.department_id


async def test_a_label_that_the_model_does_not_know_is_refused(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    response = await browser.post(f"/appeals/{appeal.id}/labels", htmx_on=HTMX, label="Телепортация")
    assert response.status_code == 422
    assert "Такой метки" in response.text


async def test_an_appeal_is_handed_to_another_department_with_a_reason(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    other = await other_department(vk.resources, appeal)
    response = await browser.post(
        f"/appeals/{appeal.id}/routing", htmx_on=HTMX, department=other.id, reason="их дорога"
    )
    assert other.short_name in words_of(response.text)
    assert "их дорога" in response.text
    assert (await reread(vk.resources, appeal)).department_id == other.id


# Working


async def test_taking_makes_it_mine_and_in_work(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    response = await browser.post(f"/appeals/{appeal.id}/assignment", htmx_on=HTMX, version=appeal.version)
    assert "ваше" in response.text
    assert (await reread(vk.resources, appeal)).assignee_id == browser.actor.user_id
    assert ROAD in (await browser.get("/queue?tab=mine")).text


async def test_a_note_is_for_colleagues(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    response = await browser.post(f"/appeals/{appeal.id}/notes", text="звонил дорожникам")
    assert "Заметка, житель не видит" in response.text
    assert "звонил дорожникам" in response.text


@pytest.mark.parametrize("verb", ["notes", "answers", "draft"])
async def test_a_nul_in_what_is_typed_is_left_out(vk: VK, browser: Browser, verb: str) -> None:
    appeal = await opened(vk)
    assert (await browser.post(f"/appeals/{appeal.id}/{verb}", text="зво\x00нил")).status_code == 200
    if verb != "draft":
        assert "звонил" in (await browser.get(f"/appeals/{appeal.id}")).text


async def test_closing_needs_a_reason_and_says_it(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    assert (await browser.post(f"/appeals/{appeal.id}/closure", htmx_on=HTMX)).status_code == 422
    response = await browser.post(f"/appeals/{appeal.id}/closure", reason="spam")
    assert "Закрыто: спам или брань" in response.text
    assert 'id="answer"' not in response.text


async def test_talk_becomes_an_appeal_when_a_person_says_so(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await change(vk.resources, Appeal, is_talk=True)
    assert "Это обращение" in (await browser.get(f"/appeals/{appeal.id}")).text
    await browser.post(f"/appeals/{appeal.id}/confirmation")
    assert not (await reread(vk.resources, appeal)).is_talk


async def test_a_draft_is_kept_and_comes_back(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    text, address = "Приедем на ул. Лесная, 5", f"/appeals/{appeal.id}/draft"
    saved = await browser.post(address, htmx_on=HTMX, text=text, to="public")
    assert "Сохранён" in saved.text
    assert "адрес виден всем" in saved.text
    private = await browser.post(address, htmx_on=HTMX, text=text, to="private")
    assert "адрес виден всем" not in private.text
    assert f"{text}</textarea>" in (await browser.get(f"/appeals/{appeal.id}")).text


async def test_an_answer_goes_out_and_the_card_says_that_it_is_on_its_way(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/draft", text="Начато")
    response = await browser.post(
        f"/appeals/{appeal.id}/answers", htmx_on=HTMX, text="Починим к пятнице", kind="interim", to="private"
    )
    assert "отправляется" in words_of(response.text)
    answer = await only(vk.resources, Answer)
    assert (answer.text, answer.is_interim, answer.kind, answer.state) == (
        "Починим к пятнице", True, "message", AnswerState.PENDING,
    )  # fmt: skip
    assert await drafts(vk.resources) == []


async def test_a_second_answer_is_refused_and_its_text_is_kept(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/answers", text="Первый")
    response = await browser.post(f"/appeals/{appeal.id}/answers", htmx_on=HTMX, text="Второй")
    assert response.status_code == 409
    assert await drafts(vk.resources) == ["Второй"]
    assert len(await rows(vk.resources, Answer)) == 1


@pytest.mark.parametrize("text", ["", "   "])
async def test_an_empty_answer_is_refused(vk: VK, browser: Browser, text: str) -> None:
    appeal = await opened(vk)
    response = await browser.post(f"/appeals/{appeal.id}/answers", htmx_on=HTMX, text=text)
    assert (response.status_code, response.text) == (422, "Пустой ответ")


async def test_who_was_late_is_told_sees_the_newer_state_and_keeps_the_text(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await change(vk.resources, Appeal, version=appeal.version + 1)
    for_htmx = await browser.post(
        f"/appeals/{appeal.id}/answers", htmx_on=HTMX, text="Мой ответ", version=appeal.version
    )
    assert for_htmx.status_code == 409
    assert json.loads(for_htmx.headers["HX-Trigger"]) == {"appeal-changed": appeal.id}
    without = await browser.post(f"/appeals/{appeal.id}/answers", text="Мой ответ", version=appeal.version)
    assert "Обращение изменилось, пока вы его читали" in without.text
    assert "Мой ответ</textarea>" in without.text
    assert await rows(vk.resources, Answer) == []


async def test_an_answer_that_was_not_delivered_says_why_and_can_be_sent_again(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/answers", text="Починим")
    await change(vk.resources, Answer, state=AnswerState.FAILED, error_reason="ВКонтакте: комментарии закрыты.")
    card = words_of((await browser.get(f"/appeals/{appeal.id}")).text)
    assert "Ответ не доставлен. ВКонтакте: комментарии закрыты. Срок не остановлен." in card
    assert "ответ не доставлен" in (await browser.get("/queue")).text
    answer = await only(vk.resources, Answer)
    await browser.post(f"/answers/{answer.id}/retry", htmx_on=HTMX)
    assert (await only(vk.resources, Answer)).state == AnswerState.PENDING


async def test_an_answer_that_is_given_up_comes_back_as_a_draft(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/answers", text="Починим")
    await change(vk.resources, Answer, state=AnswerState.UNKNOWN)
    answer = await only(vk.resources, Answer)
    card = (await browser.post(f"/answers/{answer.id}/cancellation")).text
    assert "Починим</textarea>" in card
    assert await rows(vk.resources, Answer) == []
    assert (await browser.post(f"/answers/{answer.id}/retry")).status_code == 404


async def test_an_answer_that_cannot_be_given_up_leaves_the_draft_alone(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/answers", text="Починим")
    await change(vk.resources, Answer, state=AnswerState.SENDING)
    await browser.post(f"/appeals/{appeal.id}/draft", text="Ещё набираю")
    answer = await only(vk.resources, Answer)
    await browser.post(f"/answers/{answer.id}/cancellation")
    async with vk.resources.database.transaction() as session:
        assert await session.scalar(select(col(Draft.text))) == "Ещё набираю"


# Who may


async def test_a_form_without_the_token_changes_nothing(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    for verb in ("assignment", "routing", "answers", "closure", "confirmation", "notes", "draft", "labels"):
        assert (await browser.client.post(f"/appeals/{appeal.id}/{verb}", data={"text": "x"})).status_code == 403
    assert (await reread(vk.resources, appeal)).version == appeal.version


async def test_a_department_finds_nothing_of_others(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    other = await other_department(vk.resources, appeal)
    stranger = await sign_in(Role.DEPARTMENT, other.code)
    assert ROAD not in (await stranger.get("/queue")).text
    assert (await stranger.get(f"/appeals/{appeal.id}")).status_code == 404
    for verb in ("assignment", "answers", "notes", "draft"):
        assert (await stranger.post(f"/appeals/{appeal.id}/{verb}", text="x")).status_code == 404, verb
    changes = (await stranger.get(f"/queue/changes?ids={appeal.id}&shown={appeal.id}", htmx_on=HTMX)).text
    assert f"row-{appeal.id}" not in changes


async def test_a_department_answers_its_own_and_does_not_route(vk: VK, sign_in: SignIn) -> None:
    appeal = await opened(vk)
    department = next(one for one in await rows(vk.resources, Department) if one.id == appeal.department_id)
    own = await sign_in(Role.DEPARTMENT, department.code)
    card = (await own.get(f"/appeals/{appeal.id}")).text
    assert "Мой отдел" in (await own.get("/queue")).text
    assert 'data-dialog="reroute"' not in card
    assert 'data-key="Digit1"' not in card
    for verb, form in (
        ("routing", {"department": 1}),
        ("labels", {"label": appeal.topic}),
        ("closure", {"reason": "spam"}),
    ):
        assert (await own.post(f"/appeals/{appeal.id}/{verb}", **form)).status_code == 403, verb
    await own.post(f"/appeals/{appeal.id}/answers", text="Починим")
    assert "answer_written" in await actions(vk.resources)


# What the card knows of the post, the citizen and an answer's fate


async def test_the_card_shows_the_post_that_the_comment_is_about(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    assert "Под записью" not in (await browser.get(f"/appeals/{appeal.id}")).text
    async with vk.resources.database.transaction() as session:
        session.add(PagePost(page_id=appeal.page_id, external_id="700", text="Завтра <b>субботник</b> в парке"))
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "Под записью: Завтра &lt;b&gt;субботник" in card


async def test_what_the_post_is_about_is_offered_where_the_comment_does_not_say(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk, "А у нас когда включат?")
    before = (await browser.get(f"/appeals/{appeal.id}")).text
    assert "тема записи" not in before
    post = "Из-за аварии на теплотрассе без отопления остались дома по улице Садовой, вечером отопление включат"
    async with vk.resources.database.transaction() as session:
        session.add(PagePost(page_id=appeal.page_id, external_id="700", text=post))
    card = (await browser.get(f"/appeals/{appeal.id}")).text
    offered = re.search(r'value="([^"]+)" data-key="Digit\d"(?:(?!</button>).)*· тема записи', card, re.DOTALL)
    assert offered
    topic = unescape(offered[1])
    assert "отопления" in topic
    assert (await reread(vk.resources, appeal)).routing == appeal.routing, "a post routes nothing by itself"
    await browser.post(f"/appeals/{appeal.id}/labels", label=topic)
    assert (await reread(vk.resources, appeal)).topic == topic


async def test_a_comment_that_speaks_for_itself_needs_no_hint(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk, HEATING)
    async with vk.resources.database.transaction() as session:
        session.add(PagePost(page_id=appeal.page_id, external_id="700", text="Горячую воду отключат с 10 июня"))
    assert "тема записи" not in (await browser.get(f"/appeals/{appeal.id}")).text


async def test_who_forbids_messages_is_shown_before_anybody_writes(vk: VK, browser: Browser) -> None:
    await vk.message(HEATING, 1)
    await vk.drain()
    appeal = await only(vk.resources, Appeal)
    assert "запретил" not in (await browser.get(f"/appeals/{appeal.id}")).text
    blocked = Contact(
        page_id=appeal.page_id, external_id=appeal.author_external_id, can_be_written=False, changed_at=NOW
    )
    async with vk.resources.database.transaction() as session:
        session.add(blocked)
    assert "Житель запретил странице писать ему" in words_of((await browser.get(f"/appeals/{appeal.id}")).text)


async def test_an_answer_of_unknown_fate_can_be_confirmed_by_who_has_seen_it(vk: VK, browser: Browser) -> None:
    appeal = await opened(vk)
    await browser.post(f"/appeals/{appeal.id}/answers", text="Починим")
    answer = await only(vk.resources, Answer)
    assert f"/answers/{answer.id}/confirmation" not in (await browser.get(f"/appeals/{appeal.id}")).text
    await change(vk.resources, Answer, state=AnswerState.UNKNOWN, error_reason="Связь оборвалась.")
    for address in (f"/appeals/{appeal.id}", "/events?tab=sending"):
        assert f"/answers/{answer.id}/confirmation" in (await browser.get(address)).text, address
    await browser.post(f"/answers/{answer.id}/confirmation")
    assert (await reread(vk.resources, appeal)).state == State.ANSWERED


# Live


async def test_changes_refresh_counts_and_shown_rows_and_count_what_is_not_shown(vk: VK, browser: Browser) -> None:
    shown = await opened(vk)
    new = await opened(vk, HEATING, comment_id=2, author=100000009)
    answer = (await browser.get(f"/queue/changes?ids={shown.id},{new.id}&shown={shown.id}", htmx_on=HTMX)).text
    assert "Открытые 2" in words_of(answer)
    assert f'id="row-{shown.id}"' in answer
    assert f'id="row-{new.id}"' not in answer
    assert f'data-fresh="{new.id}"' in answer
    assert "1 новое. Список не прыгает, пока вы читаете" in words_of(answer)


async def test_the_stream_tells_changes_and_beats_when_nothing_happens() -> None:
    live = Live("postgresql://nowhere")
    async with aclosing(pages.events(live, heartbeat_seconds=0.02)) as stream:
        assert (await anext(stream)).startswith(":")
        assert (await anext(stream)).startswith(":")  # nothing happened for a while
        live._tell("[7,9]")
        while (said := await anext(stream)).startswith(":"):
            pass
        assert said == 'event: appeals\ndata: {"ids":[7,9]}\n\n'
        assert len(live._browsers) == 1
    assert live._browsers == set()


async def test_the_stream_ends_when_the_process_is_told_to_stop() -> None:
    live = Live("postgresql://nowhere")
    heard = []
    async with aclosing(pages.events(live)) as stream:
        heard.append(await anext(stream))
        await asyncio.sleep(0)  # the subscription begins
        live._tell("[7]")
        live.end_streams()
        async with asyncio.timeout(5):
            heard += [said async for said in stream]
    assert heard == [": hello\n\n", 'event: appeals\ndata: {"ids":[7]}\n\n']
    assert live._browsers == set()
