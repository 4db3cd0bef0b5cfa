"""Faults that a stand-in shows on command, so that tests and demonstrations see real trouble."""

import msgspec


class Misbehaviour(msgspec.Struct, forbid_unknown_fields=True):
    """The next `times` calls of `method` ("*" for any) go wrong: late, with an HTTP status, or the platform's error.

    With `is_done` the call is carried out all the same and only its answer is lost, as in a broken connection.
    """

    method: str = "*"
    error_code: int = 0
    error_msg: str = "Played on command"
    http_status: int = 0
    delay_seconds: float = 0.0
    is_done: bool = False
    times: int = 1


class Faults:
    """The faults still to be shown, first come first served."""

    def __init__(self) -> None:
        self._waiting: list[Misbehaviour] = []

    def add(self, fault: Misbehaviour) -> None:
        """Show this from the next fitting call on."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Behave again."""
        self._waiting.clear()

    def take(self, method: str) -> Misbehaviour:
        """The fault of this call, an empty one if all is well."""
        for fault in self._waiting:
            if fault.method in ("*", method):
                fault.times -= 1
                if fault.times <= 0:
                    self._waiting.remove(fault)
                return fault
        return Misbehaviour()
