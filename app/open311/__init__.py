"""Open311 GeoReport v2: city applications send requests and ask what became of them."""
