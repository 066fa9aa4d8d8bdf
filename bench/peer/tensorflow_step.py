"""The training step in TensorFlow as a tf.function, a candidate of `npm run bench -- train`.

Its argument is JSON: `layers` as in model/layer.ts, `classes`, `batch` and `threads`.
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

from candidate import answer_samples

INPUT_PX = 64
BATCHES = 4
# Weight decay is applied to kernels only.
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 1e-3, 0.9, 5e-4


def standardise(layer):
    def forward(grey):
        centred = grey - tf.reduce_mean(grey, axis=[1, 2, 3], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=[1, 2, 3], keepdims=True)
        return centred * tf.math.rsqrt(variance + layer["varianceFloor"])

    return forward


def convolution(layer, channels, variables):
    side, filters = layer["kernelPx"], layer["filters"]
    deviation = layer.get("initialDeviation", (2 / (side * side * channels)) ** 0.5)
    kernel = tf.Variable(tf.random.normal([side, side, channels, filters], stddev=deviation))
    bias = tf.Variable(tf.zeros([filters]))
    variables += [kernel, bias]
    return lambda x: tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=1, padding="VALID"), bias)


def max_pool(layer):
    return lambda x: tf.nn.max_pool2d(x, layer["sizePx"], layer["sizePx"], padding="VALID")


def global_average(x):
    """[N,h,w,C] to logits [N,C]; softmax is part of the loss."""
    return tf.reduce_mean(x, axis=[1, 2])


def network_of(layers):
    """Returns the network, grey levels [N,64,64,1] to logits [N,C], and its variables, kernel before bias."""
    functions, variables, channels = [], [], 1
    for layer in layers:
        kind = layer["kind"]
        if kind == "standardise":
            functions.append(standardise(layer))
        elif kind == "convolution":
            functions.append(convolution(layer, channels, variables))
            channels = layer["filters"]
        elif kind == "relu":
            functions.append(tf.nn.relu)
        elif kind == "maxPool":
            functions.append(max_pool(layer))
        elif kind == "globalAverage":
            functions.append(global_average)
        else:
            raise ValueError(f"unknown layer kind {kind}")

    def network(x):
        for function in functions:
            x = function(x)
        return x

    return network, variables


def stepper(request):
    """Returns a function that runs one step: bytes to float32, forward, backward, update."""
    batch = request["batch"]
    network, variables = network_of(request["layers"])
    momentum_buffers = [tf.Variable(tf.zeros_like(value)) for value in variables]
    patches = tf.cast(tf.random.uniform([BATCHES, batch, INPUT_PX, INPUT_PX, 1], 0, 256, tf.int32), tf.uint8)
    labels = tf.random.uniform([BATCHES, batch], 0, request["classes"], tf.int32)
    taken = 0

    @tf.function
    def step_on(batch_patches, batch_labels):
        with tf.GradientTape() as tape:
            logits = network(tf.cast(batch_patches, tf.float32))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=batch_labels, logits=logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        for value, buffer, gradient in zip(variables, momentum_buffers, gradients):
            decayed = gradient + WEIGHT_DECAY * value if value.shape.rank > 1 else gradient
            buffer.assign(MOMENTUM * buffer + decayed)
            value.assign_sub(LEARNING_RATE * buffer)
        return loss

    def step():
        nonlocal taken
        at = taken % BATCHES
        taken += 1
        return float(step_on(patches[at], labels[at]))

    return step


def main():
    request = json.loads(sys.argv[1])
    tf.random.set_seed(1)
    tf.config.threading.set_intra_op_parallelism_threads(request["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    answer_samples({"tensorflow": tf.__version__}, stepper(request))


main()
