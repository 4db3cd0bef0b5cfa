"""What a message wants: complaint, question, proposal, request, thanks; or it is talk, spam or abuse. For sorting only.

No corpus with such labels may be used here, so these are rules, checked on messages invented for the tests; talk and
abuse come from the model, whose marks come from forums. Nothing may be dropped because of what this says.
"""

import re
from enum import StrEnum
from typing import Final

from classifier.judge import Judgement
from classifier.phrases import Lexicon


class MessageKind(StrEnum):
    """In the order in which a desk would read them."""

    COMPLAINT = "complaint"
    REQUEST = "request"
    QUESTION = "question"
    PROPOSAL = "proposal"
    THANKS = "thanks"
    TALK = "talk"
    ABUSE = "abuse"
    SPAM = "spam"


ABUSE_FROM: Final = 0.8
CUES: Final = Lexicon(
    {
        MessageKind.SPAM: """
            заработ|=доход|=подработка =день|дом|интернет|вложени|легк|быстр|=без !плат !мусор !пенси !зарплат
            кредит|=займ|=займы =без|одобр|=минут|онлайн|процент !отсрочк !мобилиз
            скидк|распродаж|промокод|акци|дешев =на|только|сегодня|купит|закаж|успей|доставк|переход !лекарств !пенсион
            продам|=куплю|=сдам|=сниму|ремонтируем|=перетяжка|=натяжные|=грузоперевозки !участ
            подпис|вступай|переход канал|групп|ссылк|бот
            казино|ставк|=ставки|выигр|=промокод бонус|спорт|деньг|регистрац|миллион
            гадан|приворот|=таролог|астролог
        """,
        MessageKind.THANKS: """
            спасиб|благодар !заранее !вперед !скаж !говор !толку !было
            =молодцы|=молодец|=молодцы
            низкий =поклон
        """,
        MessageKind.PROPOSAL: """
            предлага
            предложени|инициатив|идея =у|есть|прошу|рассмотр|хочу
            хорошо|неплохо|здорово|лучше =бы
            давайте
            почему =бы =не
            можно =было =бы
        """,
        MessageKind.REQUEST: """
            прошу|просим|просьба|просят|=убедительно
            помогите|=помогите|отремонтируйте|почините|уберите|сделайте|поставьте|примите|проверьте|вывезите|включите
            верните|замените|установите|откройте|организуйте|разберитесь|обратите|закройте|пришлите|отловите|постройте
            почистите|восстановите|осветите|оградите|огородите|добавьте|пустите|снимите|посыпьте|закатайте|подключите
            пожалуйста !скаж !подскаж !ответ
            =нужен|=нужна|=нужно|=нужны|необходим !кому !зачем
        """,
        MessageKind.QUESTION: """
            подскажите|скажите|ответьте|поясните|объясните|=интересует
        """,
    }
)
_ASKS: Final = re.compile(
    r"^\W*(?:(?:добрый|доброе|здравствуйте|привет|день|утро|вечер)\W+)*(?:а|и|так)?\s*"
    r"(?:когда|где|куда|как|какой|какая|какие|кто|кому|сколько|почему|зачем|можно ли|будет ли|есть ли|правда ли|чей)\b",
    re.IGNORECASE,
)


def kind_of(text: str, judgement: Judgement, appeal_threshold: float) -> MessageKind:
    """The kind that fits best. ``appeal_threshold`` is the model's: below it a message without any cue is talk."""
    told = {found.theme for found in CUES.find(text)}
    is_talk = judgement.appeal_probability < appeal_threshold
    if judgement.abuse_probability >= ABUSE_FROM and is_talk:
        return MessageKind.ABUSE
    for kind in (MessageKind.SPAM, MessageKind.PROPOSAL):
        if kind in told:
            return kind
    is_asking = "?" in text and (MessageKind.QUESTION in told or _ASKS.match(text) is not None)
    if MessageKind.THANKS in told and not is_asking:
        return MessageKind.THANKS
    if is_talk:
        return MessageKind.TALK
    if is_asking or MessageKind.QUESTION in told:
        return MessageKind.QUESTION
    return MessageKind.REQUEST if MessageKind.REQUEST in told else MessageKind.COMPLAINT
