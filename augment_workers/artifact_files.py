"""Artifacts as files in a folder: of this machine, or of any storage that fsspec reaches."""

import asyncio
import contextlib
import logging
import posixpath
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import fsspec

from augment_workers.artifacts import (
    ArtifactGoneError,
    ArtifactStore,
    StoredArtifact,
    UnknownArtifactError,
    artifact_of,
    content_type_of,
)
from augment_workers.base import AugmentationError
from intercept_core.bus.messages import Artifact

_log = logging.getLogger(__name__)

_UNFINISHED = ".unfinished-"
_UNFINISHED_LIFE_S = 3600.0
"""Age at which a file that is still being written belongs to a writer that died."""

_LISTING_LIFE_S = 10.0
"""For so long a store that is not full goes without looking at what others wrote."""

_KEPT_SHARE = 0.9
"""Share of the limit to which a full store is emptied, so that not every artifact has to."""

_WRITTEN_AT = ("mtime", "LastModified", "last_modified", "updated", "created")
"""Where the file systems of fsspec keep the time of the last change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFolder:
    """Where artifacts are kept, and how many.

    Attributes:
        url: A folder as fsspec knows it: a path, ``s3://bucket/folder``, ``memory://x``.
        max_bytes: Size of all artifacts together.
        max_artifact_bytes: Size of one.
        time_to_live_s: Seconds for which an artifact is kept after it was last made.
    """

    url: str
    max_bytes: int
    max_artifact_bytes: int
    time_to_live_s: float


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size_bytes: int
    written_at_s: float


class ArtifactFiles(ArtifactStore):
    """A file for each artifact. Any number of processes can share the folder.

    A file is written under another name and renamed when it is complete. When an artifact
    goes, an empty file of its name remembers it for another ``time_to_live_s``.

    Writers that start at the same moment do not see each other: each can take the folder
    past its limit by what it writes within ten seconds, until the next one looks.

    Args:
        folder: Where to, and the limits.
        file_system: In place of the one that the URL means.
        clock: Seconds since 1970, as the storage has it.

    Raises:
        ValueError: when the URL means no file system that is installed.
    """

    def __init__(
        self,
        folder: ArtifactFolder,
        *,
        file_system: Any = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = folder
        found, self._root = open_folder(folder.url)
        self._files = file_system or found
        self._clock = clock
        self._lock = threading.Lock()
        self._used_bytes = 0
        self._listed_at_s: float | None = None

    async def put(self, kind: str, extension: str, content: bytes) -> Artifact:
        """See :meth:`ArtifactStore.put`."""
        artifact = artifact_of(kind, extension, content)
        if not content:
            raise ValueError("content: an artifact cannot be empty")
        if len(content) > (limit := self._limits.max_artifact_bytes):
            raise AugmentationError(
                f"the {extension} file has {len(content)} bytes, and "
                f"artifacts.max_artifact_mib allows {limit}; ask for less, or raise it"
            )
        await asyncio.to_thread(self._put, artifact, content)
        return artifact

    async def get(self, name: str) -> StoredArtifact:
        """See :meth:`ArtifactStore.get`."""
        content_type = content_type_of(name)
        return await asyncio.to_thread(self._get, name, content_type)

    def _put(self, artifact: Artifact, content: bytes) -> None:
        path = self._path(artifact.name)
        try:
            with self._lock:
                self._files.makedirs(self._root, exist_ok=True)
                self._refuse_another(path, content)
                self._make_room(path, len(content))
                self._write(path, content)
                self._used_bytes += len(content)
        except AugmentationError:
            raise
        except Exception as error:  # each of fsspec's file systems has errors of its own
            _log.exception("%s cannot be kept in %s", artifact.name, self._root)
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise AugmentationError(
                f"the {artifact.content_type} file of {len(content)} bytes cannot be stored "
                f"({reason}); make room or give rights at artifacts.url, or set another one"
            ) from error

    def _get(self, name: str, content_type: str) -> StoredArtifact:
        path = self._path(name)
        self._files.invalidate_cache(self._root)
        try:
            written_at_s = self._file(self._files.info(path)).written_at_s
            content = self._files.cat_file(path)
        except FileNotFoundError:
            raise UnknownArtifactError(f"there is no artifact {name!r}") from None
        expires_in_s = written_at_s + self._limits.time_to_live_s - self._clock()
        if not content or expires_in_s <= 0:
            raise ArtifactGoneError(
                f"the artifact {name!r} is gone: artifacts are kept for "
                f"{self._limits.time_to_live_s:g} s, and for as long as there is room"
            )
        artifact = Artifact(name=name, content_type=content_type, size_bytes=len(content))
        return StoredArtifact(artifact=artifact, content=content, expires_in_s=expires_in_s)

    def _refuse_another(self, path: str, content: bytes) -> None:
        """Names hold a part of the digest: another content of the same name must not win."""
        try:
            there = self._files.cat_file(path)
        except FileNotFoundError:
            return
        if there and there != content:
            raise AugmentationError(
                "another artifact has this name by chance; ask for something a little different"
            )

    # -- room ----------------------------------------------------------------------------

    def _make_room(self, path: str, size_bytes: int) -> None:
        """Removes what has expired, and the oldest until ``size_bytes`` fit."""
        limit = self._limits.max_bytes
        if size_bytes > limit:
            raise AugmentationError(
                f"the file has {size_bytes} bytes, more than artifacts.max_gib allows for all "
                f"together ({limit}); raise it"
            )
        now_s = self._clock()
        fresh = self._listed_at_s is not None and now_s - self._listed_at_s < _LISTING_LIFE_S
        if fresh and self._used_bytes + size_bytes <= limit:
            return
        files = [file for file in self._sweep(now_s) if file.path != path]
        used_bytes = sum(file.size_bytes for file in files)
        if used_bytes + size_bytes > limit:
            target_bytes = max(limit * _KEPT_SHARE - size_bytes, 0)
            for file in sorted(files, key=lambda file: file.written_at_s):
                if used_bytes <= target_bytes:
                    break
                self._forget(file)
                used_bytes -= file.size_bytes
        self._used_bytes = used_bytes
        self._listed_at_s = now_s

    def _sweep(self, now_s: float) -> list[_File]:
        """The artifacts there are, after those that have expired are gone."""
        kept = []
        self._files.invalidate_cache(self._root)
        for file in map(self._file, self._files.ls(self._root, detail=True)):
            age_s = now_s - file.written_at_s
            if posixpath.basename(file.path).startswith(_UNFINISHED):
                if age_s > _UNFINISHED_LIFE_S:
                    self._remove(file.path)
            elif age_s < self._limits.time_to_live_s:
                kept.append(file)
            elif file.size_bytes:
                self._forget(file)
            else:
                self._remove(file.path)
        return [file for file in kept if file.size_bytes]

    def _forget(self, file: _File) -> None:
        """Leaves an empty file, so that who asks learns that there was something."""
        try:
            self._write(file.path, b"")
        except OSError:  # not even room for that
            self._remove(file.path)

    # -- files ---------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        return posixpath.join(self._root, name)

    def _file(self, info: dict[str, Any]) -> _File:
        written_at = next((info[key] for key in _WRITTEN_AT if info.get(key)), None)
        if isinstance(written_at, str):
            written_at = datetime.fromisoformat(written_at)
        if written_at is None:
            written_at = self._files.modified(info["name"])
        if isinstance(written_at, datetime):
            written_at = written_at.timestamp()
        return _File(info["name"], info.get("size") or 0, float(written_at))

    def _write(self, path: str, content: bytes) -> None:
        unfinished = self._path(_UNFINISHED + uuid.uuid4().hex)
        try:
            self._files.pipe_file(unfinished, content)
            self._files.mv(unfinished, path)
        except BaseException:
            self._remove(unfinished)
            raise

    def _remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._files.rm_file(path)


def open_folder(url: str) -> tuple[Any, str]:
    """The file system of fsspec that ``url`` means, and the path in it.

    Raises:
        ValueError: when there is none; the message says what to install.
    """
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ValueError(f"{url!r} means no storage that is installed: {error}") from None
