"""What every peer does with a picture, as its people would write it: Pillow decodes, NumPy cuts the grid, onnxruntime computes."""

import io
import json
import math

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

GRID_LIMIT = 15
SIDE = 64


class TextureModel:
    def __init__(self, path: str, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        metadata = self.session.get_modelmeta().custom_metadata_map
        self.labels = json.loads(metadata["textura.labels"])
        self.patch_px = json.loads(metadata["textura.input"])["patchPx"]
        assert self.patch_px == SIDE, "the peers cut patches of 64 pixels only"

    def logits(self, patches: np.ndarray) -> np.ndarray:
        """[n,1,64,64] float32 to [n,C]."""
        return self.session.run(["logits"], {"image": patches})[0]

    def answer(self, logits: np.ndarray, top: int = 5) -> dict:
        """The mean of one picture's logits [n,C], as the service answers it."""
        mean = logits.mean(axis=0, dtype=np.float64)
        powers = np.exp(mean - mean.max())
        probabilities = powers / powers.sum()
        best = np.argsort(-probabilities, kind="stable")[:top]
        return {
            "results": [
                {
                    "predictions": [
                        {"label": self.labels[c], "probability": float(probabilities[c])} for c in best
                    ],
                    "crops": len(logits),
                }
            ]
        }


def patches_of(content: bytes) -> np.ndarray:
    """[n,1,64,64] float32 of the bytes of a picture."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    if image.mode == "L":
        grey = np.asarray(image)
    else:
        if image.has_transparency_data:
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image.convert("RGBA"))
        rgb = np.asarray(image.convert("RGB"), dtype=np.int32)
        grey = (rgb @ np.array([299, 587, 114]) + 500) // 1000
    height, width = grey.shape
    cut = [grey[y : y + SIDE, x : x + SIDE] for y, x in grid(width, height)]
    return np.stack(cut)[:, None].astype(np.float32)


def grid(width: int, height: int) -> list[tuple[int, int]]:
    columns, rows = math.ceil(width / SIDE), math.ceil(height / SIDE)
    while columns * rows > GRID_LIMIT:
        if columns / width > rows / height and columns > 1:
            columns -= 1
        elif rows > 1:
            rows -= 1
        else:
            columns -= 1
    ys, xs = spread(height - SIDE, rows), spread(width - SIDE, columns)
    return [(y, x) for y in ys for x in xs]


def spread(last: int, count: int) -> list[int]:
    if count == 1:
        return [last // 2]
    return [math.floor(i * last / (count - 1) + 0.5) for i in range(count)]
