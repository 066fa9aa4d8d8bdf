"""FastAPI with onnxruntime in its thread pool. Environment variables set the model and the threads."""

import os

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from texture_model import TextureModel, patches_of

model = TextureModel(os.environ["PEER_MODEL"], int(os.environ["PEER_THREADS"]))
app = FastAPI()


@app.post("/classify")
async def classify(request: Request) -> dict:
    content = await request.body()
    return await run_in_threadpool(lambda: model.answer(model.logits(patches_of(content))))
