"""/api/v1/reports: the figures of the pages for other systems."""

from datetime import date
from typing import Annotated, Self

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from app.accounts.access import Actor, require_token
from app.accounts.models import Role
from app.api import UtcTime, refusals
from app.db import SessionDep
from app.reports.asking import QuestionDep
from app.reports.question import Period
from app.reports.sla import DepartmentLine, Figures, sla_report
from app.time import utc_now

router = APIRouter(prefix="/api/v1/reports", tags=["Отчёты"], responses=refusals(401, 403, 422))
TokenDep = Annotated[Actor, Depends(require_token(Role.OPERATOR, Role.MANAGER, Role.ADMIN))]


class PeriodView(BaseModel):
    """Период отчёта: обещания, начатые не раньше starts_at и раньше ends_at."""

    first_day: date = Field(alias="from", description="Первый день", examples=["2026-10-18"])
    last_day: date = Field(alias="to", description="Последний день, входит в период", examples=["2026-11-16"])
    starts_at: UtcTime
    ends_at: UtcTime
    time_zone: str = Field(description="Часовой пояс центра, в нём считаются дни", examples=["Asia/Omsk"])

    @classmethod
    def of(cls, period: Period) -> Self:
        """The period as the API tells it."""
        return cls.model_validate(
            {
                "from": period.first_day,
                "to": period.last_day,
                "starts_at": period.start,
                "ends_at": period.end,
                "time_zone": period.zone,
            }
        )


class FiguresView(BaseModel):
    """Показатели. Поступило = в срок + с нарушением + ждут ответа + закрыто без ответа до срока."""

    received: int = Field(description="Поступило: обещаний начато за период", examples=[4812])
    answered: int = Field(description="Отвечено, в срок или позже", examples=[4640])
    met: int = Field(description="Отвечено в срок", examples=[4402])
    breached: int = Field(description="С нарушением; открытые с прошедшим сроком тоже здесь", examples=[276])
    open_overdue: int = Field(description="Из них открыты и просрочены", examples=[6])
    waiting: int = Field(description="Открыты, срок не прошёл", examples=[128])
    compliance: float | None = Field(description="met ÷ (met + breached); null — нет данных", examples=[0.941])
    compliance_low: float | None = Field(description="Нижняя граница 95 % интервала Уилсона", examples=[0.934])
    compliance_high: float | None = Field(description="Верхняя граница 95 % интервала Уилсона", examples=[0.947])
    p50_minutes: float | None = Field(description="Медиана времени до ответа, рабочих минут", examples=[168])
    p90_minutes: float | None = Field(description="90 % ответов быстрее, рабочих минут", examples=[455])

    @staticmethod
    def values(figures: Figures) -> dict[str, float | None]:
        """The figures as the API names them."""
        low, high = figures.interval or (None, None)
        return {
            "received": figures.received,
            "answered": figures.answered,
            "met": figures.met,
            "breached": figures.breached,
            "open_overdue": figures.open_overdue,
            "waiting": figures.waiting,
            "compliance": figures.compliance,
            "compliance_low": low,
            "compliance_high": high,
            "p50_minutes": figures.p50_minutes,
            "p90_minutes": figures.p90_minutes,
        }

    @classmethod
    def of(cls, figures: Figures) -> Self:
        """All of them as one object."""
        return cls.model_validate(cls.values(figures))


class DepartmentFigures(FiguresView):
    """Показатели отдела."""

    department: str = Field(description="Код отдела", examples=["housing"])
    department_name: str = Field(description="Название отдела", examples=["Департамент ЖКХ"])
    is_rated: bool = Field(description="Достаточно ли обращений, чтобы сравнивать с другими (от 10)")

    @classmethod
    def of_line(cls, line: DepartmentLine) -> Self:
        """One line of the report."""
        values = cls.values(line.figures)
        names = {"department": line.code, "department_name": line.name, "is_rated": line.figures.is_rated}
        return cls.model_validate(values | names)


class NowView(BaseModel):
    """Открытые обращения сейчас, за любой период."""

    overdue: int = Field(description="Ближайший срок прошёл")
    due_in_4_hours: int = Field(description="Срок в следующие 4 часа")
    due_in_24_hours: int = Field(description="Срок в следующие 24 часа")


class SlaView(BaseModel):
    """Соблюдение сроков по отделам за период."""

    period: PeriodView
    kind: str = Field(description="Обещание: first_answer или final", examples=["first_answer"])
    rows: list[DepartmentFigures] = Field(description="Отделы, у которых за период что-то было")
    totals: FiguresView = Field(description="Все отделы вместе")
    previous_totals: FiguresView = Field(description="То же за предыдущий период той же длины")
    now: NowView


@router.get("/sla", summary="Сроки ответов", response_model_by_alias=True)
async def sla(session: SessionDep, actor: TokenDep, question: QuestionDep) -> SlaView:
    """Те же числа, что на странице отчёта «Сроки ответов». Разговоры, спам, повторы и удалённое не входят."""
    report = await sla_report(session, question, utc_now())
    return SlaView(
        period=PeriodView.of(question.period),
        kind=question.kind,
        rows=[DepartmentFigures.of_line(line) for line in report.departments],
        totals=FiguresView.of(report.totals),
        previous_totals=FiguresView.of(report.previous),
        now=NowView(
            overdue=report.now.overdue,
            due_in_4_hours=report.now.due_in_4_hours,
            due_in_24_hours=report.now.due_in_24_hours,
        ),
    )
