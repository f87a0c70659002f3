"""A ResNet encoder in float64 NumPy, from the definitions of its layers in PyTorch, which pads by k // 2."""

import itertools

import numpy as np


def convolve_definition(x, kernel, stride):
    """Conv2d(bias=False, padding=k // 2) of images (b, h, w, c) with a kernel (k, k, c, f)."""
    size, pad = len(kernel), len(kernel) // 2
    padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    height, width = ((side + 2 * pad - size) // stride + 1 for side in x.shape[1:3])
    out = np.zeros((len(x), height, width, kernel.shape[-1]))
    for row, column in itertools.product(range(height), range(width)):
        field = padded[:, row * stride : row * stride + size, column * stride : column * stride + size]
        out[:, row, column] = np.tensordot(field, kernel, axes=3)
    return out


def pool_definition(x):
    """MaxPool2d(3, stride=2, padding=1)."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    height, width = ((side - 1) // 2 + 1 for side in x.shape[1:3])
    windows = [padded[:, i : i + 2 * height - 1 : 2, j : j + 2 * width - 1 : 2] for i in range(3) for j in range(3)]
    return np.max(windows, axis=0)


class NumpyResNet:
    """The trunk of `params` and `batch_stats`; train: whether batch norm takes the statistics of the batch.

    seen: mean of each norm's input by path, in training.
    """

    def __init__(self, variables, *, stem, train=False):
        self.stem_stride, self.pools = {"3x3": (1, False), "3x3/2": (2, False), "7x7": (2, True)}[stem]
        self.params, self.statistics, self.train, self.seen = variables["params"], variables["batch_stats"], train, {}

    def norm(self, x, params, statistics, name):
        if self.train:
            mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
            self.seen[name] = mean
        else:
            mean, var = (np.float64(statistics[key]) for key in ("mean", "var"))
        return (x - mean) / np.sqrt(var + 1e-5) * np.float64(params["scale"]) + np.float64(params["bias"])

    def block(self, x, name, stride):
        params, statistics = self.params[name], self.statistics[name]

        def conv_norm(x, number, stride):
            x = convolve_definition(x, np.float64(params[f"Conv_{number}"]["kernel"]), stride)
            norm = f"BatchNorm_{number}"
            return self.norm(x, params[norm], statistics[norm], f"{name}/{norm}")

        y = conv_norm(np.maximum(conv_norm(x, 0, stride), 0), 1, 1)
        return np.maximum(y + (conv_norm(x, 2, stride) if "Conv_2" in params else x), 0)

    def __call__(self, images):
        x = convolve_definition(np.float64(images), np.float64(self.params["Conv_0"]["kernel"]), self.stem_stride)
        x = np.maximum(self.norm(x, self.params["BatchNorm_0"], self.statistics["BatchNorm_0"], "BatchNorm_0"), 0)
        x = pool_definition(x) if self.pools else x
        for number in range(sum(name.startswith("BasicBlock") for name in self.params)):  # one block per stage
            x = self.block(x, f"BasicBlock_{number}", 2 if number else 1)
        return x.mean((1, 2))


def apply_dense(params, x):
    """Linear layers with ReLU between them."""
    for number in range(len(params)):
        x = np.maximum(x, 0) if number else x
        layer = params[f"Dense_{number}"]
        x = x @ np.float64(layer["kernel"]) + np.float64(layer["bias"])
    return x
