"""Every job is registered, and found again by a cron when its nudge is lost."""

from app.jobs import Job
from app.resources import Resources
from app.worker import build_worker


async def test_every_nudge_has_its_job_and_every_job_a_cron_that_finds_what_a_lost_nudge_left(
    resources: Resources,
) -> None:
    built = build_worker(resources)
    functions = set(built.functions)
    assert functions - {job.name for job in built.cron_jobs or []} == {job.value for job in Job}
    assert {job.name for job in built.cron_jobs or []} == {
        "cron_drain", "cron_deliver", "cron_breaches", "cron_authors", "cron_texts", "cron_polls", "cron_watch",
        "cron_files", "cron_tell", "cron_requests", "cron_simulations", "cron_rule_hits", "cron_silence", "cron_tidy",
        "cron_learn", "cron_forget",
    }  # fmt: skip
