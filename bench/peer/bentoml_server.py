"""BentoML with adaptive batching and one worker per core."""

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
        images = [patches_of(Path(path).read_bytes()) for path in image]
        logits = self.model.logits(np.concatenate(images))
        ends = np.cumsum([len(patches) for patches in images])
        return [self.model.answer(rows) for rows in np.split(logits, ends[:-1])]
