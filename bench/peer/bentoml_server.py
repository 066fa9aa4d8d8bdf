"""BentoML with adaptive batching, one worker a core."""

import os
from pathlib import Path
from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import ContentType
from texture_model import TextureModel, patches_of


@bentoml.service(workers=int(os.environ.get("PEER_WORKERS", "1")), traffic={"timeout": 30})
class TextureService:
    def __init__(self) -> None:
        self.model = TextureModel(os.environ["PEER_MODEL"], int(os.environ["PEER_THREADS"]))

    @bentoml.api(batchable=True, max_batch_size=32, max_latency_ms=1000, route="/classify")
    def classify(self, image: list[Annotated[Path, ContentType("image/*")]]) -> list[dict]:
        pictures = [patches_of(Path(path).read_bytes()) for path in image]
        logits = self.model.logits(np.concatenate(pictures))
        ends = np.cumsum([len(picture) for picture in pictures])
        return [self.model.answer(rows) for rows in np.split(logits, ends[:-1])]
