"""Appeals of the past, written by SQL: topics of the shipped tables, some sure, some not, some decided by people."""

from sqlalchemy import text

from app.resources import Resources

TOPIC = "Автостанции, автовокзалы"
OTHER = "Уборка дворовых и придомовых территорий от мусора, смета, листвы"
_APPEALS = text(
    """
INSERT INTO appeal (page_id, platform, kind, place, thread_key, author_external_id, external_id, text, search_text,
  has_attachments, is_edited, is_talk, state, cycle, version, topic_group, topic, is_confirmed, severity, judgement,
  routing, department_id, transfer_count, return_count, received_at)
SELECT 1, 'vk', 'comment', 'wall', 'wall:' || n, 'author-' || n % 50, n::text, 'Слова ' || n, 'Слова ' || n, false,
  false, n % 10 = 0, CASE n % 4 WHEN 0 THEN 'answered' WHEN 1 THEN 'routed' WHEN 2 THEN 'review' ELSE 'in_work' END, 1,
  1, 'Дороги', named.topic, n % 7 = 0, 2,
  jsonb_build_object('model_version', 'test', 'labels', jsonb_build_object(
    'topic', jsonb_build_array(jsonb_build_object('label', named.topic, 'probability', (n % 10) / 10.0)),
    'topic_group', jsonb_build_array(jsonb_build_object('label', 'Дороги', 'probability', 0.1)),
    'agency', '[]'::jsonb)),
  jsonb_build_object('layer', CASE WHEN n % 13 = 0 THEN 'hand' ELSE 'matrix' END, 'rule', 'ГО-004',
    'rule_set_version', 'omsk-1', 'steps', jsonb_build_array(
      jsonb_build_object('layer', 'matrix', 'rule', 'ГО-004', 'outcome', 'won'),
      jsonb_build_object('layer', 'exception', 'rule', 'Э-03', 'outcome', 'info'),
      jsonb_build_object('layer', 'matrix', 'rule', 'ОБ-001', 'outcome', 'lost'))),
  (SELECT id FROM department WHERE code = CASE WHEN n % 3 = 0 THEN 'omsk-city' ELSE 'mintrans' END), 0, 0,
  CAST(:now AS timestamptz) - n * interval '1 minute'
FROM generate_series(1, :count) n, LATERAL (SELECT CASE WHEN n % 2 = 0 THEN :topic ELSE :other END AS topic) named
""".replace("::", r"\:\:")
)


async def write_past(resources: Resources, count: int, now: object) -> None:
    """So many appeals of page 1."""
    async with resources.database.transaction() as session:
        await session.execute(_APPEALS, {"count": count, "topic": TOPIC, "other": OTHER, "now": now})
