import dataclasses

from vllm.engine.arg_utils import AsyncEngineArgs
from vllm.entrypoints.launchers.cli_args import FrontendArgs

from deployments.replica.engine_fields import engine_fields


def test_they_are_those_of_the_classes():
    fields = {
        f.name for cls in (AsyncEngineArgs, FrontendArgs) for f in dataclasses.fields(cls)
    }
    assert engine_fields() == fields
