from typing import Any

import pytest

from app.sla import defaults
from app.sla.policy import (
    EscalationStep,
    NothingPromised,
    Policy,
    PolicyInvalid,
    Span,
    Target,
    policy_from_document,
)

policies = {document["code"]: policy_from_document(document) for document in defaults.policy_documents()}


def document(**changes: Any) -> dict[str, Any]:
    target = {"kind": "first_answer", "span": {"amount": 60, "unit": "working_minutes"}}
    return {"code": "test", "version": 1, "title": "Проба", "targets": [target]} | changes


def targets(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"targets": [{"kind": "final", "span": span} for span in spans]}


def test_the_shipped_policies_are_the_norms_of_the_field() -> None:
    spans = {
        (code, target.kind, target.severity_at_least, target.track): (target.span.amount, target.span.unit)
        for code, policy in policies.items()
        for target in policy.targets
    }
    assert spans == {
        ("social-default", "first_answer", 0, ""): (9 * 60, "working_minutes"),
        ("social-default", "first_answer", 4, ""): (4 * 60, "calendar_minutes"),
        ("social-default", "final", 0, ""): (7, "working_days"),
        ("social-default", "moderation", 0, ""): (120, "working_minutes"),
        ("pos", "first_answer", 0, ""): (30, "calendar_days"),
        ("pos", "first_answer", 0, "fast"): (10, "calendar_days"),
        ("fz59", "registration", 0, ""): (3, "calendar_days"),
        ("fz59", "routing", 0, ""): (7, "calendar_days"),
        ("fz59", "first_answer", 0, ""): (30, "calendar_days"),
    }
    assert policies["fz59"].extension == Span(30, "calendar_days")
    assert policies["fz59"].max_extensions == 1
    assert policies["social-default"].max_extensions == 2


def test_every_shipped_norm_names_its_source() -> None:
    assert all(policy.source and all(target.source for target in policy.targets) for policy in policies.values())


@pytest.mark.parametrize(
    ("severity", "track", "minutes"), [(0, "", 500), (3, "", 500), (4, "", 240), (5, "", 240), (5, "fast", 90)]
)
def test_the_most_special_target_wins(severity: int, track: str, minutes: int) -> None:
    policy = Policy(
        "test",
        1,
        "Проба",
        (
            Target("first_answer", Span(240, "calendar_minutes"), severity_at_least=4),
            Target("first_answer", Span(90, "calendar_minutes"), track="fast"),
            Target("first_answer", Span(500, "calendar_minutes")),
        ),
    )
    assert policy.span_for("first_answer", severity, track).amount == minutes


def test_a_policy_may_promise_nothing_for_a_clock() -> None:
    assert not policies["pos"].promises("final")
    assert policies["social-default"].promises("final")
    with pytest.raises(NothingPromised, match="pos v1 promises nothing for final"):
        policies["pos"].span_for("final", 5)


def test_a_policy_says_which_pauses_it_allows() -> None:
    assert policies["social-default"].allows_pause("clarification")
    assert not policies["fz59"].allows_pause("clarification")


def test_spans_of_different_units_do_not_add_up() -> None:
    assert Span(1, "calendar_days", "next") + Span(2, "calendar_days") == Span(3, "calendar_days", "next")
    with pytest.raises(ValueError, match="cannot add"):
        Span(1, "calendar_days") + Span(1, "working_days")


def test_a_document_becomes_a_policy() -> None:
    cap = {"amount": 5, "unit": "working_days"}
    steps = [{"share": 1, "to": "manager", "off_hours": True}, {"share": 0.5, "to": "department"}]
    policy = policy_from_document(
        document(pauses=["clarification"], clarification_cap=cap, extension=cap, escalation=steps, reopen_days=14)
    )
    assert policy == Policy(
        "test",
        1,
        "Проба",
        (Target("first_answer", Span(60, "working_minutes")),),
        escalation=(EscalationStep(0.5, "department"), EscalationStep(1.0, "manager", off_hours=True)),
        pauses=frozenset({"clarification"}),
        clarification_cap=Span(5, "working_days"),
        extension=Span(5, "working_days"),
        reopen_days=14,
    )


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"code": ""}, "поле «code» должно быть непустой строкой"),
        ({"title": 5}, "поле «title» должно быть непустой строкой"),
        ({"version": 0}, "поле «version» должно быть целым числом от 1 до 999999"),
        ({"targets": [{"kind": "final", "span": {}, "severity_at_least": 6}]}, "поле «severity_at_least»"),
        ({"version": True}, "поле «version» должно быть целым числом"),
        ({"max_extensions": -1}, "поле «max_extensions» должно быть целым числом от 0 до 5"),
        ({"targets": []}, "нет ни одного срока"),
        ({"targets": ["first_answer"]}, "Правило «test»"),
        ({"targets": [{"kind": "final"}]}, "не указано поле «span»"),
        ({"targets": [{"kind": "tea", "span": {}}]}, "поле «kind»: «tea» не из списка registration, routing"),
        (targets({"amount": 1, "unit": "weeks"}), "поле «unit»: «weeks» не из списка"),
        (targets({"amount": 1, "unit": "calendar_days", "roll": "back"}), "поле «roll»: «back» не из списка"),
        (targets({"amount": 0, "unit": "calendar_days"}), "поле «amount» должно быть целым числом от 1 до 527040"),
        (targets({"amount": 367, "unit": "calendar_days"}), "срок длиннее года"),
        (
            targets({"amount": 366 * 1440 + 1, "unit": "working_minutes"}),
            "поле «amount» должно быть целым числом от 1 до",
        ),
        (targets(*[{"amount": 1, "unit": "calendar_days"}] * 2), "два срока для одних и тех же обращений"),
        ({"escalation": [{"share": 0, "to": "manager"}]}, "доля срока"),
        ({"escalation": [{"share": 11, "to": "manager"}]}, "доля срока"),
        ({"escalation": [{"share": 1}]}, "не указано поле «to»"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PolicyInvalid, match="Правило «") as refusal:
        policy_from_document(document(**changes))
    assert sentence in str(refusal.value)


def test_a_document_without_a_code_is_refused() -> None:
    with pytest.raises(PolicyInvalid, match="не указано поле «code»"):
        policy_from_document({})
