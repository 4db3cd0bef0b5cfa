"""What every page shares: templates, static files, one-shot messages, security headers, error pages."""

from app.web.errors import install_error_handlers
from app.web.messages import flash, toast
from app.web.security import BodyLimit, SecurityHeaders, embeddable
from app.web.static import mount_static, static_url
from app.web.templating import is_htmx, render, templates

__all__ = [
    "BodyLimit",
    "SecurityHeaders",
    "embeddable",
    "flash",
    "install_error_handlers",
    "is_htmx",
    "mount_static",
    "render",
    "static_url",
    "templates",
    "toast",
]
