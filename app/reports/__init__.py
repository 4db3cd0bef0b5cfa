"""The registry of reports: one line each. A report is one file with its questions to the database and its words."""

from app.reports.base import Report
from app.reports.sla_page import SLA

REPORTS: dict[str, Report] = {report.code: report for report in (SLA,)}
