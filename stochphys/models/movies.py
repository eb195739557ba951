r"""Networks that read entropy production from movies, and show where in the frame it stands.

Each gives a map H of a window of successive frames, one number per cell of the frame, with

$$\Delta S_\theta = \sum_{x, y} H(x, y), \qquad
  H(\text{reversed window}) = -H(\text{window}).$$

Train them with `neep_objective`, like any NEEP.
"""

import math
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

from .. import require
from ..data import Windows
from ..device import Source, as_generator
from ..movie import Movie


class MovieNEEP(nn.Module):
    """What the networks below share: how a window splits into what reversal keeps and turns.

    Of n frames in a row, the means of the first and the last, of the second and the last but one …
    are even under time reversal, their differences are odd.

    Args:
        shape: height and width of the frames.
        frames: frames in a window; more than 2 where part of the system is hidden.
        generator: source of the initial weights.

    Attributes:
        cell: size of a cell of the map, in pixels.
        receptive_field: size in pixels of what one cell sees.

    Raises `ValueError` for fewer than two frames, or fewer than 5 pixels each way.
    """

    cell: int
    receptive_field: int

    def __init__(self, shape: tuple[int, int], frames: int) -> None:
        super().__init__()
        require.integer(2, frames=frames)
        if min(shape) < 5:
            raise ValueError(f"shape={shape} is too small; a frame needs 5 pixels each way")
        self.frames = frames
        self.n_even, self.n_odd = (frames + 1) // 2, frames // 2
        self.centre: Tensor = nn.Buffer(torch.zeros(shape))
        self.scale = nn.Buffer(torch.ones(2))  # of even parts, of odd ones

    def standardise(self, movie: Movie) -> Self:
        """Bring the frames, less their mean, and their differences to order one, with this movie.

        Raises `ValueError` if no pixel ever changes.
        """
        window = self.sample(movie)
        self.centre = window.mean((0, 1)).to(self.scale.device)
        even, odd = self.parts(window)
        if not odd.any():
            raise ValueError("no pixel of these movies ever changes, nothing can be learned")
        self.scale.copy_(torch.stack((even.std(), odd.std())))
        return self

    def sample(self, movie: Movie) -> Tensor:
        """Some windows `(n, frames, height, width)`, not more than memory bears."""
        pixels = self.frames * self.centre.numel()
        return Windows(movie, self.frames).sample(min(2000, max(20, 2**24 // pixels)))

    def parts(self, window: Tensor) -> tuple[Tensor, Tensor]:
        """Even and odd parts, `(…, n_even, height, width)` and `(…, n_odd, height, width)`, taken in
        the precision of the frames and then rounded to that of the weights."""
        mirror = window.flip(-3)
        even = (window + mirror)[..., : self.n_even, :, :] / 2 - self.centre
        odd = (mirror - window)[..., : self.n_odd, :, :]
        even, odd = even.to(self.scale.dtype), odd.to(self.scale.dtype)
        return even / self.scale[0], odd / self.scale[1]

    def map(self, window: Tensor) -> Tensor:
        """H `(n, rows, columns)` of windows `(n, frames, height, width)`."""
        raise NotImplementedError

    def forward(self, window: Tensor) -> Tensor:
        """ΔS `(…)` of windows `(…, frames, height, width)`."""
        H = self.map(window.flatten(0, -4))
        return H.sum((-2, -1)).view(window.shape[:-3])


class CNEEP(MovieNEEP):
    r"""The convolutional network of the paper,

    $$\Delta S_\theta = h_\theta(I_t, I_{t+1}) - h_\theta(I_{t+1}, I_t), \qquad
      H(x, y) = \sum_c w_c(x, y)\,\big[A_c(x, y) - A_c^{\text{reversed}}(x, y)\big],$$

    with activations A after the last convolution and the weights w of one linear layer, a number for
    each channel and cell (Bae, Kim, Jeong 2021, arXiv 2106.15108, Eqs. 1 and 4). In the published
    size, 20 × 40 pixels, three convolutions lead from 2 over 32 and 32 to 64 channels on 5 × 10 cells,
    and `head` from these 3200 numbers to one: 32 577 weights. The network sees (mean, difference) of
    the frames, a linear map of (I_t, I_{t+1}) which its first layer could undo.

    Args:
        shape, frames, generator: see `MovieNEEP`.
        width: channels of the first layers; 32 in the paper.
    """

    cell = 4
    receptive_field = 23

    def __init__(
        self, shape: tuple[int, int], *, frames: int = 2, width: int = 16, generator: Source
    ) -> None:
        super().__init__(shape, frames)
        self.body = nn.Sequential(
            skip_init(nn.Conv2d, frames, width, 5, 2, 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            skip_init(nn.Conv2d, width, width, 3, 1, 1),
            nn.ReLU(),
            skip_init(nn.Conv2d, width, 2 * width, 3, 1, 1),
            nn.ReLU(),
        )
        cells = self.body(torch.zeros(1, frames, *shape))[0]  # (2 width, rows, columns)
        self.head = skip_init(nn.Linear, cells.numel(), 1)
        initialise(self, as_generator(generator))

    def map(self, window: Tensor) -> Tensor:
        even, odd = self.parts(window)
        both = torch.cat((torch.cat((even, odd), 1), torch.cat((even, -odd), 1)))
        forward, backward = self.body(both).chunk(2)  # A, (n, channels, rows, columns) each
        weights = self.head.weight.view(forward.shape[1:])  # its bias cancels
        return (weights * (forward - backward)).sum(1)


class BilinearCNEEP(MovieNEEP):
    r"""Even features of the frames times odd features of their change, cell by cell,

    $$H(x, y) = \sum_c w_c(x, y)\,f_c[\text{even}](x, y)\,g_c[\text{odd}](x, y).$$

    f is two convolutions with a ReLU between them, g two linear ones without constants, so that H
    changes sign with the odd part: antisymmetric in one pass. The entropy that an overdamped system
    produces in a step is a force times a displacement, and so is this. An extension of this course.

    Args:
        shape, frames, generator: see `MovieNEEP`.
        width: number of features c.
    """

    cell = 2
    receptive_field = 9

    def __init__(
        self, shape: tuple[int, int], *, frames: int = 2, width: int = 8, generator: Source
    ) -> None:
        super().__init__(shape, frames)
        generator = as_generator(generator)
        self.even = nn.Sequential(
            skip_init(nn.Conv2d, self.n_even, width, 5, 2, 2),
            nn.ReLU(),
            skip_init(nn.Conv2d, width, width, 3, 1, 1),
        )
        self.odd = nn.Sequential(
            skip_init(nn.Conv2d, self.n_odd, width, 5, 2, 2, bias=False),
            skip_init(nn.Conv2d, width, width, 3, 1, 1, bias=False),
        )
        initialise(self, generator)
        rows, columns = ((pixels + 1) // 2 for pixels in shape)
        start = torch.randn(width, rows, columns, generator=generator)
        self.weight = nn.Parameter(start / math.sqrt(start.numel()))

    def map(self, window: Tensor) -> Tensor:
        even, odd = self.parts(window)
        return (self.weight * self.even(even) * self.odd(odd)).sum(1)


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Weights of convolutions after Kaiming (by what a layer sends on), of linear layers after
    Xavier, biases 0, as in the paper's code."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", generator=generator)
        elif isinstance(layer, nn.Linear):
            nn.init.xavier_normal_(layer.weight, generator=generator)
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)
