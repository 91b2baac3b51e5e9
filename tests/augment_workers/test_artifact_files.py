import asyncio
import errno
import os
import time
import uuid

import pytest
from fsspec.implementations.local import LocalFileSystem
from hypothesis import given, settings
from hypothesis import strategies as st

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.artifacts import ArtifactGoneError, UnknownArtifactError
from augment_workers.base import AugmentationError

TTL_S = 100.0


class Clock:
    """The storage's time, moved on by the tests."""

    def __init__(self):
        self.offset_s = 0.0

    def __call__(self):
        return time.time() + self.offset_s


class FullDisk(LocalFileSystem):
    """A disk on which the next file does not fit."""

    cachable = False

    def pipe_file(self, path, value, **options):
        super().pipe_file(path, value[: len(value) // 2], **options)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


def store_at(url, clock=None, file_system=None, **limits):
    limits = {"max_bytes": 1000, "max_artifact_bytes": 500, "time_to_live_s": TTL_S} | limits
    folder = ArtifactFolder(url=str(url), **limits)
    return ArtifactFiles(folder, file_system=file_system, clock=clock or Clock())


def content(number, size_bytes=100):
    return f"{number:08}".encode() + bytes(size_bytes - 8)


def sizes(folder):
    return {path.name: path.stat().st_size for path in folder.iterdir()}


@pytest.fixture(params=["local", "memory"])
def url(request, tmp_path):
    return tmp_path / "a" if request.param == "local" else f"memory://{uuid.uuid4().hex}/a"


async def test_what_is_put_is_got(url):
    store = store_at(url)
    made = await store.put("image", "png", b"PNG")
    assert made.name == "image-7961208376.png"
    assert (made.content_type, made.size_bytes) == ("image/png", 3)
    found = await store_at(url).get(made.name)
    assert found.content == b"PNG" and found.artifact == made
    assert TTL_S - 30 < found.expires_in_s <= TTL_S


async def test_the_same_content_is_the_same_artifact_kept_anew(url):
    store = store_at(url)
    names = {(await store.put("image", "png", b"same")).name for _ in range(3)}
    assert len(names) == 1
    other = await store.put("image", "png", b"other")
    assert other.name not in names


async def test_after_its_time_an_artifact_is_gone_and_later_forgotten(url):
    clock = Clock()
    store = store_at(url, clock)
    made = await store.put("image", "png", b"PNG")
    clock.offset_s = TTL_S + 1
    with pytest.raises(ArtifactGoneError, match="kept for 100 s"):
        await store.get(made.name)
    await store.put("image", "png", b"next")
    with pytest.raises(ArtifactGoneError):
        await store.get(made.name)
    clock.offset_s = 3 * TTL_S
    await store.put("image", "png", b"third")
    with pytest.raises(UnknownArtifactError):
        await store.get(made.name)


async def test_an_artifact_that_has_gone_can_be_made_again(url):
    clock = Clock()
    store = store_at(url, clock, max_bytes=100)
    first = await store.put("image", "png", content(1))
    await store.put("image", "png", content(2))
    with pytest.raises(ArtifactGoneError):
        await store.get(first.name)
    await store.put("image", "png", content(1))
    assert (await store.get(first.name)).content == content(1)


async def test_the_oldest_make_room(tmp_path):
    store = store_at(tmp_path)
    names = []
    for number in range(11):
        made = await store.put("image", "png", content(number))
        names.append(made.name)
        os.utime(tmp_path / made.name, (time.time() + number - 50,) * 2)
    left = [name for name in names if sizes(tmp_path)[name]]
    assert left == names[2:], "to nine tenths of the limit"


async def test_what_others_write_counts(tmp_path):
    clock = Clock()
    store, other = store_at(tmp_path, clock), store_at(tmp_path, clock)
    await store.put("image", "png", content(0))
    for number in range(1, 10):
        await other.put("image", "png", content(number))
    clock.offset_s = 11
    await store.put("image", "png", content(10))
    assert sum(sizes(tmp_path).values()) <= 1000


@given(
    files=st.lists(st.tuples(st.integers(0, 30), st.integers(8, 500)), min_size=1, max_size=40),
    max_bytes=st.integers(500, 2000),
)
@settings(max_examples=30)
def test_the_limit_holds_and_the_latest_is_there(tmp_path_factory, files, max_bytes):
    folder = tmp_path_factory.mktemp("limit")
    store = store_at(folder, max_bytes=max_bytes)

    async def fill():
        for number, size_bytes in files:
            made = await store.put("image", "png", content(number, size_bytes))
            assert sum(sizes(folder).values()) <= max_bytes
            found = await store.get(made.name)
            assert found.content == content(number, size_bytes)

    asyncio.run(fill())


@given(name=st.text(max_size=30) | st.from_regex(r"[./a-z]{0,9}-[0-9a-f]{10}\.\w{1,5}"))
@settings(max_examples=200)
def test_no_name_leads_out_of_the_store(tmp_path_factory, name):
    store = store_at(tmp_path_factory.getbasetemp())
    with pytest.raises(UnknownArtifactError):
        asyncio.run(store.get(name))


@pytest.mark.parametrize("name", ["../x-0123456789.png", "/etc/passwd", "x-0123456789.png\n"])
async def test_a_path_is_no_name(tmp_path, name):
    (tmp_path / "x-0123456789.png").write_bytes(b"outside")
    with pytest.raises(UnknownArtifactError):
        await store_at(tmp_path / "a").get(name)


async def test_files_that_are_too_large_are_refused_by_the_field_that_says_so(tmp_path):
    with pytest.raises(AugmentationError, match=r"501 bytes.*artifacts\.max_artifact_mib"):
        await store_at(tmp_path).put("image", "png", bytes(501))
    with pytest.raises(AugmentationError, match=r"artifacts\.max_gib"):
        await store_at(tmp_path, max_bytes=100).put("image", "png", bytes(101))
    assert not sizes(tmp_path)


@pytest.mark.parametrize(
    ("kind", "extension"), [("image", "html"), ("../a", "png"), ("", "png")]
)
async def test_what_cannot_be_a_name_is_the_augmentations_fault(tmp_path, kind, extension):
    with pytest.raises(ValueError, match=r"extension:|kind:"):
        await store_at(tmp_path).put(kind, extension, b"x")


async def test_a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing(tmp_path):
    store = store_at(tmp_path, file_system=FullDisk())
    with pytest.raises(AugmentationError, match=r"No space left.*artifacts\.url"):
        await store.put("image", "png", content(1))
    assert not sizes(tmp_path)


async def test_a_folder_that_cannot_be_made_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AugmentationError, match=r"artifacts\.url"):
        await store_at(tmp_path / "file" / "a").put("image", "png", b"PNG")


async def test_leftovers_of_dead_writers_go(tmp_path):
    clock = Clock()
    (tmp_path / ".unfinished-1").write_bytes(b"half")
    await store_at(tmp_path, clock).put("image", "png", b"PNG")
    assert (tmp_path / ".unfinished-1").exists(), "its writer may still be at it"
    clock.offset_s = 4000
    await store_at(tmp_path, clock).put("image", "png", b"PNG")
    assert not (tmp_path / ".unfinished-1").exists()


async def test_another_content_never_takes_a_name(tmp_path):
    store = store_at(tmp_path)
    made = await store.put("image", "png", b"PNG")
    (tmp_path / made.name).write_bytes(b"of the same name by chance")
    with pytest.raises(AugmentationError, match="by chance"):
        await store.put("image", "png", b"PNG")


def test_storage_that_is_not_installed_is_named():
    with pytest.raises(ValueError, match="no-such-storage"):
        store_at("no-such-storage://bucket")
