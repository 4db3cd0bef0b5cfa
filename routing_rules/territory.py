"""ОКТМО, the classifier of municipal territories: a code contains its ancestors.

Digits 1–2 name the subject of the federation, 3–5 the municipality, 6–8 the settlement, 9–11 the locality
(ОК 033-2013). Autonomous districts inside another subject take digit 3 as well: 8 or 9.
"""

from __future__ import annotations

import re

_CODE = re.compile(r"\d{8}(\d{3})?", re.ASCII)
# Архангельская область with Ненецкий АО, Тюменская область with Ханты-Мансийский and Ямало-Ненецкий АО.
_WITH_AUTONOMOUS_DISTRICTS = ("118", "718", "719")


def is_territory_code(code: str) -> bool:
    """Whether the text has the form of an ОКТМО code: 8 digits, or 11 for a locality."""
    return _CODE.fullmatch(code) is not None


def territory_path(code: str) -> tuple[str, ...]:
    """The ancestors of an ОКТМО code from the region down, the code itself last.

    Raises ValueError when the text is not an ОКТМО code.
    """
    if not is_territory_code(code):
        raise ValueError(f"«{code}» не похоже на код ОКТМО: нужно 8 или 11 цифр")
    prefixes = [code[:2], code[:5], code[:8]]
    if code.startswith(_WITH_AUTONOMOUS_DISTRICTS):
        prefixes.insert(1, code[:3])
    path = dict.fromkeys(prefix.ljust(8, "0") for prefix in prefixes)
    if len(code) == 11 and not code.endswith("000"):
        path[code] = None
    return tuple(path)
