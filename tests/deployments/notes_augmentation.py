"""An augmentation that makes files; replicas of the tests import it."""

from typing import ClassVar

from augment_workers.artifacts import ArtifactStore
from augment_workers.base import Augmentation


class Notes(Augmentation):
    """Keeps a text as an artifact."""

    kind = "notes"
    description = "For tests."
    parameters: ClassVar = {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    }
    typical_duration_s = 0.01

    def __init__(self, artifacts: ArtifactStore):
        self._artifacts = artifacts

    async def run(self, call):
        content = call.arguments["text"].encode()
        artifact = await self._artifacts.put("notes", "txt", content)
        yield call.result(f"Noted as {artifact.name}.", artifacts=[artifact])
