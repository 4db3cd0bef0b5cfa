"""`appeals channels …`: departments' own systems."""

from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.outgoing import channels, queries, replaying
from app.outgoing.models import ChannelKind
from app.resources import Resources
from app.terminal import COMMAND_LINE, change, console, fail, run
from app.time import utc_now

channels_app = typer.Typer(no_args_is_help=True, help="Системы отделов: вебхуки и Open311.")
ChannelId = Annotated[int, typer.Argument(help="Номер канала")]


@channels_app.command("add")
def channels_add(
    department: Annotated[str, typer.Option(help="Код отдела")],
    url: Annotated[str, typer.Option(help="Адрес системы; у Open311 — адрес API без /requests.json")],
    kind: Annotated[ChannelKind, typer.Option()] = ChannelKind.WEBHOOK,
    secret: Annotated[str, typer.Option(help="Секрет подписи (пусто: новый) или ключ API Open311")] = "",
    event: Annotated[list[str] | None, typer.Option(help="Только это событие; можно несколько")] = None,
    service: Annotated[
        list[str] | None, typer.Option(help="Open311: ТЕМА=код услуги; =код — для всех остальных тем")
    ] = None,
) -> None:
    """Открыть канал. Последняя строка вывода: секрет подписи, больше его никто не покажет."""
    services = _services(service or [])

    async def work(session: AsyncSession, resources: Resources) -> tuple[int, str]:
        channel, made = await channels.add_channel(
            session, resources.vault, department=department, kind=kind, url=url, secret=secret, events=event or [],
            services=services, internal=resources.settings.hosts_of_channels(), actor=COMMAND_LINE, now=utc_now(),
        )  # fmt: skip
        return channel.id or 0, made

    number, made = change(work)
    console.print(f"Канал № {number} открыт. Проверьте его: appeals channels test {number}")
    if kind is ChannelKind.WEBHOOK:
        typer.echo(made)


def _services(pairs: list[str]) -> dict[str, str]:
    services = {}
    for pair in pairs:
        topic, sign, code = pair.rpartition("=")
        if not sign or not code:
            fail(f"Нужно ТЕМА=код, а не «{pair}»")
        services[topic] = code
    return services


@channels_app.command("list")
def channels_list() -> None:
    """Показать каналы."""

    async def work(session: AsyncSession, _: Resources) -> list[queries.ChannelRow]:
        return await queries.list_channels(session)

    for row in change(work):
        state = "работает" if row.is_active else f"остановлен: {row.stopped_reason}"
        counts = f"принято {row.delivered}, ждёт {row.waiting}, не принято {row.failed}"
        typer.echo(f"{row.id}  {row.department}  {row.kind}  {row.place}  {state}  {counts}")


@channels_app.command("test")
def channels_test(channel: ChannelId) -> None:
    """Обратиться к системе один раз, без слов жителей."""

    async def work(resources: Resources) -> str:
        return await replaying.try_out(resources, channel, utc_now())

    console.print(run(work), markup=False)


@channels_app.command("stop")
def channels_stop(channel: ChannelId, reason: Annotated[str, typer.Option(help="Почему")] = "") -> None:
    """Остановить канал: что ждёт отправки, подождёт."""
    change(lambda session, _: channels.stop_channel(session, channel, reason, COMMAND_LINE, now=utc_now()))
    console.print(f"Канал № {channel} остановлен")


@channels_app.command("resume")
def channels_resume(channel: ChannelId) -> None:
    """Возобновить остановленный канал."""
    change(lambda session, _: channels.resume_channel(session, channel, COMMAND_LINE, now=utc_now()))
    console.print(f"Канал № {channel} работает")


@channels_app.command("replay")
def channels_replay(
    channel: ChannelId,
    delivery: Annotated[int | None, typer.Option(help="Одна доставка; без неё — всё, что не принято")] = None,
) -> None:
    """Отправить события ещё раз, под прежними номерами."""

    async def work(session: AsyncSession, _: Resources) -> int:
        if delivery is None:
            return await replaying.replay_failed(session, channel, COMMAND_LINE, now=utc_now())
        await replaying.replay(session, delivery, COMMAND_LINE, now=utc_now())
        return 1

    console.print(f"Событий отправится снова: {change(work)}")
