"""Kubernetes quantities (`250m`, `1Gi`) and numbers-or-percents (`25%`), as exact numbers."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_SUFFIXES: dict[str, Decimal] = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}
_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$")


def amount(text: str | float) -> Decimal:
    """The number a quantity stands for; raises ValueError for what is none."""
    found = _QUANTITY.match(str(text))
    if found is None or found[2] not in _SUFFIXES:
        raise ValueError(f"quantities must look like 250m, 2 or 1Gi, not {text!r}")
    return Decimal(found[1]) * _SUFFIXES[found[2]]


def shown(value: Decimal) -> str:
    """A number as the shortest quantity that is exact."""
    if value == value.to_integral_value():
        whole = int(value)
        for suffix in ("Gi", "Mi", "Ki"):
            unit = int(_SUFFIXES[suffix])
            if whole and whole % unit == 0:
                return f"{whole // unit}{suffix}"
        return str(whole)
    return f"{math.ceil(value * 1000)}m"


def share(value: str | int | None, *, of: int, default: str | int, rounds_up: bool) -> int:
    """`2` is 2, `25%` a quarter of `of`."""
    given = default if value is None else value
    if isinstance(given, int):
        return given
    exact = Decimal(given.rstrip("%")) * of / 100
    return math.ceil(exact) if rounds_up else math.floor(exact)
