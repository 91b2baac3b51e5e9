"""Files that augmentations make: images, audio."""

import hashlib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from intercept_core.bus.messages import Artifact

CONTENT_TYPES: Mapping[str, str] = {
    "flac": "audio/flac",
    "gif": "image/gif",
    "jpg": "image/jpeg",
    "json": "application/json",
    "mp3": "audio/mpeg",
    "mp4": "video/mp4",
    "ogg": "audio/ogg",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
    "wav": "audio/wav",
    "webp": "image/webp",
}
"""What an artifact can be, by the end of its name: nothing that a browser would execute."""

_KIND = r"[a-z][a-z0-9_]{0,31}"
_NAME = re.compile(rf"{_KIND}-[0-9a-f]{{10}}\.({'|'.join(sorted(CONTENT_TYPES))})", re.ASCII)


class UnknownArtifactError(LookupError):
    """There is no artifact of this name, and nobody remembers one."""


class ArtifactGoneError(LookupError):
    """The artifact was there; its time has passed, or others needed its room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredArtifact:
    """An artifact with its content.

    Attributes:
        artifact: What it is.
        content: The file.
        expires_in_s: Seconds for which it stays, unless others need its room.
    """

    artifact: Artifact
    content: bytes
    expires_in_s: float


class ArtifactStore(ABC):
    """Keeps artifacts under names that follow from their content.

    An augmentation whose constructor has a parameter of this type is given the server's::

        class Dice(Augmentation):
            def __init__(self, artifacts: ArtifactStore) -> None:
                self._artifacts = artifacts

            async def run(self, call):
                artifact = await self._artifacts.put("dice", "png", draw_dice())
                yield call.result(f"Image saved as {artifact.name}.", artifacts=[artifact])
    """

    @abstractmethod
    async def put(self, kind: str, extension: str, content: bytes) -> Artifact:
        """Keeps ``content``; the same content twice is one artifact, kept anew.

        Args:
            kind: Beginning of the name, as a rule the augmentation's own kind.
            extension: End of the name, a key of :data:`CONTENT_TYPES`.
            content: The file; not empty.

        Raises:
            AugmentationError: when it cannot be kept; nothing of it is left then.
            ValueError: when ``kind`` or ``extension`` cannot be part of a name.
        """

    @abstractmethod
    async def get(self, name: str) -> StoredArtifact:
        """Finds an artifact.

        Raises:
            UnknownArtifactError: when there is none, or ``name`` is no artifact's name.
            ArtifactGoneError: when there was one.
            OSError: when the store cannot be read.
        """


def artifact_of(kind: str, extension: str, content: bytes) -> Artifact:
    """Name and facts of ``content`` as an artifact.

    Raises:
        ValueError: when ``kind`` or ``extension`` cannot be part of a name.
    """
    if extension not in CONTENT_TYPES:
        raise ValueError(
            f"extension: {extension!r} is not served; choose one of {', '.join(CONTENT_TYPES)}"
        )
    if not re.fullmatch(_KIND, kind, re.ASCII):
        raise ValueError(f"kind: {kind!r} must be a word of small letters, digits and _")
    digest = hashlib.sha256(content).hexdigest()[:10]
    return Artifact(
        name=f"{kind}-{digest}.{extension}",
        content_type=CONTENT_TYPES[extension],
        size_bytes=len(content),
    )


def content_type_of(name: str) -> str:
    """The content type of the artifact called ``name``.

    Raises:
        UnknownArtifactError: when ``name`` is no artifact's name, such as a path.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise UnknownArtifactError(f"{name!r} is not the name of an artifact")
    return CONTENT_TYPES[match[1]]
