"""The training step in PyTorch, a candidate of `npm run bench -- train`.

Its argument is JSON: `layers` as in model/layer.ts, `classes`, `batch`, `threads` and `setting`.
"""

import contextlib
import json
import sys

import torch
from torch import nn

from candidate import answer_samples

INPUT_PX = 64
BATCHES = 4


class Standardise(nn.Module):
    """Grey levels [N,1,64,64] to zero mean and unit variance per patch."""

    def __init__(self, variance_floor):
        super().__init__()
        self.variance_floor = variance_floor

    def forward(self, grey):
        centred = grey - grey.mean(dim=(1, 2, 3), keepdim=True)
        variance = centred.square().mean(dim=(1, 2, 3), keepdim=True)
        return centred / (variance + self.variance_floor).sqrt()


def convolution(layer, channels):
    module = nn.Conv2d(
        channels, layer["filters"], layer["kernelPx"], layer.get("stridePx", 1), bias=layer.get("hasBias", True)
    )
    nn.init.kaiming_normal_(module.weight)
    if "initialDeviation" in layer:
        nn.init.normal_(module.weight, std=layer["initialDeviation"])
    if module.bias is not None:
        nn.init.zeros_(module.bias)
    return module


class Network(nn.Module):
    """Layers in order; `globalStatistics` reads earlier ones by name, and the last layer averages positions to logits [N,C]."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        self.parts = nn.ModuleDict()
        channels, of = 1, {}
        for layer in layers:
            kind, name = layer["kind"], layer["name"]
            if kind == "standardise":
                self.parts[name] = Standardise(layer["varianceFloor"])
            elif kind == "convolution":
                self.parts[name] = convolution(layer, channels)
                channels = layer["filters"]
            elif kind == "batchNorm":
                self.parts[name] = nn.BatchNorm2d(channels, eps=layer["epsilon"])
            elif kind == "relu":
                self.parts[name] = nn.ReLU(inplace=True)
            elif kind == "maxPool":
                self.parts[name] = nn.MaxPool2d(layer["sizePx"])
            elif kind == "globalStatistics":
                channels = 2 * sum(of[source] for source in layer["of"])
            elif kind != "globalAverage":
                raise ValueError(f"unknown layer kind {kind}")
            of[name] = channels

    def forward(self, x):
        outputs = {}
        for layer in self.layers:
            kind, name = layer["kind"], layer["name"]
            if kind == "globalStatistics":
                x = torch.cat([part for source in layer["of"] for part in statistics(outputs[source], layer)], 1)
            elif kind == "globalAverage":
                x = x.mean(dim=(2, 3))
            else:
                x = self.parts[name](x)
            outputs[name] = x
        return x


def statistics(x, layer):
    """Mean and deviation of each channel over positions, [N,C,1,1] each."""
    variance, mean = torch.var_mean(x, dim=(2, 3), unbiased=False, keepdim=True)
    return mean, (variance + layer["varianceFloor"]).sqrt()


def optimiser_of(network):
    """SGD with momentum 0.9 and weight decay 5e-4 on kernels, none on biases."""
    kernels = [value for value in network.parameters() if value.dim() > 1]
    biases = [value for value in network.parameters() if value.dim() == 1]
    groups = [{"params": kernels, "weight_decay": 5e-4}, {"params": biases, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=1e-3, momentum=0.9)


def stepper(request):
    """Returns a function that runs one step: bytes to float32, forward, backward, update."""
    setting, batch = request["setting"], request["batch"]
    layout = torch.contiguous_format if setting == "default" else torch.channels_last
    network = Network(request["layers"]).to(memory_format=layout)
    optimiser = optimiser_of(network)
    loss_of = nn.CrossEntropyLoss()
    patches = torch.randint(0, 256, (BATCHES, batch, 1, INPUT_PX, INPUT_PX), dtype=torch.uint8)
    labels = torch.randint(0, request["classes"], (BATCHES, batch))
    taken = 0

    def precision():
        in_bf16 = setting == "channels_last_bf16"
        return torch.autocast("cpu", dtype=torch.bfloat16) if in_bf16 else contextlib.nullcontext()

    def step():
        nonlocal taken
        grey = patches[taken % BATCHES].to(torch.float32, memory_format=layout)
        optimiser.zero_grad(set_to_none=True)
        with precision():
            loss = loss_of(network(grey), labels[taken % BATCHES])
        loss.backward()
        optimiser.step()
        taken += 1
        return loss.item()

    return step


def main():
    request = json.loads(sys.argv[1])
    torch.manual_seed(1)
    torch.set_num_threads(request["threads"])
    answer_samples({"torch": torch.__version__}, stepper(request))


main()
