"""Open311 GeoReport v2: requests of city applications. Taken in by app/open311.

Source: wiki.open311.org/GeoReport_v2.
"""

from app.platforms.direct import DirectPlatform


class Open311(DirectPlatform):
    """City applications. The page's secret is their `api_key`; answers are shown as notes to the state of a request."""

    code = "open311"
    name = "Open311"
    place = "request"
    entrance = "/open311/v2/{key}"
