"""The form on a site, or the widget that opens it. Taken in by app/forms."""

from app.platforms.direct import DirectPlatform


class WebForm(DirectPlatform):
    """The service's own form. Answers are shown on the page behind the secret link that the author has got."""

    code = "web"
    name = "Форма на сайте"
    place = "form"
    proof = ""
    entrance = "/forms/{key}"
