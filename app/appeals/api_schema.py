"""What /api/v1 says and takes about appeals. Docstrings and descriptions here are read in OpenAPI, so in Russian."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, computed_field

from app.api import NO_NUL, UtcTime
from app.appeals.models import AnswerState, State

Kind = Literal["comment", "message"]
ExpectedVersion = Annotated[
    int | None,
    Field(ge=1, le=2**31 - 1, description="Версия, которую вы видели: если обращение изменилось, ответ будет 409"),
]


class AppealItem(BaseModel):
    """Обращение в списке."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="Номер обращения", examples=[1286])
    platform: str = Field(
        description="Соцсеть: vk, ok, max, telegram, viber; web — форма на сайте, open311 — городское приложение",
        examples=["vk"],
    )
    kind: Kind = Field(description="comment — комментарий, message — личное сообщение")
    page_external_id: str = Field(description="Номер страницы в соцсети", examples=["200000001"])
    author_external_id: str = Field(description="Номер автора в соцсети", examples=["100000001"])
    external_id: str = Field(description="Номер первого сообщения в соцсети", examples=["731"])
    text: str = Field(description="Текст первого сообщения, каков он сейчас", examples=["Третий день нет отопления"])
    state: State = Field(
        description="review — проверить, routed — в отделе, in_work — в работе, interim — дан промежуточный ответ, "
        "answered — ответ доставлен, closed — закрыто без ответа"
    )
    topic_group: str | None = Field(description="Группа тем", examples=["ЖКХ"])
    topic: str | None = Field(description="Тема", examples=["Отопление"])
    agency: str | None = Field(description="Ведомство по мнению модели")
    confidence: float | None = Field(description="Уверенность в теме, от 0 до 1", examples=[0.87])
    department: str = Field(description="Код отдела, который отвечает", examples=["housing"])
    department_name: str = Field(description="Название отдела", examples=["Департамент ЖКХ"])
    next_due_at: UtcTime | None = Field(description="Ближайший срок; пусто, если ответа никто не ждёт")
    received_at: UtcTime = Field(description="Когда пришло")
    source_url: str | None = Field(description="Ссылка на сообщение в соцсети")
    is_talk: bool = Field(description="Похоже на разговор, а не обращение: в показатели не входит")
    severity: int = Field(description="Важность от 0 до 5; с 4 — высокая", examples=[2])
    version: int = Field(description="Растёт с каждым изменением", examples=[3])


class AppealPage(BaseModel):
    """Часть списка обращений, новые первыми."""

    items: list[AppealItem]
    next: str | None = Field(description="Значение cursor для продолжения; null — список окончен")


class StoredFile(BaseModel):
    """Файл вложения, который мы храним."""

    model_config = ConfigDict(from_attributes=True)

    sha256: str = Field(description="SHA-256 содержимого")
    media_type: str = Field(description="Тип, определённый по содержимому", examples=["image/jpeg"])
    size_bytes: int = Field(description="Размер", examples=[184320])

    @computed_field(description="Где его взять с тем же ключом", return_type=str)  # type: ignore[prop-decorator]
    @property
    def url(self) -> str:
        """The address is the content."""
        return f"/api/v1/files/{self.sha256}"


class Attachment(BaseModel):
    """Вложение."""

    kind: str = Field(description="Вид: photo, video, audio, doc, link, place …", examples=["photo"])
    url: str | None = Field(None, description="Адрес файла у соцсети; может устареть")
    latitude: float | None = Field(None, description="Широта, если вложено место", examples=[54.9914])
    longitude: float | None = Field(None, description="Долгота, если вложено место", examples=[73.3645])
    title: str | None = Field(None, description="Название или подпись")
    file: StoredFile | None = Field(None, description="Наша копия; null — её нет или ещё нет")


class MessageItem(BaseModel):
    """Сообщение соцсети, как оно понято: жителя или самой страницы, обращение или нет."""

    model_config = ConfigDict(from_attributes=True)

    id: int = Field(description="Номер у нас")
    platform: str = Field(examples=["vk"])
    kind: Kind
    page_external_id: str = Field(examples=["200000001"])
    external_id: str = Field(description="Номер сообщения в соцсети", examples=["731"])
    key: str = Field(description="Ключ сообщения, единственный на странице", examples=["wall:731"])
    chat_external_id: str | None = Field(
        description="Переписка, если соцсеть её называет", examples=["chat:C3ecb9d02a600"]
    )
    thread_key: str | None = Field(
        description="Ключ разговора одного автора в одном месте", examples=["message:100000001"]
    )
    post_external_id: str | None = Field(description="Запись, фото или товар, под которым написано", examples=["55"])
    reply_to_external_id: str | None = Field(description="На какое сообщение это ответ")
    author_external_id: str | None = Field(description="Автор; пусто, если соцсеть его не назвала")
    author_name: str | None = Field(description="Имя автора, если соцсеть его сообщает")
    text: str
    attachments: list[Attachment]
    sent_at: UtcTime | None = Field(description="Когда написано")
    edited_at: UtcTime | None = Field(description="Когда автор исправил в последний раз")
    deleted_at: UtcTime | None = Field(description="Когда удалено")
    is_own: bool = Field(description="Написано от имени страницы")
    appeal_id: int | None = Field(description="Обращение, к которому относится")


class MessagePage(BaseModel):
    """Часть списка сообщений, новые первыми."""

    items: list[MessageItem]
    next: str | None = Field(description="Значение cursor для продолжения; null — список окончен")


class Guess(BaseModel):
    """Метка и её вероятность."""

    label: str = Field(examples=["Отопление"])
    probability: float = Field(examples=[0.87])


class JudgedLabels(BaseModel):
    """До пяти лучших меток каждого вида, первая — самая вероятная."""

    topic_group: list[Guess] = []
    topic: list[Guess] = []
    agency: list[Guess] = []


class JudgementView(BaseModel):
    """Что сказала модель."""

    model_version: str
    appeal_probability: float = Field(description="Вероятность, что это обращение, а не разговор")
    labels: JudgedLabels
    thresholds: dict[str, float] = Field(description="С какой вероятности метке верят без человека")
    is_sure: bool


class RoutingStep(BaseModel):
    """Один шаг решения."""

    layer: str = Field(description="exception, matrix, default, confidence; hand — решил человек")
    rule: str
    outcome: str = Field(description="won, lost, skipped, info")
    department: str | None
    because: str = Field(description="Почему, предложением")


class RoutingView(BaseModel):
    """Какое правило выбрало отдел и почему."""

    department: str
    rule: str
    layer: str
    rule_set_version: str
    co_departments: list[str] = Field(default_factory=list, description="Соисполнители")
    at: UtcTime
    steps: list[RoutingStep]


class ClockView(BaseModel):
    """Срок, обещанный жителю."""

    model_config = ConfigDict(from_attributes=True)

    kind: str = Field(description="first_answer — первый ответ, final — окончательный", examples=["first_answer"])
    cycle: int = Field(description="Номер круга: новый начинается, когда житель пишет снова")
    policy_code: str = Field(examples=["social-default"])
    policy_version: int
    started_at: UtcTime
    due_at: UtcTime | None = Field(description="Срок; пусто на паузе")
    met_at: UtcTime | None = Field(description="Когда выполнено, в срок или позже")
    breached_at: UtcTime | None = Field(description="Когда нарушено")
    closed_at: UtcTime | None
    spent_minutes: float | None = Field(description="Потрачено минут того времени, в котором считается срок")
    is_counted: bool = Field(description="Входит ли в показатели")


class AnswerItem(BaseModel):
    """Ответ и его путь в соцсеть."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    appeal_id: int
    kind: Kind
    text: str
    is_interim: bool = Field(description="Промежуточный: окончательный ещё должны дать")
    author_label: str = Field(description="Кто ответил")
    state: AnswerState = Field(
        description="pending — ждёт отправки, sending — отправляется, delivered — доставлен, "
        "failed — соцсеть отказала, hands_needed — нужно действие человека, unknown — исход неизвестен"
    )
    attempts: int
    error_code: str | None = Field(description="Код отказа соцсети")
    error_reason: str | None = Field(description="Причина отказа, предложением")
    external_id: str | None = Field(description="Номер ответа в соцсети, когда доставлен")
    created_at: UtcTime
    delivered_at: UtcTime | None


class HistoryItem(BaseModel):
    """Что произошло с обращением."""

    model_config = ConfigDict(from_attributes=True)

    at: UtcTime
    actor: str = Field(examples=["Система"])
    action: str = Field(description="received, judged, routed, answer_delivered …", examples=["routed"])
    details: dict[str, Any]


class AppealCard(AppealItem):
    """Обращение целиком."""

    author_name: str | None
    post_external_id: str | None
    place: str = Field(description="Где написано: wall, photo, video, market, board, message", examples=["wall"])
    cycle: int
    transfer_count: int = Field(description="Сколько раз передавали другому отделу")
    first_answered_at: UtcTime | None
    closed_at: UtcTime | None
    close_reason: str | None
    depersonalised_at: UtcTime | None = Field(
        description="Когда из обращения удалены слова и имя, по сроку хранения или по просьбе жителя; пусто — они есть"
    )
    judgement: JudgementView | None = Field(description="Что сказала модель, с вариантами; null — ещё не судила")
    routing: RoutingView | None = Field(description="Почему этот отдел; null — ещё не назначен правилами")
    clocks: list[ClockView]
    messages: list[MessageItem]
    answers: list[AnswerItem]
    history: list[HistoryItem]


class NewAnswer(BaseModel):
    """Ответ жителю. Уходит в соцсеть сразу; срок останавливается, когда соцсеть подтвердит доставку."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Отопление восстановят сегодня к 18:00."}]}
    )

    text: str = Field(min_length=1, max_length=20_000, pattern=NO_NUL, description="Текст ответа")
    is_interim: bool = Field(False, description="Промежуточный ответ: обещание окончательного продолжается")
    is_private: bool = Field(False, description="Личным сообщением, даже если обращение — комментарий")
    expected_version: ExpectedVersion = None


class NewRouting(BaseModel):
    """Передача другому отделу. Срок не меняется."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"department": "housing", "reason": "Дом в ведении города"}]}
    )

    department: str = Field(min_length=1, max_length=80, pattern=NO_NUL, description="Код отдела")
    reason: str = Field("", max_length=1000, pattern=NO_NUL, description="Почему")
    expected_version: ExpectedVersion = None


class NewClosure(BaseModel):
    """Закрытие без ответа в соцсеть."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "duplicate"}]})

    reason: Literal["no_answer_needed", "spam", "duplicate", "answered_elsewhere"] = Field(
        description="no_answer_needed — ответ не нужен, spam — спам или брань, duplicate — повтор другого обращения, "
        "answered_elsewhere — ответ дан иначе"
    )
    expected_version: ExpectedVersion = None
