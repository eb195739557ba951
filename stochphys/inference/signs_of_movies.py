"""What a film shows before anything is inferred: bleaching, a stage that moves, noise of the camera, an open
shutter, frames that were written twice, pixels that are full."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import hypot

import torch
from torch import Tensor

from ..brief import Brief
from ..data import Trajectories
from ..models.lagged import noise_of, polynomial
from ..movie import Movie, together
from .camera import NoiseLeft, enough, rate_of_currents
from .changes import clear_changes, told
from .jackknife import BLOCKS, block_sums, jackknife
from .lags import LAGS, Lags
from .results import EntropyProduction
from .signs import written_twice

PIXELS = 2**25  # looked at, at most
FRAMES = 4000  # at most
FALL = 0.02  # of the brightness
SHIFT = 0.1  # pixels
FULL = 0.01  # of the pixels
LIGHT = "the mean brightness", "the contrast"
PLACE = "the middle of the light (row)", "the middle of the light (column)"
RUN = 1000  # frames that follow each other, of components
MODES, MINOR = 4, 0.1  # components: so many, of at least this part of the variance of the first
FAR, SURE = 1.5, 4.0  # times, and errors, beyond which components hold more than networks read
MOST = 4.0  # times what it reads, up to which a rate is corrected
GOES_ON = 2.0  # times the usual change between frames, up to which a movie goes on where the last one ended


@dataclass(frozen=True, eq=False)
class Seen(Brief):
    """Some frames of a film, in pairs that follow each other.

    Attributes:
        frames: the first of each pair `(n, height, width)`, float64.
        equal: whether the second is the same, pixel by pixel `(n,)`.
        path, time: movie and place of the first `(n,)`.
        goes_on: whether there is one movie, or pieces of one.
    """

    frames: Tensor
    equal: Tensor
    path: Tensor
    time: Tensor
    goes_on: bool

    @classmethod
    def of(cls, movie: Movie) -> "Seen":
        n, n_times = movie.x.shape
        most = max(60, min(FRAMES, PIXELS // (movie.shape[0] * movie.shape[1])))
        skip = 1 + n * (n_times - 1) // most
        apart = min(skip, max(1, n_times // 60))
        time = torch.arange(0, n_times - 1, apart)
        path = torch.arange(0, n, max(1, skip // apart))
        first = (path[:, None] * n_times + time).flatten()
        a, b = (movie.at(first + i).double().cpu() for i in (0, 1))
        equal = (a == b).flatten(1).all(1)
        ends = torch.arange(1, n)[:: 1 + n // 60] * n_times - 1  # and where the next one begins
        change = movie.at(ends + 1).double().cpu() - movie.at(ends).double().cpu()
        goes_on = n == 1 or change.square().mean() < GOES_ON * (b - a).square().mean()
        return cls(
            a, equal, path.repeat_interleave(len(time)), time.repeat(len(path)), bool(goes_on)
        )

    @property
    def brightness(self) -> Tensor:
        return self.frames.mean((1, 2))

    @property
    def place(self) -> Tensor:
        """Row and column of the middle of what is brighter than the median `(n, 2)`, in pixels."""
        light = self.frames - self.frames.flatten(1).median(1).values[:, None, None]
        total = light.sum((1, 2))
        scale = total.abs().clamp(min=1e-3 * self.frames.abs().mean() * light[0].numel())
        total = torch.where(total < 0, -scale, scale)
        row, column = (torch.arange(n).to(light) for n in light.shape[1:])
        return torch.stack((light.sum(2) @ row / total, light.sum(1) @ column / total), 1)


def facts_of_movies(movie: Movie) -> Iterator[str]:
    (n, n_times), (height, width) = movie.x.shape, movie.shape
    yield (
        f"{n} movie{'s' * (n > 1)} of {n_times} frames, {height} × {width} pixels, a frame every {movie.dt:g}: "
        f"{n * (n_times - 1)} steps, {n * (n_times - 1) * movie.dt:.4g} in all."
    )


def signs_of_movies(movie: Movie, seen: Seen, found: Lags | None) -> Iterator[str]:
    """What is doubtful about frames of a film of whose components `found` are the lags."""
    yield from written_twice(seen.equal)
    if isinstance(movie.reel, Tensor):
        yield from full(seen)
    if found is not None and found.memory.any():
        first, second, third = found.correlation[:3, found.memory].amax(1).tolist()
        yield (
            f"Memory: successive changes of what varies most are alike (correlation {first:.2f}, {second:.2f} and "
            f"{third:.2f} at lags 1 to 3), by inertia, a noise that lasts, or frames that were smoothed: a frame is "
            "not the whole state. Leave out frames, movie.every(k), until the first is zero."
        )
    if found is not None and found.clear.any():
        yield new_in_each_frame(found)


def not_steady_light(seen: Seen) -> Iterator[str]:
    """Whether brightness, contrast or the place of what is bright change from the first to the last third, of
    each movie or of all, if they are pieces of one."""
    light = torch.stack((seen.brightness, seen.frames.std((1, 2))), 1)
    values, names = torch.cat((light, seen.place), 1), [*LIGHT, *PLACE]
    least = [FALL * one for one in light.abs().mean(0).tolist()]
    least += [max(SHIFT, 0.1 * one) for one in seen.place.std(0, correction=0).tolist()]
    path = seen.path * (not seen.goes_on)
    time = seen.time + (seen.path - path) * (int(seen.time.max()) + 1)
    found = {change.name: change for change in clear_changes(values, path, time, names, least)}
    if bleached := [found[name] for name in LIGHT if name in found]:
        yield (
            f"Bleaching, or a lamp that drifts: {told(bleached)}. A part of the frame where nothing is shows a lamp. "
            "movie.steady_light() divides each frame by its mean, once what a dark camera shows is subtracted; or "
            "take a part of the film in which it is steady."
        )
    if moved := [found[name] for name in PLACE if name in found]:
        yield (
            f"Moving: {told(moved)}, in pixels: a stage that drifts, or an object that moves as a whole. "
            "Something that is fixed in the frame tells; shift the frames back before Movie.of, or crop "
            "around what stays."
        )


def components(movie: Movie) -> Trajectories:
    """Runs of frames in the few coordinates in which they vary most, by iterated projections (Halko, Martinsson,
    Tropp, SIAM Rev. 53, 217 (2011)): noise that is new in each pixel is small in what all pixels show."""
    n, n_times = movie.x.shape
    most = max(60, min(5 * FRAMES, PIXELS // (2 * movie.shape[0] * movie.shape[1])))
    run = min(n_times, RUN, most)
    each = n_times // run
    place = torch.arange(0, n * each, -(-n * each * run // most))
    first = place // each * n_times + place % each * run
    index = first[:, None] + torch.arange(run)
    pieces = index.flatten().split(together(movie.shape))
    frames = torch.cat([movie.at(piece).cpu() for piece in pieces]).flatten(1).float()
    frames -= frames.mean(0)
    some = frames[torch.arange(4 * MODES) * len(frames) // (4 * MODES)].T
    for _ in range(6):
        some = frames.T @ (frames @ torch.linalg.qr(some).Q)
    z = frames @ torch.linalg.qr(some).Q
    size, modes = torch.linalg.eigh(z.T @ z)
    large = modes.flip(1)[:, : max(1, int((size[-MODES:] > MINOR * size[-1]).sum()))]
    return Trajectories((z @ large).double().unflatten(0, index.shape), movie.dt, check=False)


def new_in_each_frame(found: Lags) -> str:
    """Noise, or a shutter that stays open."""
    k = int((found.excess * found.clear).abs().argmax())
    r, error = found.excess[k].item(), found.error_of_excess[k].item()
    seen = f"(correlation {r:.3f} ± {error:.1g} at lag 1, expected 0; later ones {{}} not), in what varies most"
    allowed = "infer_entropy_production allows for it, with a wider error bar; short_time_tur of a few components is free of it."
    if r > 0:
        share = min(1.0, 6 * r / (1 + 2 * r))
        return (
            f"Open shutter: successive changes are alike {seen.format('are')}, as where each frame is a mean over "
            f"{share:.0%} of the time between frames. Entropy production reads about {1 + 2 * r:.2f} times what it is. "
            f"{allowed} A shorter exposure at the same dt decides."
        )
    return (
        f"Noise of the camera: successive changes alternate {seen.format('do')}, by photons that are few, a camera "
        "that is noisy, a lamp that flickers, or a stage that shakes: all that is new in each frame. Entropy "
        f"production reads {max(1 + 2 * r, 0):.2f} times what it is, or less. {allowed} A film of something fixed, "
        "recorded alike, shows which; longer exposures, or .every(2) of a film that is slow enough, make it less."
    )


def free_of_frames(result: EntropyProduction) -> EntropyProduction:
    r"""Rates of films without what is new in each frame, from the ΔS of steps that networks have learned in
    spite of it.

    Of any current with mean m and covariances $C_l$ at lag l, noise adds to $C_0$ and takes half of that from
    $C_1$, and an open shutter moves as much the other way. What a force adds slowly is in all of them. So

    $$\dot\sigma \ge \frac{2m^2}{dt\,V}, \qquad V = C_0 + 2C_1 - 3C_{2\ldots5},$$

    is free of both, and the rate of a network, for which $m = C_0/2$, becomes $C_0/V$ times what it reads. Noise
    also leads networks to a current that is not the best one: of films of two beads the correction is half to all
    of what is missing. So the error holds all of it.
    """
    h = (result.entropy - result.entropy.mean()).double()
    if (n := h.shape[1]) < LAGS:
        return result
    products = torch.stack([(h[:, k:] * h[:, : n - k]).mean(1) for k in range(LAGS)], 1)

    def gathered(C: Tensor) -> Tensor:
        return noise_of([*C.unbind(-1)], steep=False) / C[..., 0]

    sums = block_sums(products)
    part, luck = gathered(sums.sum(0)).item(), jackknife(gathered, sums).item()
    times = 1 / max(part, 1 / MOST)
    std = times * hypot(result.std, result.rate * hypot(times * luck, times - 1))
    rate, rates = times * result.rate, times * result.member_rates
    return replace(result, rate=rate, std=std, member_rates=rates)


def drowned_in_noise(movie: Movie, rate: float, std: float) -> Iterator[str]:
    """Whether networks found far less than currents of the few components in which frames vary most, which noise
    of the pixels reaches least."""
    paths = components(movie)
    if not enough(paths):
        return
    noise, middle, size = NoiseLeft.of(paths), paths.x.mean((0, 1)), paths.x.std((0, 1))
    if noise.lost:
        return

    (least, error), *_ = rate_of_currents(
        paths, lambda x: polynomial((x - middle) / size, 1), BLOCKS, noise
    )
    if least > FAR * max(rate, 0) and least - rate > SURE * hypot(error, std):
        yield (
            f"No rate. Drowned in noise: the networks read {rate:.2g} ± {std:.1g}, and currents of the {paths.dim} components "
            f"in which frames vary most {least:.2g} ± {error:.1g}. Noise of the pixels hid from the networks what those "
            "show: short_time_tur(pca(movie, k)) reads them (course.studies.pca); bin(2) and crop leave less noise."
        )


def full(seen: Seen) -> Iterator[str]:
    """Whether many pixels have the largest value, and few lie a little below."""
    top = seen.frames.max()
    share = (seen.frames == top).double().mean().item()
    near = ((seen.frames >= 0.9 * top) & (seen.frames < top)).double().mean().item()
    if share > FULL and share > near / 4 and top > seen.frames.min():
        yield (
            f"Full pixels: {share:.1%} have the largest value, {top:g}, and {near:.1%} lie within a tenth below it. The "
            "camera was saturated, or the file was cut off there: what moves in them is not seen. A shorter "
            "exposure shows it; a mask, or an image of two values, looks the same."
        )
