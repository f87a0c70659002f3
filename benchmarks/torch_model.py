"""The published training step (paper, section 3.3 and Appendix A) in PyTorch, for timing.

Two views of every image, encoded separately; a hypernetwork; the INR of the first view's latents on all its pixels;
Adam. Each INR of a batch has different weights, which PyTorch can evaluate in a Python loop over the images or with
`torch.bmm`.
"""

import itertools
import math

import numpy as np
import torch
from ml_collections import ConfigDict
from torch import nn
from torch.nn import functional as F

from irl_inr_jax.types import PyTree


class Block(nn.Module):
    """A basic block of ResNet18."""

    def __init__(self, channels: int, features: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, features, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(features)
        self.shortcut = None
        if stride != 1 or channels != features:
            conv = nn.Conv2d(channels, features, 1, stride, bias=False)
            self.shortcut = nn.Sequential(conv, nn.BatchNorm2d(features))

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + (x if self.shortcut is None else self.shortcut(x)))


class Peer(nn.Module):
    """Encoder, hypernetwork and INR of a `:paper` configuration, with the loss on two views.

    batched: whether INRs are evaluated by `torch.bmm` or in a loop.
    """

    def __init__(self, config: ConfigDict, frequencies: np.ndarray, *, batched: bool):
        super().__init__()
        model, encoder = config.model, config.model.encoder
        self.latent_dim, self.batched, self.weights = model.latent_dim, batched, config.loss
        stem = nn.Conv2d(1, encoder.width, 3, 1, 1, bias=False)
        blocks, channels = [stem, nn.BatchNorm2d(encoder.width), nn.ReLU()], encoder.width
        for stage, num_blocks in enumerate(encoder.stage_sizes):
            for block in range(num_blocks):
                features = encoder.width * 2**stage
                blocks.append(Block(channels, features, 2 if stage and not block else 1))
                channels = features
        self.trunk = nn.Sequential(*blocks)
        self.head = make_mlp((channels, *encoder.head_widths, model.latent_dim + 2), nn.ReLU)
        sizes = (2 * len(frequencies), *model.inr.widths, 1)
        self.inr_sizes = list(itertools.pairwise(sizes))
        num_weights = sum(size_in * size_out + size_out for size_in, size_out in self.inr_sizes)
        hidden = (model.latent_dim, *model.hypernet.widths, num_weights)
        self.hypernet = make_mlp(hidden, lambda: nn.LeakyReLU(0.1))
        self.register_buffer("frequencies", torch.tensor(np.asarray(frequencies)))

    def encode(self, images):
        outputs = self.head(self.trunk(images).mean((2, 3)))
        return outputs[:, : self.latent_dim], outputs[:, self.latent_dim :]

    def reconstruct(self, weights, coords):
        phase = 2 * math.pi * coords @ self.frequencies.T
        x = torch.cat([torch.cos(phase), torch.sin(phase)], dim=-1)
        if self.batched:
            return self.reconstruct_batch(weights, x)
        return torch.stack([self.reconstruct_one(weights[i], x[i]) for i in range(len(x))])

    def reconstruct_batch(self, weights, x):
        for number, (bias, matrix) in enumerate(self.split(weights)):
            x = torch.baddbmm(bias[:, None], x, matrix)
            x = F.relu(x) if number + 1 < len(self.inr_sizes) else torch.sigmoid(x)
        return x

    def reconstruct_one(self, weights, x):
        for number, (bias, matrix) in enumerate(self.split(weights[None])):
            x = torch.addmm(bias[0], x, matrix[0])
            x = F.relu(x) if number + 1 < len(self.inr_sizes) else torch.sigmoid(x)
        return x

    def split(self, weights):
        """Return (b, k) weights as (bias, matrix) of every layer, biases first as in our pytree."""
        layers, start = [], 0
        for size_in, size_out in self.inr_sizes:
            bias = weights[:, start : start + size_out]
            matrix = weights[:, start + size_out : start + size_out + size_in * size_out]
            layers.append((bias, matrix.reshape(-1, size_in, size_out)))
            start += size_out + size_in * size_out
        return layers

    def forward(self, first, second):
        """Return the loss on two views (b, 1, h, w)."""
        height, width = first.shape[2:]
        latents1, centre1 = self.encode(first)
        latents2, _ = self.encode(second)
        theta = torch.atan2(-centre1[:, 0], centre1[:, 1])
        grid = pixel_grid(height, width, first.device)
        shifted = grid - centre1[:, None]
        cos, sin = torch.cos(theta)[:, None], torch.sin(theta)[:, None]
        coords = torch.stack(
            [cos * shifted[..., 0] + sin * shifted[..., 1], cos * shifted[..., 1] - sin * shifted[..., 0]], dim=-1
        )
        outputs = self.reconstruct(self.hypernet(latents1), coords)
        recon = F.mse_loss(outputs[..., 0], first.flatten(1))
        consistency = (1 - F.cosine_similarity(latents1, latents2)).mean()
        symmetry = F.mse_loss(centre1, centre_of_mass(first, grid))
        weights = self.weights
        return weights.recon * recon + weights.consistency * consistency + weights.symmetry * symmetry


def make_mlp(sizes: tuple[int, ...], activation) -> nn.Sequential:
    """Return linear layers with activations in between."""
    layers: list[nn.Module] = []
    for size_in, size_out in itertools.pairwise(sizes):
        layers += [nn.Linear(size_in, size_out), activation()]
    return nn.Sequential(*layers[:-1])


def pixel_grid(height: int, width: int, device) -> torch.Tensor:
    """Return the (n, 2) coords of pixel centres, x to the right and y up."""
    x = (2 * torch.arange(width, device=device) + 1) / width - 1
    y = 1 - (2 * torch.arange(height, device=device) + 1) / height
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)


def centre_of_mass(images: torch.Tensor, grid: torch.Tensor) -> torch.Tensor:
    """Return the (b, 2) centres of mass in coords."""
    mass = images.abs().flatten(1)
    return (mass[..., None] * grid).sum(1) / mass.sum(1, keepdim=True).clamp_min(1e-12)


def rotate_images(images: torch.Tensor, translation_px: float) -> torch.Tensor:
    """Return images (b, 1, h, w) rotated by random angles and shifted, with nearest-pixel sampling."""
    theta = 2 * math.pi * torch.rand(len(images), device=images.device)
    shift = 2 * translation_px / images.shape[3] * torch.randn(len(images), 2, device=images.device)
    cos, sin = torch.cos(theta), torch.sin(theta)
    rows = [torch.stack([cos, sin, shift[:, 0]], -1), torch.stack([-sin, cos, shift[:, 1]], -1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="nearest", align_corners=False)


def load_params(peer: Peer, params: PyTree) -> None:
    """Copy the parameters of our method to the peer, so that both can be compared."""
    resnet = params["encoder"]["ResNet_0"]
    state = {}

    def norm(name: str, norm_params: PyTree) -> None:
        state[f"{name}.weight"], state[f"{name}.bias"] = norm_params["scale"], norm_params["bias"]

    def conv(name: str, conv_params: PyTree) -> None:
        state[f"{name}.weight"] = np.transpose(conv_params["kernel"], (3, 2, 0, 1))

    conv("trunk.0", resnet["Conv_0"])
    norm("trunk.1", resnet["BatchNorm_0"])
    for number in range(len(peer.trunk) - 3):
        block, name = resnet[f"BasicBlock_{number}"], f"trunk.{number + 3}"
        for index in (0, 1):
            conv(f"{name}.conv{index + 1}", block[f"Conv_{index}"])
            norm(f"{name}.norm{index + 1}", block[f"BatchNorm_{index}"])
        if "Conv_2" in block:
            conv(f"{name}.shortcut.0", block["Conv_2"])
            norm(f"{name}.shortcut.1", block["BatchNorm_2"])
    for name, layers in (("head", params["encoder"]["MLP_0"]), ("hypernet", params["generator"]["MLP_0"])):
        for number in range(len(layers)):
            dense = layers[f"Dense_{number}"]
            state[f"{name}.{2 * number}.weight"] = np.transpose(dense["kernel"])
            state[f"{name}.{2 * number}.bias"] = dense["bias"]
    tensors = {name: torch.tensor(np.asarray(value)) for name, value in state.items()}
    missing = peer.load_state_dict(tensors, strict=False)
    assert not missing.unexpected_keys, missing
    assert all("running" in key or "num_batches" in key or key == "frequencies" for key in missing.missing_keys)
