"""WRN-28-2 and the step of FixMatch in PyTorch: what ours is timed against.

The network is that of USB down to the names of its weights, so that
``models.load_usb_weights`` carries them over; the step is the one that its users run:
one backward pass, SGD with Nesterov's momentum, an average of the weights. What torch
offers to make it faster is used: fused SGD, ``foreach`` for the average.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

RATE, MOMENTUM, WEIGHT_DECAY, AVERAGE = 0.03, 0.9, 5e-4, 0.999


class Norm(nn.BatchNorm2d):
    """Batch norm that keeps 0.999 of its statistics."""

    def __init__(self, channels: int, epsilon: float = 1e-5):
        super().__init__(channels, eps=epsilon, momentum=0.001)


class Unit(nn.Module):
    """Norm, activation and convolution, twice, added to the input."""

    def __init__(self, inside: int, outside: int, stride: int, first: bool):
        super().__init__()
        self.same, self.first = inside == outside, first
        self.bn1 = Norm(inside)
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn2 = Norm(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        if not self.same:
            self.convShortcut = nn.Conv2d(inside, outside, 1, stride, 0, bias=False)

    def forward(self, x):
        """Images [N, channels, H, W] to those of the next unit."""
        active = functional.leaky_relu(self.bn1(x), 0.1)
        if not self.same and self.first:
            x = active
        y = self.conv1(active if self.same else x)
        y = self.conv2(functional.leaky_relu(self.bn2(y), 0.1))
        return y + (x if self.same else self.convShortcut(x))


class Block(nn.Module):
    """Several units, of which the first may halve the image."""

    def __init__(self, inside: int, outside: int, stride: int, units: int, first: bool):
        super().__init__()
        head = Unit(inside, outside, stride, first)
        rest = (Unit(outside, outside, 1, False) for _ in range(units - 1))
        self.layer = nn.Sequential(head, *rest)

    def forward(self, x):
        """All units in turn."""
        return self.layer(x)


class WideResNet(nn.Module):
    """The network of USB's nets/wrn/wrn.py."""

    def __init__(self, classes: int, depth: int = 28, width: int = 2):
        super().__init__()
        units, w = (depth - 4) // 6, [16, 16 * width, 32 * width, 64 * width]
        self.conv1 = nn.Conv2d(3, w[0], 3, 1, 1, bias=True)
        self.block1 = Block(w[0], w[1], 1, units, True)
        self.block2 = Block(w[1], w[2], 2, units, False)
        self.block3 = Block(w[2], w[3], 2, units, False)
        self.bn1 = Norm(w[3], 1e-3)
        self.classifier = nn.Linear(w[3], classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, 0.1, 'fan_out', 'leaky_relu')

    def forward(self, x):
        """Images [N, 3, H, W] to logits [N, classes]."""
        x = self.block3(self.block2(self.block1(self.conv1(x))))
        x = functional.leaky_relu(self.bn1(x), 0.1).mean((2, 3))
        return self.classifier(x)


class Twin(NamedTuple):
    """A network in training."""

    step: Callable  # (labelled, label, weak, strong) -> loss, not fetched
    arrays: Callable  # () -> {name: numpy}, the student's state_dict
    average: Callable  # () -> the same of the averaged weights


def twin(
    weights: dict[str, np.ndarray],
    *,
    threshold: float,
    joint: bool,
    layout: torch.memory_format = torch.channels_last,
    compiled: bool = False,
    bf16: bool = False,
    device: str = 'cpu',
    depth: int = 28,
    width: int = 2,
) -> Twin:
    """Returns a FixMatch in training.

    Args:
      weights: the state_dict to start from.
      threshold: of the confidence.
      joint: one pass over [labelled; weak; strong]; else three, of which the weak one
        keeps no graph, and only the first moves the running statistics.
      layout: of images and kernels in memory.
      compiled: forward and backward pass by torch.compile.
      bf16: autocast to bfloat16.
      device: 'cpu' or 'cuda'.
      depth: of the WRN.
      width: of the WRN.
    """
    classes = len(weights['classifier.bias'])
    student, slow = (
        load(WideResNet(classes, depth, width), weights)
        .to(device, memory_format=layout)
        .train()
        for _ in range(2)
    )
    slow.requires_grad_(False)
    decayed = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim < 2]
    optimizer = torch.optim.SGD(
        [
            {'params': decayed, 'weight_decay': WEIGHT_DECAY},
            {'params': others, 'weight_decay': 0.0},
        ],
        lr=RATE,
        momentum=MOMENTUM,
        nesterov=True,
        fused=True,
    )
    norms = [m for m in student.modules() if isinstance(m, Norm)]
    network = torch.compile(student) if compiled else student
    pairs = [list(student.parameters()), list(slow.parameters())]
    copied = [list(student.buffers()), list(slow.buffers())]

    def moving(moves):
        for norm in norms:
            norm.momentum = 0.001 if moves else 0.0

    def answers(labelled, weak, strong):
        if joint:
            logits = network(torch.cat([labelled, weak, strong]))
            return logits.split([len(labelled), len(weak), len(strong)])
        on_labels = network(labelled)
        moving(False)
        with torch.no_grad():
            on_weak = network(weak)
        on_strong = network(strong)
        moving(True)
        return on_labels, on_weak, on_strong

    def step(labelled, label, weak, strong):
        images = [
            x.to(device, non_blocking=True, memory_format=layout)
            for x in (labelled, weak, strong)
        ]
        label = label.to(device, non_blocking=True)
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=bf16):
            on_labels, on_weak, on_strong = answers(*images)
            confidence, target = on_weak.detach().float().softmax(-1).max(-1)
            taught = functional.cross_entropy(on_strong, target, reduction='none')
            loss = functional.cross_entropy(on_labels, label)
            loss = loss + (taught * (confidence >= threshold)).mean()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(pairs[1], pairs[0], 1 - AVERAGE)
            torch._foreach_copy_(copied[1], copied[0])
        return loss.detach()

    return Twin(step, lambda: arrays(student), lambda: arrays(slow))


def load(network: nn.Module, weights: dict[str, np.ndarray]) -> nn.Module:
    """Puts arrays into a network, which is returned."""
    state = {name: torch.from_numpy(np.array(x)) for name, x in weights.items()}
    network.load_state_dict(state)
    return network


def arrays(network: nn.Module) -> dict[str, np.ndarray]:
    """Returns the state_dict as numpy."""
    return {k: v.cpu().numpy().copy() for k, v in network.state_dict().items()}
