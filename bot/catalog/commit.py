"""Which Git commit a folder is at, read from Git's own files; git itself is asked what only it knows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_GIT_TIMEOUT_S = 5.0
_REF_CHAIN_LIMIT = 5


def commit_of(folder: Path) -> str:
    """The commit checked out around `folder`, "" outside Git or where nothing was committed yet."""
    git = _git_folder(folder)
    return _resolved(git, "HEAD") if git else ""


def is_dirty(folder: Path) -> bool:
    """Whether files below `folder` differ from the commit; False where git cannot be asked."""
    answer = _ask(folder, "--no-optional-locks", "status", "--porcelain", "--", ".")
    return bool(answer and answer.strip())


def committer_of(folder: Path) -> str:
    """Who would commit in `folder`, by the address Git has of them; "" where it has none."""
    return (_ask(folder, "config", "user.email") or "").strip()


def _ask(folder: Path, *arguments: str) -> str | None:
    """What git answers in a repository; None where it cannot be asked or says no."""
    program = shutil.which("git")
    if program is None or _git_folder(folder) is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - fixed arguments, the program's path resolved above
            [program, *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _git_folder(folder: Path) -> Path | None:
    for parent in (folder.resolve(), *folder.resolve().parents):
        entry = parent / ".git"
        if entry.is_dir():
            return entry
        if entry.is_file():
            # A worktree or submodule: the file names where its part of the repository is.
            named = _text(entry).removeprefix("gitdir:").strip()
            return (parent / named) if named else None
    return None


def _resolved(git: Path, ref: str) -> str:
    shared = _text(git / "commondir").strip()
    places = [git, git / shared] if shared else [git]
    for _ in range(_REF_CHAIN_LIMIT):
        text = next((text for place in places if (text := _text(place / ref).strip())), "")
        if not text:
            return next((found for place in places if (found := _packed(place, ref))), "")
        if not text.startswith("ref:"):
            return text if _HASH.fullmatch(text) else ""
        ref = text.removeprefix("ref:").strip()
        if ".." in ref or ref.startswith("/"):
            return ""
    return ""


def _packed(git: Path, ref: str) -> str:
    for line in _text(git / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref and _HASH.fullmatch(commit):
            return commit
    return ""


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
