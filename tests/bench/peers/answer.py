"""The peer of the benchmark: what people build by hand. One Redis read, the same body, nothing else.

Run by tests/bench/answer.rs: uvicorn answer:app --workers N, REDIS_URL and PEER_KEY in the environment.
"""

import os

import redis.asyncio as redis
from fastapi import FastAPI, Request, Response

app = FastAPI()
cache = redis.from_url(os.environ["REDIS_URL"])
KEY = os.environ["PEER_KEY"]


@app.post("/v1/{org}/retell/inbound")
async def inbound(org: str, request: Request) -> Response:
    await request.json()
    answer = await cache.get(KEY)
    return Response(content=answer, media_type="application/json")
