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
STATISTICS_RATE = 0.1


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
    variables.append(kernel)
    stride = layer.get("stridePx", 1)
    if not layer.get("hasBias", True):
        return lambda x: tf.nn.conv2d(x, kernel, strides=stride, padding="VALID")
    bias = tf.Variable(tf.zeros([filters]))
    variables.append(bias)
    return lambda x: tf.nn.bias_add(tf.nn.conv2d(x, kernel, strides=stride, padding="VALID"), bias)


def batch_norm(layer, channels, variables):
    """As in training: the statistics are those of the batch, and running averages follow them."""
    scale, shift = tf.Variable(tf.ones([channels])), tf.Variable(tf.zeros([channels]))
    variables += [scale, shift]
    averages = [tf.Variable(tf.zeros([channels])), tf.Variable(tf.ones([channels]))]

    def forward(x):
        output, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, scale, shift, epsilon=layer["epsilon"])
        for average, value in zip(averages, (mean, variance)):
            average.assign_add(STATISTICS_RATE * (value - average))
        return output

    return forward


def global_statistics(layer, outputs):
    """Means and deviations of every channel of the named layers, [N,1,1,F]."""
    parts = []
    for source in layer["of"]:
        mean, variance = tf.nn.moments(outputs[source], axes=[1, 2], keepdims=True)
        parts += [mean, tf.sqrt(variance + layer["varianceFloor"])]
    return tf.concat(parts, 3)


def max_pool(layer):
    return lambda x: tf.nn.max_pool2d(x, layer["sizePx"], layer["sizePx"], padding="VALID")


def global_average(x):
    """[N,h,w,C] to logits [N,C]; softmax is part of the loss."""
    return tf.reduce_mean(x, axis=[1, 2])


def network_of(layers):
    """Returns the network, grey levels [N,64,64,1] to logits [N,C], and its variables, kernel before bias."""
    functions, variables, channels, channels_of = [], [], 1, {}
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
        elif kind == "batchNorm":
            functions.append(batch_norm(layer, channels, variables))
        elif kind == "globalStatistics":
            functions.append(None)
            channels = 2 * sum(channels_of[source] for source in layer["of"])
        elif kind == "globalAverage":
            functions.append(global_average)
        else:
            raise ValueError(f"unknown layer kind {kind}")
        channels_of[layer["name"]] = channels

    def network(x):
        outputs = {}
        for layer, function in zip(layers, functions):
            x = global_statistics(layer, outputs) if function is None else function(x)
            outputs[layer["name"]] = x
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
