# SPDX-License-Identifier: Apache-2.0
"""The HTTP interface: POST /v1/score, GET /healthz, GET /stats."""

from typing import List

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from marks import mark
from model import ITEM_COUNT, ITEMS_PER_REQUEST, USER_COUNT
from service import build_service


class ScoreRequest(BaseModel):
    """Which items to rank for whom; item_ids holds ITEMS_PER_REQUEST ids."""

    session_id: str
    user_id: int
    item_ids: List[int]


def check(request):
    """Raises HTTPException 422 for ids that the model does not know."""
    if len(request.item_ids) != ITEMS_PER_REQUEST:
        raise HTTPException(422, f"item_ids must hold {ITEMS_PER_REQUEST} ids")
    if not all(0 <= item < ITEM_COUNT for item in request.item_ids):
        raise HTTPException(422, f"item ids are 0 to {ITEM_COUNT - 1}")
    if not 0 <= request.user_id < USER_COUNT:
        raise HTTPException(422, f"user_id is 0 to {USER_COUNT - 1}")


def create_app(variant):
    """Returns the application that serves one variant of the ranking service."""
    service = build_service(variant)
    app = FastAPI(title="ranking", docs_url=None, redoc_url=None)

    @app.post("/v1/score")
    def score(request: ScoreRequest):
        check(request)
        scores = service.score(request.session_id, request.user_id, request.item_ids)
        mark("request")
        return {"session_id": request.session_id, "scores": scores}

    @app.get("/healthz")
    async def healthz():
        return {"status": "ok", "variant": variant}

    @app.get("/stats")
    def stats():
        return {"mean_confidence": service.mean_confidence()}

    return app
