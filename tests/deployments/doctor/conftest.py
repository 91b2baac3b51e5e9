"""A made-up machine on which all is well."""

from dataclasses import replace

import pytest

from deployments.doctor.machine import Machine
from deployments.doctor.needs import GIB, Needs


@pytest.fixture
def machine():
    def machine(**changes):
        well = Machine(
            cores=8,
            available_bytes=20 * GIB,
            total_bytes=24 * GIB,
            shared_memory_bytes=8 * GIB,
            open_files=65536,
            pinned_bytes=None,
        )
        return replace(well, **changes)

    return machine


@pytest.fixture
def needs():
    def needs(**changes):
        few = Needs(
            config="app.yaml",
            threads=1,
            host_pool_bytes=GIB,
            cache_bytes=GIB,
            process_bytes=2 * GIB,
            requests=256,
        )
        return replace(few, **changes)

    return needs
