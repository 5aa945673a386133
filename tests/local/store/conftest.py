"""A database that may be opened again and again, as processes do one after the other."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from expander.local.store.database import open_database
from expander.local.store.encoding import PackedConnection


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[[], PackedConnection]]:
    """Opens one and the same file; what was opened is closed in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(closing(open_database(tmp_path / "state.db")))
