"""Classification in the Python servers: Pillow decodes, NumPy cuts patches, onnxruntime runs the model."""

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
        self.temperature = float(metadata.get("textura.temperature", 1))
        self.photo_temperature = float(metadata.get("textura.photoTemperature", 1))
        assert self.patch_px == SIDE, f"expected a model with patches of {SIDE} px, got {self.patch_px}"

    def logits(self, patches: np.ndarray) -> np.ndarray:
        """[n,1,64,64] float32 to [n,C]."""
        return self.session.run(["logits"], {"image": patches})[0]

    def answer(self, logits: np.ndarray, top: int = 5) -> dict:
        """The service's answer for the logits [n,C] of one image: softmax of their mean / temperature."""
        temperature = self.temperature if len(logits) == 1 else self.photo_temperature
        mean = logits.mean(axis=0, dtype=np.float64) / temperature
        exponentials = np.exp(mean - mean.max())
        probabilities = exponentials / exponentials.sum()
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
    """The bytes of an image file to patches [n,1,64,64] float32."""
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
    """The (y, x) of at most 15 patches, placed like those of model/patch.ts."""
    columns, rows = math.ceil(width / SIDE), math.ceil(height / SIDE)
    while columns * rows > GRID_LIMIT:
        if columns / width > rows / height and columns > 1:
            columns -= 1
        elif rows > 1:
            rows -= 1
        else:
            columns -= 1
    ys, xs = evenly_spaced(height - SIDE, rows), evenly_spaced(width - SIDE, columns)
    return [(y, x) for y in ys for x in xs]


def evenly_spaced(last: int, count: int) -> list[int]:
    if count == 1:
        return [last // 2]
    return [math.floor(i * last / (count - 1) + 0.5) for i in range(count)]
