"""Which catalog is in force while its files change, break and are mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, model_validator

from bot.actions.shell import ShellInput
from bot.catalog.in_force import CatalogInForce
from bot.errors import CatalogError

INVENTORY = "environments: {staging: {approvers: [U0ALICE]}}\nhosts: {web-1: staging}\n"
MODELS = {"shell": ShellInput}
RUNBOOK = "name: look\nsteps: [{type: shell, command: uptime, host: web-1}]\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "catalog.yaml").write_text(INVENTORY)
    (tmp_path / "look.yaml").write_text(RUNBOOK)
    return tmp_path


def test_a_broken_file_leaves_the_old_catalog_in_force_until_it_is_mended(folder: Path) -> None:
    in_force = CatalogInForce(folder, MODELS)
    before = in_force.current
    (folder / "look.yaml").write_text(RUNBOOK + "stepz: []\n")
    (folder / "more.json").write_text("{")
    assert not in_force.read()
    assert in_force.current is before
    assert len(in_force.problems) == 2
    (folder / "more.json").unlink()
    (folder / "look.yaml").write_text(RUNBOOK + "description: mended\n")
    assert in_force.read()
    assert in_force.current.runbooks["look"].description == "mended"
    assert not in_force.problems


def test_a_folder_that_vanishes_leaves_the_old_catalog_in_force(folder: Path) -> None:
    in_force = CatalogInForce(folder, MODELS)
    before = in_force.current
    folder.rename(folder.with_name("elsewhere"))
    assert not in_force.read()
    assert in_force.current is before
    folder.with_name("elsewhere").rename(folder)
    in_force.read()
    assert not in_force.problems


def test_there_is_no_catalog_to_begin_with_when_the_first_one_is_broken(folder: Path) -> None:
    (folder / "look.yaml").write_text("[")
    with pytest.raises(CatalogError):
        CatalogInForce(folder, MODELS)


def test_files_the_machine_could_not_read_are_read_again_though_they_did_not_change(folder: Path) -> None:
    trouble = [False]

    class Troubled(BaseModel):
        command: str
        host: str

        @model_validator(mode="before")
        @classmethod
        def _fail(cls, given: Any) -> Any:
            if trouble[0]:
                raise OSError("too many open files")
            return given

    in_force = CatalogInForce(folder, {"shell": Troubled})
    (folder / "look.yaml").write_text(RUNBOOK + "description: new\n")
    trouble[0] = True
    with pytest.raises(OSError, match="too many open files"):
        in_force.read()
    trouble[0] = False
    assert in_force.read()
    assert in_force.current.runbooks["look"].description == "new"
