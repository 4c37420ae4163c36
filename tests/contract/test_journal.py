"""Each journal engine against the one contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.journal.base import Journal
from bot.journal.sqlite import SqliteJournal
from tests.contract.journal_contract import JournalContract
from tests.journal.samples import codec


class TestSqlite(JournalContract):
    """SQLite without an audit key."""

    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        journal = await SqliteJournal.open(tmp_path / "bot.db", serve=True, codec=codec())
        yield journal
        await journal.close()


class TestSqliteWithAuditKey(JournalContract):
    """The same with keyed chains."""

    @pytest.fixture
    async def journal(self, tmp_path: Path) -> AsyncIterator[Journal]:
        journal = await SqliteJournal.open(
            tmp_path / "bot.db", serve=True, codec=codec(), audit_key=b"k" * 32
        )
        yield journal
        await journal.close()
