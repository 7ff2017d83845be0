"""What differs between two settings, two tables and two lock files, in words."""

import json
import re
from typing import Any


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return a line per key whose value differs, in the order of the keys.

    >>> changes({"seed": 1, "a": 0, "b": None}, {"seed": 2, "b": None, "c": [1]})
    ['a: 0 → gone', 'c: new → [1]', 'seed: 1 → 2']
    """
    lines = []
    for key in sorted(old.keys() | new.keys()):
        before, after = (side.get(key, ...) for side in (old, new))
        filled = {} in (before, after) and any(other.startswith(f"{key}.") for other in old.keys() | new.keys())
        if json.dumps(before, default=str) != json.dumps(after, default=str) and not filled:
            lines.append(f"{key}: {_shown(before, 'new')} → {_shown(after, 'gone')}")
    return lines


def _shown(value: Any, absent: str) -> str:
    """Return a setting on one line, or a word where there is none."""
    if value is ...:
        return absent
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def packages(lock: str) -> dict[str, str]:
    r"""Return package → version of a requirements.lock.

    >>> packages("duckdb==2.0.0 \\\n    --hash=sha256:00\ncolorama==0.4 ; sys_platform == 'win32'\n")
    {'duckdb': '2.0.0', 'colorama': '0.4'}
    """
    return dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;]+)", lock, re.MULTILINE))
