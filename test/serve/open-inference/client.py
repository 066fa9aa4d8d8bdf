"""Asks a service by Triton's HTTP client; prints one line of JSON. Arguments: host:port, model, count, path of patches as float32."""

import json
import sys

import numpy as np
import tritonclient.http as triton

url, model, count, path = sys.argv[1:]
patches = np.fromfile(path, dtype="<f4").reshape(int(count), 1, 64, 64)
client = triton.InferenceServerClient(url)


def ask(binary_input: bool, binary_output: bool) -> dict:
    image = triton.InferInput("image", patches.shape, "FP32")
    image.set_data_from_numpy(patches, binary_data=binary_input)
    outputs = [triton.InferRequestedOutput(name, binary_data=binary_output) for name in ("logits", "probabilities")]
    result = client.infer(model, [image], outputs=outputs, request_id="order-7")
    assert result.get_response()["id"] == "order-7"
    return {name: result.as_numpy(name).tolist() for name in ("logits", "probabilities")}


def ask_as_people_do() -> list:
    image = triton.InferInput("image", patches.shape, "FP32")
    image.set_data_from_numpy(patches)
    return client.infer(model, [image]).as_numpy("probabilities").tolist()


def fault() -> str:
    try:
        client.get_model_metadata("no-such-model")
    except triton.InferenceServerException as error:
        return error.message()
    return "none"


print(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "modelReady": client.is_model_ready(model),
            "server": client.get_server_metadata()["extensions"],
            "metadata": client.get_model_metadata(model),
            "binary": ask(True, True),
            "json": ask(False, False),
            "mixed": ask(True, False),
            "default": ask_as_people_do(),
            "fault": fault(),
        }
    )
)
