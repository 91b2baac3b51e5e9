import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from augment_workers.artifact_files import ArtifactFiles, ArtifactFolder
from augment_workers.artifacts import ArtifactStore
from deployments.api.artifact_route import add_artifact_route

TTL_S = 100.0


class BrokenStore(ArtifactStore):
    async def put(self, kind, extension, content):
        raise NotImplementedError

    async def get(self, name):
        raise PermissionError("secret-bucket")


class Clock:
    offset_s = 0.0

    def __call__(self):
        import time

        return time.time() + self.offset_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    folder = ArtifactFolder(
        url=str(tmp_path / "a"), max_bytes=100, max_artifact_bytes=100, time_to_live_s=TTL_S
    )
    return ArtifactFiles(folder, clock=clock)


def client_of(store):
    app = FastAPI()
    add_artifact_route(app, store)
    return TestClient(app)


async def test_a_file_is_served_with_its_type_and_may_be_cached(store):
    made = await store.put("image", "png", b"PNG")
    response = client_of(store).get(f"/v1/artifacts/{made.name}")
    assert response.content == b"PNG"
    headers = response.headers
    assert headers["content-type"] == "image/png"
    assert headers["content-length"] == "3"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in (
        f"private, max-age={int(TTL_S) - late_s}, immutable" for late_s in range(20)
    )


async def test_head_and_conditional_requests_get_no_body(store):
    made = await store.put("speech", "wav", b"RIFF")
    client = client_of(store)
    head = client.head(f"/v1/artifacts/{made.name}")
    assert head.content == b"" and head.headers["content-length"] == "4"
    same = client.get(
        f"/v1/artifacts/{made.name}", headers={"If-None-Match": head.headers["etag"]}
    )
    assert same.status_code == 304 and same.content == b""


@pytest.mark.parametrize(
    "name", ["image-0123456789.png", "..%2fsecret", "image-0123456789.html", ".unfinished-1"]
)
async def test_a_name_that_is_not_there_is_a_404_as_openai_says_it(store, name):
    await store.put("image", "png", b"PNG")
    response = client_of(store).get(f"/v1/artifacts/{name}")
    assert response.status_code == 404
    if name[0] == "i":
        error = response.json()["error"]
        assert error["code"] == 404 and error["param"] == "name" and name in error["message"]


async def test_an_expired_file_is_a_410(store, clock):
    made = await store.put("image", "png", b"PNG")
    clock.offset_s = TTL_S + 1
    response = client_of(store).get(f"/v1/artifacts/{made.name}")
    assert response.status_code == 410
    assert "gone" in response.json()["error"]["message"]


async def test_a_store_that_cannot_be_read_is_a_503_without_its_secrets():
    response = client_of(BrokenStore()).get("/v1/artifacts/image-0123456789.png")
    assert response.status_code == 503
    assert "secret" not in response.text
