"""Serves the files that augmentations make."""

import asyncio
import logging

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from vllm.entrypoints.serve.engine.protocol import ErrorInfo, ErrorResponse

from augment_workers.artifacts import (
    ArtifactGoneError,
    ArtifactStore,
    StoredArtifact,
    UnknownArtifactError,
)

logger = logging.getLogger("ray.serve")

PATH = "/v1/artifacts"
READ_TIMEOUT_S = 30.0


def add_artifact_route(app: FastAPI, store: ArtifactStore) -> None:
    """Adds ``GET /v1/artifacts/<name>`` to ``app``."""

    @app.api_route(f"{PATH}/{{name}}", methods=["GET", "HEAD"])
    async def artifact(name: str, request: Request) -> Response:
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                stored = await store.get(name)
        except UnknownArtifactError as error:
            return _error(404, "NotFoundError", str(error))
        except ArtifactGoneError as error:
            return _error(410, "GoneError", str(error))
        except Exception:  # each of fsspec's file systems has errors of its own
            logger.exception("artifact %s cannot be read", name)
            message = f"the store of artifacts cannot be read now; ask for {name} again later"
            return _error(503, "ServiceUnavailableError", message)
        headers = _headers(stored)
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        content_type = stored.artifact.content_type
        return Response(stored.content, media_type=content_type, headers=headers)


def artifact_url(base_url: str, name: str) -> str:
    """Where a client fetches the artifact ``name`` from the server at ``base_url``."""
    return f"{base_url.rstrip('/')}{PATH}/{name}"


def _headers(stored: StoredArtifact) -> dict[str, str]:
    name = stored.artifact.name
    return {
        # The name follows from the content, so nothing else will ever be under it.
        "Cache-Control": f"private, max-age={int(stored.expires_in_s)}, immutable",
        "ETag": f'"{name}"',
        "Content-Disposition": f'inline; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
    }


def _error(status: int, kind: str, message: str) -> JSONResponse:
    error = ErrorInfo(message=message, type=kind, param="name", code=status)
    return JSONResponse(ErrorResponse(error=error).model_dump(), status_code=status)
