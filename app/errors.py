"""Errors that a person can act on. One tree, one handler (app/main.py).

    AppError
    ├── NotFound            404
    ├── NotAllowed          403
    ├── Conflict            409
    ├── Invalid             422
    └── Unavailable         503, asks to come back later

Messages are Russian sentences and name no personal data.
"""


class AppError(Exception):
    """Base of everything that the application refuses on purpose."""

    status = 400

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotFound(AppError):
    """The thing asked for does not exist, or not for this person."""

    status = 404


class NotAllowed(AppError):
    """The role does not permit it."""

    status = 403


class Conflict(AppError):
    """Somebody else was first, or the state does not permit it."""

    status = 409


class Invalid(AppError):
    """The request is well-formed and still makes no sense."""

    status = 422


class Unavailable(AppError):
    """A part we depend on is away; the same request may succeed later."""

    status = 503
    retry_after_seconds = 15
