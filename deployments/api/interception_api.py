"""``/v1/interceptions``: what waits for a human, and the human's answers."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.api.questions import Questions, Unreachable
from intercept_core.bus.messages import Answer, Question

MAX_REPLY_CHARACTERS = 100_000


class Reply(BaseModel):
    """What a human answers.

    Attributes:
        text: As they typed it.
    """

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=MAX_REPLY_CHARACTERS)


def interception_api(questions: Questions) -> APIRouter:
    """The routes; whoever may use the model's API may see and answer all questions."""
    router = APIRouter()

    @router.get("/v1/interceptions")
    async def waiting() -> dict[str, Any]:
        return {"object": "list", "data": [_fields(one) for one in await questions.waiting()]}

    @router.post("/v1/interceptions/{interception_id}")
    async def answer(interception_id: str, reply: Reply) -> Response:
        try:
            receipt = await questions.answer(Answer(call_id=interception_id, text=reply.text))
        except Unreachable as error:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; send it again")
        match receipt:
            case "taken":
                return Response(status_code=HTTPStatus.NO_CONTENT)
            case "answered":
                return _error(
                    HTTPStatus.CONFLICT,
                    f"interception {interception_id!r} has been answered already",
                )
            case _:
                return _error(
                    HTTPStatus.NOT_FOUND,
                    f"no interception {interception_id!r} waits for an answer; GET "
                    "/v1/interceptions lists those that do",
                )

    return router


def _fields(question: Question) -> dict[str, Any]:
    """As in the events of a stream, where they are named."""
    return {
        "id": question.call_id,
        "object": "interception",
        "kind": question.kind,
        "arguments": dict(question.arguments),
        "state": "running",
        "session_id": question.session_id,
        "seconds": round(question.waiting_s, 3),
        "remaining_seconds": round(question.remaining_s, 3),
    }


def _error(status: HTTPStatus, message: str) -> Response:
    """An error as the rest of the API has them."""
    error = {
        "message": message,
        "type": f"{status.phrase.replace(' ', '')}Error",
        "param": "interception_id",
        "code": int(status),
    }
    return JSONResponse({"error": error}, status_code=status)
