"""Calls of the VK API: POST {api_url}/method/<name>, form-encoded, version 5.199."""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from app.platforms.base import Credentials, FailureKind, SendFailed
from app.platforms.untrusted import NotJson, decode_json, integer, storable
from app.platforms.vk_errors import REMEDIES, UNKNOWN_ERROR
from app.time import utc_now

VERSION = "5.199"
USERS_PER_CALL = 1000  # users.get
GROUPS_PER_CALL = 500  # groups.getById
UNAVAILABLE_WAIT_SECONDS = 5.0
MISCONFIGURED_WAIT_SECONDS = 60.0
