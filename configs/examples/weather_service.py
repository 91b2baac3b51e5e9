"""The web service of http.yaml: made-up weather, and a report that takes a while.

WEATHER_TOKEN=a-secret .venv/bin/python configs/examples/weather_service.py
"""

import asyncio
import json
import os
import zlib
from collections.abc import AsyncIterator
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

app = FastAPI()


def _weather(city: str, day: int) -> dict[str, Any]:
    number = zlib.crc32(f"{city.casefold()} {day}".encode())
    sky = ("clear", "cloudy", "rain", "snow")[number % 4]
    return {"day": day, "sky": sky, "celsius": number % 35 - 5}


@app.get("/cities/{city}/forecast")
async def forecast(
    city: str, authorization: Annotated[str, Header()] = "", days: int = 1
) -> dict[str, Any]:
    """What a tool of one question and one answer looks like."""
    if authorization != f"Bearer {os.environ['WEATHER_TOKEN']}":
        raise HTTPException(401, "a token is needed")
    if not city.isalpha():
        raise HTTPException(404, f"there is no city {city}")
    return {"city": city, "forecast": [_weather(city, day) for day in range(days)]}


class Period(BaseModel):
    """What a report is about."""

    city: str
    days: int


@app.post("/reports")
async def report(period: Period) -> StreamingResponse:
    """What a tool looks like that says how far it is: server-sent events."""
    step_s = 0.05

    async def events() -> AsyncIterator[str]:
        warmest = -100
        for day in range(period.days):
            await asyncio.sleep(step_s)
            warmest = max(warmest, _weather(period.city, day)["celsius"])
            left_s = step_s * (period.days - day - 1)
            progress = {"fraction": (day + 1) / period.days, "eta_s": left_s}
            yield f"event: progress\ndata: {json.dumps(progress)}\n\n"
        yield f"event: result\ndata: The warmest day will have {warmest} degrees.\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8100)
