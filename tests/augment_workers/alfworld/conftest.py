from collections.abc import Iterator

import pytest

from augment_workers.alfworld.engine import Engine


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The real thing: TextWorld, loaded once for all tests."""
    engine = Engine()
    yield engine
    engine.close()
