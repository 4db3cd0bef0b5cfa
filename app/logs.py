"""Structured logs: one JSON object a line. Words and names of citizens are never logged, ids are."""

import logging
import sys

import structlog

# They tell the address of every request at INFO and DEBUG, and Telegram's addresses hold the bot's token.
QUIET_LIBRARIES = ("httpx", "httpcore")


def configure_logging() -> None:
    """Set up structlog for a process; other libraries' warnings go the same way."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    for name in QUIET_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # Standard output is for what a command makes. Asked at every line: whoever runs us may change it.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
    )
