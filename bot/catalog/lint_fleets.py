"""Steps on several hosts: settings that say nothing because of how many hosts there are, or where they stand."""

from __future__ import annotations

import math

from bot.catalog.parts import Action, Book, Part
from bot.catalog.places import hosts_of
from bot.catalog.schema import Catalog

_SETTINGS = ("batch", "max_failures", "confirm_after_first_batch")


def lint(owner: Action | Book, catalog: Catalog) -> None:
    """Note what is said about batches where there can be none."""
    for part in owner.parts:
        if part.is_sound and part.step.type == "shell" and not part.is_reference:
            _fleet(part, catalog)


def _fleet(part: Part, catalog: Catalog) -> None:
    given = part.step.input
    confirms = given.get("confirm_after_first_batch") is True
    if part.is_rollback and confirms:
        part.document.report(
            "RB013",
            "an undo is approved with its step, as a whole",
            part.at("confirm_after_first_batch"),
            hint="leave it out",
            of_key=True,
        )
        return
    hosts = hosts_of(part.step, catalog)
    if hosts is None:
        return
    count = len(dict.fromkeys(hosts))
    if count == 1:
        for name in _SETTINGS:
            if name in given:
                message = f"{name} says nothing here: the command runs on one host"
                part.document.report("RB049", message, part.at(name), of_key=True)
    elif confirms and _batch(given.get("batch"), count) >= count:
        part.document.report(
            "RB049",
            f"all {count} hosts are in the first batch, so nothing is left to confirm after it",
            part.at("confirm_after_first_batch"),
            hint="make batch smaller",
            of_key=True,
        )
    elif isinstance(given.get("max_failures"), int) and given["max_failures"] >= count:
        message = f"max_failures lets all {count} hosts fail, so this step never does"
        part.document.report("RB049", message, part.at("max_failures"), of_key=True)


def _batch(written: object, hosts: int) -> int:
    """The first batch, as far as the file tells; a placeholder may mean anything."""
    text = str(written)
    if text.endswith("%") and text[:-1].isdigit():
        return math.floor(hosts * int(text[:-1]) / 100)
    return int(text) if text.isdigit() else 1
