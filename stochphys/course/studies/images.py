"""Networks that tell what is on a small image: CNN, VCNN and ResNet, on images as bytes.

Bytes become numbers inside of the network, on its device. Nothing here knows which labels are true.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from torch.nn.utils import skip_init

from ... import require
from ...device import Source, as_generator

DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # blocks of two convolutions at each size


class Standardise(nn.Module):
    r"""Bytes to numbers of order one, $(x - \langle x\rangle)/\text{std}\,x$ in each colour.

    `images` are those that the network will learn from, `(n, colours, height, width)` in bytes; grey
    ones have one colour. Mean and std are theirs: with images of a test set among them the test is no
    longer one. Raises `TypeError` for images that are no bytes, `ValueError` for other axes, or a
    uniform colour.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, images: Tensor) -> None:
        super().__init__()
        require.tensor((torch.uint8,), images=images)
        if images.ndim != 4:
            raise ValueError(
                f"images must have the axes (n, colours, height, width), got {tuple(images.shape)}"
            )
        # One colour at a time: all of them in floats would be eight times as large.
        law = [torch.std_mean(colour.double(), correction=0) for colour in images.unbind(1)]
        std, mean = (torch.stack(of_all).float() for of_all in zip(*law, strict=True))
        if not (std > 0).all():
            raise ValueError("images must differ in each colour; leave out one that is uniform")
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """`(batch, colours, height, width)` in bytes → the same in floats."""
        return (x.float() - self.mean) / self.std


class Augment(Standardise):
    """The same; in training mode each image is also moved by up to `shift` pixels along either axis,
    with the mean colour in what comes into view, and mirrored left to right with probability 1/2.
    Dice are torch's own, which `fit` seeds, as for dropout.
    """

    def __init__(self, images: Tensor, *, shift: int = 4) -> None:
        super().__init__(images)
        self.shift = shift

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)
        if not self.training:
            return x
        (n, _, height, width), device = x.shape, x.device
        down, right = torch.randint(2 * self.shift + 1, (2, n, 1, 1), device=device)
        mirrored = torch.randint(2, (n, 1, 1), device=device) == 1
        image, row, column = (torch.arange(size, device=device) for size in (n, height, width))
        column = torch.where(mirrored, width - 1 - column, column)  # (n, 1, width)
        window = image[:, None, None], slice(None), row[:, None] + down, column + right
        return pad(x, [self.shift] * 4)[window].movedim(-1, 1)


class CNN(nn.Sequential):
    """Two convolutions in steps of two pixels and two layers of all with all, without augmentation: what
    a laptop trains in half a minute. 106 122 numbers to learn for 28×28 grey pixels and 10 classes.

    Arguments and errors as for `VCNN`, but for any size of images.
    """

    def __init__(self, images: Tensor, n_classes: int, *, generator: Source) -> None:
        super().__init__()
        self.standardise = Standardise(images)
        height, width = (-(-side // 4) for side in images.shape[-2:])
        self.features = nn.Sequential(
            skip_init(nn.Conv2d, images.shape[1], 16, 5, 2, padding=2),
            nn.ReLU(),
            skip_init(nn.Conv2d, 16, 32, 3, 2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            skip_init(nn.Linear, 32 * height * width, 64),
            nn.ReLU(),
            skip_init(nn.Linear, 64, n_classes),
        )
        _draw(self, generator)


class VCNN(nn.Sequential):
    """Six convolutions and three layers of all with all, in the manner of VGG.

    5 856 138 numbers to learn for 32×32 pixels in colour and 10 classes, 4.2 million in the first of three.

    Args:
        images: those it will learn from, see `Augment`; height and width must be multiples of 8.
        generator: source of the initial weights (uniform within ±1/√inputs, as in torch).

    Raises as `Augment` does, and `ValueError` for images of another size.

    Source: layers as in Bae, Song and Jeong 2025, Mach. Learn.: Sci. Technol. 6, 015062.
    """

    def __init__(self, images: Tensor, n_classes: int, *, generator: Source) -> None:
        augment = Augment(images)
        height, width = images.shape[-2:]
        if height % 8 or width % 8:
            raise ValueError(f"images must have sides that 8 divides, got {height}×{width} pixels")
        features: list[nn.Module] = []
        for n_in, between, n_out in ((images.shape[1], 32, 64), (64, 128, 128), (128, 256, 256)):
            features += _convolution(n_in, between), _convolution(between, n_out), nn.MaxPool2d(2)
        layers: list[nn.Module] = [nn.Dropout(0.2)]
        for n_in, n_out in ((256 * (height // 8) * (width // 8), 1024), (1024, 512)):
            layers += skip_init(nn.Linear, n_in, n_out), nn.BatchNorm1d(n_out), nn.ReLU()
        super().__init__()
        self.augment = augment
        self.features = nn.Sequential(*features, nn.Flatten())
        self.classifier = nn.Sequential(*layers, skip_init(nn.Linear, 512, n_classes))
        _draw(self, generator)


class ResNet(nn.Sequential):
    r"""A residual network of 18 or 34 layers for images of about 32×32 pixels.

    torchvision's begins with steps of 4 pixels, made for 224×224: of 32×32 pixels only 8×8 would
    reach the first block. This one begins with one 3×3 convolution in steps of 1. It has 11 173 962
    or 21 282 122 numbers to learn for 10 classes in colour.

    `depth` is 18 or 34; all else, and what is raised, is as for `VCNN`, but for any size of images.

    Source: He et al. 2015, arXiv 1512.03385.
    """

    def __init__(self, depth: int, images: Tensor, n_classes: int, *, generator: Source) -> None:
        require.one_of(DEPTHS, depth=depth)
        super().__init__()
        self.augment = Augment(images)
        self.stem = _convolution(images.shape[1], 64, bias=False)
        n_in = 64
        for i, n_blocks in enumerate(DEPTHS[depth]):
            n_out = 64 * 2**i
            sides = pairwise([n_in] + n_blocks * [n_out])
            self.add_module(f"layer{i + 1}", nn.Sequential(*[Block(*ends) for ends in sides]))
            n_in = n_out
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), skip_init(nn.Linear, n_in, n_classes)
        )
        _draw(self, generator)


class Block(nn.Module):
    """x plus what two convolutions make of it; twice the channels, half the height and width."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        step = n_out // n_in
        first = _convolution(n_in, n_out, step, bias=False)
        second = list(_convolution(n_out, n_out, bias=False))[:2]  # cut off at zero with x, below
        self.body = nn.Sequential(*first, *second)
        self.skip = nn.Sequential()
        if step > 1:
            self.skip.append(skip_init(nn.Conv2d, n_in, n_out, 1, step, bias=False))
            self.skip.append(nn.BatchNorm2d(n_out))

    def forward(self, x: Tensor) -> Tensor:
        return (self.body(x) + self.skip(x)).relu()


def _convolution(n_in: int, n_out: int, step: int = 1, *, bias: bool = True) -> nn.Sequential:
    """3×3 pixels to one, made of order one, cut off at zero."""
    return nn.Sequential(
        skip_init(nn.Conv2d, n_in, n_out, 3, step, padding=1, bias=bias),
        nn.BatchNorm2d(n_out),
        nn.ReLU(),
    )


def _draw(network: nn.Module, generator: Source) -> None:
    generator = as_generator(generator)
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
