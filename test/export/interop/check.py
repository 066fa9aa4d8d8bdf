"""Reads exported files with other people's tools and says how far their answers are from ours.

    python check.py FOLDER

FOLDER/manifest.json: {"patches": base64 of [n,64,64] bytes,
                       "models": [{"name", "file", "throughput", "outputs": {NAME: [n*width]}}],
                       "reduced": the same without "throughput", of files of fewer bits}
Prints one JSON object: {"versions": {...}, "models": {NAME: {CHECK: "ok" or the fault, TOOL: {OUTPUT: largest difference}}},
"reduced": the same}. OpenCV's dnn reads the throughput file from version 5 on, which does not read every file of int8.
OpenVINO is asked where it is installed.
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

THROUGHPUT_OUTPUTS = ["probabilities", "logits"]


def attempt(check):
    """What the check returns, or its fault as text: one tool's failure hides no other's answer."""
    try:
        return check()
    except Exception as fault:  # Whatever a tool throws is its answer.
        return f"{type(fault).__name__}: {fault}"


def check_format(path):
    onnx.checker.check_model(path, full_check=True)
    return "ok"


def check_shapes(path, outputs, count):
    inferred = onnx.shape_inference.infer_shapes(
        onnx.load(path), check_type=True, strict_mode=True, data_prop=True
    )
    for output in inferred.graph.output:
        batch, width = output.type.tensor_type.shape.dim
        if batch.dim_param != "N" or width.dim_value * count != len(outputs[output.name]):
            return f"{output.name} is inferred as [{batch},{width}]"
    return "ok"


def differences(run, images, outputs):
    """Largest differences of a run on all images at once and of runs on each image alone."""
    together = run(images)
    alone = [run(images[i : i + 1]) for i in range(len(images))]
    answers = {}
    for at, (output, values) in enumerate(outputs.items()):
        expected = numpy.array(values).reshape(len(images), -1)
        answers[f"{output}, one batch"] = largest(together[at], expected)
        answers[f"{output}, one by one"] = largest(numpy.concatenate([rows[at] for rows in alone]), expected)
    return answers


def largest(got, expected):
    if got.shape != expected.shape:
        return f"shape {got.shape} instead of {expected.shape}"
    return float(numpy.abs(got - expected).max())


def in_onnxruntime(path, images, outputs):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return differences(lambda batch: session.run(list(outputs), {"image": batch}), images, outputs)


def in_opencv(path, images, outputs):
    net = cv2.dnn.readNetFromONNX(path)

    def run(batch):
        net.setInput(batch)
        # OpenCV 5 takes one name or those of all outputs.
        return net.forward(list(outputs))

    return differences(run, images, outputs)


def in_openvino(path, images, outputs):
    # Without the hint it computes in bfloat16 on processors that have it.
    compiled = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

    def run(batch):
        answers = compiled(batch)
        return [answers[output] for output in outputs]

    return differences(run, images, outputs)


def reduced_answers(path, images, outputs):
    answers = {
        "format": attempt(lambda: check_format(path)),
        "onnxruntime": attempt(lambda: in_onnxruntime(path, images, outputs)),
    }
    if openvino is not None:
        answers["openvino"] = attempt(lambda: in_openvino(path, images, outputs))
    return answers


def main(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    pixels = numpy.frombuffer(base64.b64decode(manifest["patches"]), numpy.uint8)
    images = pixels.astype(numpy.float32).reshape(-1, 1, 64, 64)
    models = {}
    for model in manifest["models"]:
        path, throughput = str(folder / model["file"]), str(folder / model["throughput"])
        outputs = model["outputs"]
        answers = {
            "format": attempt(lambda: check_format(path)),
            "shapes": attempt(lambda: check_shapes(path, outputs, len(images))),
            "onnxruntime": attempt(lambda: in_onnxruntime(path, images, outputs)),
            "opencv": attempt(lambda: in_opencv(path, images, outputs)),
        }
        if int(cv2.__version__.split(".")[0]) >= 5:
            expected = {output: outputs[output] for output in THROUGHPUT_OUTPUTS}
            answers["opencv, throughput"] = attempt(lambda: in_opencv(throughput, images, expected))
        if openvino is not None:
            answers["openvino"] = attempt(lambda: in_openvino(path, images, outputs))
        models[model["name"]] = answers
    reduced = {
        model["name"]: reduced_answers(str(folder / model["file"]), images, model["outputs"])
        for model in manifest["reduced"]
    }
    tools = [tool for tool in (onnx, onnxruntime, cv2, openvino, numpy) if tool is not None]
    versions = {tool.__name__: tool.__version__ for tool in tools}
    print(json.dumps({"versions": versions, "models": models, "reduced": reduced}))


main(pathlib.Path(sys.argv[1]))
