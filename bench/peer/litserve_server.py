"""LitServe with dynamic batching of up to 32 images."""

import os
import sys

import litserve
import numpy as np
from texture_model import TextureModel, patches_of


class TextureAPI(litserve.LitAPI):
    def setup(self, device: str) -> None:
        self.model = TextureModel(os.environ["PEER_MODEL"], int(os.environ["PEER_THREADS"]))

    def decode_request(self, request) -> np.ndarray:
        return patches_of(request["image"].file.read())

    def batch(self, inputs):
        return inputs

    def predict(self, images):
        images = images if isinstance(images, list) else [images]
        logits = self.model.logits(np.concatenate(images))
        ends = np.cumsum([len(image) for image in images])
        return np.split(logits, ends[:-1])

    def unbatch(self, output):
        return output

    def encode_response(self, output: np.ndarray) -> dict:
        return self.model.answer(output)


if __name__ == "__main__":
    api = TextureAPI(max_batch_size=32, batch_timeout=0.005, api_path="/classify")
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=int(os.environ["PEER_WORKERS"]))
    server.run(host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", generate_client_file=False)
