"""Reads exported files with other people's tools and says how far their answers are from ours.

    python check.py FOLDER

FOLDER/manifest.json: {"patches": base64 of [n,64,64] bytes,
                       "models": [{"name", "file", "throughput", "classes", "logits": [n*C], "probabilities": [n*C]}]}
Prints one JSON object: {"versions": {...}, "models": {NAME: {CHECK: "ok" or the fault, TOOL: {OUTPUT: largest difference}}}}.
OpenCV's dnn reads the throughput file from version 5 on. OpenVINO is asked where it is installed.
"""

import base64
import json
import pathlib
import sys

import cv2
import numpy
import onnx
import onnxruntime

try:
    import openvino
except ImportError:
    openvino = None

OUTPUTS = ["probabilities", "logits"]


def attempt(check):
    """What the check returns, or its fault as text: one tool's failure hides no other's answer."""
    try:
        return check()
    except Exception as fault:  # Whatever a tool throws is its answer.
        return f"{type(fault).__name__}: {fault}"


def check_format(path):
    onnx.checker.check_model(path, full_check=True)
    return "ok"


def check_shapes(path, model):
    inferred = onnx.shape_inference.infer_shapes(
        onnx.load(path), check_type=True, strict_mode=True, data_prop=True
    )
    for output in inferred.graph.output:
        batch, classes = output.type.tensor_type.shape.dim
        if batch.dim_param != "N" or classes.dim_value != model["classes"]:
            return f"{output.name} is inferred as [{batch},{classes}]"
    return "ok"


def differences(run, images, model):
    """Largest differences of a run on all images at once and of runs on each image alone."""
    together = run(images)
    alone = [run(images[i : i + 1]) for i in range(len(images))]
    answers = {}
    for at, output in enumerate(OUTPUTS):
        expected = numpy.array(model[output]).reshape(len(images), model["classes"])
        answers[f"{output}, one batch"] = largest(together[at], expected)
        answers[f"{output}, one by one"] = largest(numpy.concatenate([rows[at] for rows in alone]), expected)
    return answers


def largest(got, expected):
    if got.shape != expected.shape:
        return f"shape {got.shape} instead of {expected.shape}"
    return float(numpy.abs(got - expected).max())


def in_onnxruntime(path, images, model):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return differences(lambda batch: session.run(OUTPUTS, {"image": batch}), images, model)


def in_opencv(path, images, model):
    net = cv2.dnn.readNetFromONNX(path)

    def run(batch):
        net.setInput(batch)
        return net.forward(OUTPUTS)

    return differences(run, images, model)


def in_openvino(path, images, model):
    # Without the hint it computes in bfloat16 on processors that have it.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(batch):
        answers = compiled(batch)
        return [answers[output] for output in OUTPUTS]

    return differences(run, images, model)


def main(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    pixels = numpy.frombuffer(base64.b64decode(manifest["patches"]), numpy.uint8)
    images = pixels.astype(numpy.float32).reshape(-1, 1, 64, 64)
    models = {}
    for model in manifest["models"]:
        path, throughput = str(folder / model["file"]), str(folder / model["throughput"])
        answers = {
            "format": attempt(lambda: check_format(path)),
            "shapes": attempt(lambda: check_shapes(path, model)),
            "onnxruntime": attempt(lambda: in_onnxruntime(path, images, model)),
            "opencv": attempt(lambda: in_opencv(path, images, model)),
        }
        if int(cv2.__version__.split(".")[0]) >= 5:
            answers["opencv, throughput"] = attempt(lambda: in_opencv(throughput, images, model))
        if openvino is not None:
            answers["openvino"] = attempt(lambda: in_openvino(path, images, model))
        models[model["name"]] = answers
    tools = [tool for tool in (onnx, onnxruntime, cv2, openvino, numpy) if tool is not None]
    versions = {tool.__name__: tool.__version__ for tool in tools}
    print(json.dumps({"versions": versions, "models": models}))


main(pathlib.Path(sys.argv[1]))
