"""A person at a browser: signs in, and hears everything that the browser complains of."""

import json
from dataclasses import dataclass, field

from playwright.sync_api import Browser, ConsoleMessage, Page, Response

from tests.processes import Installation, eventually

DESKTOP = (1440, 900)
PHONE = (390, 844)
PATIENCE_MS = 45_000


@dataclass
class Desk:
    """One browser window. `complaints` holds console errors, script errors, CSP violations, failed requests."""

    city: Installation
    page: Page
    complaints: list[str] = field(default_factory=list)

    @property
    def logins(self) -> dict[str, str]:
        """The demonstration's people with their passwords."""
        logins: dict[str, str] = json.loads((self.city.folder / "data" / "demo-logins.json").read_text())
        return logins

    def go(self, path: str) -> None:
        """Open a page of the service."""
        self.page.goto(self.city.url + path)

    def sign_in(self, login: str, password: str = "") -> None:
        """Fill in the form of /login, where the browser is already or goes first."""
        if "/login" not in self.page.url:
            self.go("/login")
        self.page.get_by_label("Логин").fill(login)
        self.page.get_by_label("Пароль").fill(password or self.logins[login])
        self.page.get_by_role("button", name="Войти").click()
        self.page.wait_for_load_state()

    def listen(self) -> None:
        """Note every complaint from now on. CSP violations are console errors as well."""
        self.page.on("console", self._note_message)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("response", self._note_response)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status} {response.url}")


def sit_down(chromium: Browser, city: Installation, size: tuple[int, int] = DESKTOP) -> Desk:
    """A new window without anybody's cookies."""
    eventually(city.is_ready, "the city is ready")
    context = chromium.new_context(viewport={"width": size[0], "height": size[1]}, locale="ru-RU")
    context.set_default_timeout(PATIENCE_MS)
    desk = Desk(city, context.new_page())
    desk.listen()
    return desk
