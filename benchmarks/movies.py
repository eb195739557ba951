"""Movies: what rendering costs, what memory training takes, and how long until ΔS is right. How right
it is in the end, over networks and films, says `studies.films`.

The published way (Bae, Kim, Jeong 2021, arXiv 2106.15108), written down plainly: stored frames as
floats, batches of 4096 pairs, raw frames standardised by one number, layers of width 32, Adam with
lr 1e-4. It sees the same movies, of the same pixels and frame interval, as what is measured here.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
import torch
from torch import Tensor, nn

from stochphys.data import Windows
from stochphys.device import make_generator, one_thread
from stochphys.inference import Comparison
from stochphys.inference.cost import foretold
from stochphys.inference.entropy import RECIPES
from stochphys.io.movies import read
from stochphys.models import CNEEP, BilinearCNEEP, FlowNEEP, neep_objective
from stochphys.movie import Movie
from stochphys.simulators import simulate
from stochphys.systems import BeadSpring, bead_camera
from stochphys.training import Callback, Ensemble, Run, fit

from . import cpu_seconds, print_header, print_table, verdict

DT, CAP, GOAL, JUDGED = 0.05, 180.0, 0.95, 4000
SYSTEM = BeadSpring(T_c=1.0, T_h=10.0)


def film(n_movies: int, seed: int = 0, dt: float = DT, n_beads: int = 2, **camera: object) -> Movie:
    """Movies of 1000 frames, rendered when they are looked at."""
    system = BeadSpring(T_c=1.0, T_h=10.0, n_beads=n_beads)
    paths = simulate(system, n_movies, 1000, dt, generator=make_generator(seed))
    return bead_camera(system, **camera).film(paths)  # type: ignore[arg-type]


def stored(movie: Movie) -> Movie:
    """The same movie as floats in memory."""
    numbers = torch.arange(movie.x.numel(), device=movie.x.device)
    frames = torch.cat([movie.at(i) for i in numbers.split(4096)])
    return Movie.of(frames.unflatten(0, movie.x.shape), movie.dt).to(movie.x.device)


class PlainCNEEP(nn.Module):
    """h(I, I') − h(I', I) on two frames as two channels, in two passes."""

    def __init__(self, movie: Movie) -> None:
        super().__init__()
        height, width = (n // 4 for n in movie.shape)
        self.h = nn.Sequential(
            nn.Conv2d(2, 32, 5, 2, 2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1), nn.ReLU(),
            nn.Flatten(), nn.Linear(64 * height * width, 1),
        )  # fmt: skip
        first = movie.at(torch.zeros(1, dtype=torch.long))
        self.mean, self.std = first.mean().item(), first.std().item()

    def forward(self, window: Tensor) -> Tensor:
        frames = (window - self.mean) / self.std
        return (self.h(frames) - self.h(frames.flip(1))).squeeze(1)


def costs() -> None:
    """Fifty steps of `fit`, on frames rendered for each batch and on stored ones."""
    rows = []
    for name, camera, kind, batch in (
        ("10 × 20 px, bilinear, batch 256", {}, BilinearCNEEP, 256),
        ("10 × 20 px, force × flow, batch 256", {}, FlowNEEP, 256),
        ("10 × 20 px, published layers of 16, batch 256", {}, CNEEP, 256),
        (
            "20 × 40 px, published layers of 32, batch 256",
            dict(cell=(20, 20), psf=3.0, motion=1.0),
            partial(CNEEP, width=32),
            256,
        ),
    ):
        movie = film(50, **camera)
        network = kind(movie.shape, generator=make_generator(1)).standardise(movie)
        steps = 50 if not camera else 8

        def train(
            data: Movie, network: nn.Module = network, batch: int = batch, steps: int = steps
        ):
            options = dict(steps=steps, batch_size=batch, validate_every=steps, progress=False)
            fit(network, neep_objective, Windows(data), generator=make_generator(0), **options)

        kinds = {"rendered": movie, "floats": stored(movie), "bytes": movie.recorded()}
        seconds = cpu_seconds({k: partial(train, data) for k, data in kinds.items()}, repeats=7)
        ratio = seconds["rendered"] / seconds["floats"]
        pairs = f"{batch * steps / seconds['rendered']:.0f}"
        rows.append(
            (name, pairs, ratio, seconds["bytes"] / seconds["floats"], verdict(ratio, most=1.1))
        )
    print_table(
        ("step", "pairs per s, rendered", "of stored floats", "bytes of floats", "rendered"), rows
    )


def peak_memory(n_movies: int) -> None:
    """Prints by how many MB a training raises the peak of this process; run on its own."""
    movie = film(n_movies)
    network = BilinearCNEEP(movie.shape, generator=make_generator(1)).standardise(movie)
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    before = peak()
    options = dict(steps=50, batch_size=256, validate_every=50, progress=False)
    fit(network, neep_objective, Windows(movie), generator=make_generator(0), **options)
    print(peak() - before)


def peak() -> float:
    """The highest memory of this process so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def memory() -> None:
    rows = []
    for n_movies in (50, 500, 2000):
        command = f"from benchmarks.movies import peak_memory; peak_memory({n_movies})"
        output = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)
        floats = n_movies * 1000 * 200 * 4 / 2**20
        rows.append((f"{n_movies * 1000:,}", float(output.stdout), f"{floats:.0f}"))
    growth = float(rows[-1][1]) - float(rows[0][1])
    rows = [(*row, "") for row in rows[:-1]] + [(*rows[-1], verdict(growth, most=10.0))]
    print_table(("frames", "training adds, MB", "stored floats would, MB", "growth, MB"), rows)


@dataclass
class Watch(Callback):
    """Looks at held-out steps now and then, and ends the run when R² is reached."""

    windows: Tensor
    exact: Tensor
    every: int
    seconds: float = 0.0  # of training alone
    r_squared: float = 0.0

    def __post_init__(self) -> None:
        self.began = process_time()

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        self.seconds += process_time() - self.began
        if run.step % self.every == 0:
            learned = torch.cat([run.average(part) for part in self.windows.split(500)])
            self.r_squared = Comparison.of(self.exact, learned, 1.0, DT).r_squared
            if self.r_squared >= GOAL or self.seconds > CAP:
                raise KeyboardInterrupt  # as the stop button does
        self.began = process_time()


def time_to_accuracy() -> None:
    """CPU seconds until R² of held-out steps is 0.95, on the same 200 movies."""
    movie, held_out = film(200), film(10, seed=1)
    frames = stored(movie)
    windows = Windows(held_out).sample(JUDGED)
    exact = SYSTEM.entropy_production(held_out.filmed, "exact").flatten()
    exact = exact[torch.arange(JUDGED) * len(exact) // JUDGED]

    def run(model: nn.Module, data: Movie, every: int, **options: object) -> Watch:
        watch = Watch(windows, exact, every)
        fit(
            model, neep_objective, Windows(data), steps=2000, generator=make_generator(0),
            callbacks=[watch], device="cpu", validate_every=2000, progress=False,
            **options,  # type: ignore[arg-type]
        )  # fmt: skip
        return watch

    torch.manual_seed(0)
    adam = partial(torch.optim.Adam, weight_decay=5e-5)
    slow = run(PlainCNEEP(movie), frames, 10, batch_size=4096, lr=1e-4, ema=0.0, optimizer=adam)
    rows: list[tuple[object, ...]] = [("the published way", slow.seconds, slow.r_squared, "1", "")]
    sign = "" if slow.r_squared >= GOAL else "≥ "
    for name, kind in (
        ("force × flow", FlowNEEP),
        ("bilinear", BilinearCNEEP),
        ("published layers of 16", CNEEP),
    ):
        network = kind(movie.shape, generator=make_generator(2)).standardise(movie)
        recipe = {k: v for k, v in RECIPES[kind].items() if k not in ("steps", "validate_every")}
        fast = run(network, movie, 20, schedule="cosine", **recipe)
        gain = slow.seconds / fast.seconds
        rows.append(
            (name, fast.seconds, fast.r_squared, f"{sign}{gain:.0f}", verdict(gain, least=10))
        )
    print(f"\nR² ≥ {GOAL} on held-out steps, 200 movies × 1000 frames, 10 × 20 px, dt = {DT}:")
    print_table(("training", "CPU seconds", "R²", "times faster", "target"), rows)


def loading(n: int = 100, size: int = 512) -> None:
    """Reading a film against the decoder alone, which gives each frame as it does by default."""
    import av  # what reads the formats of players is not on every node
    from PIL import Image

    row, column = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    noise = 6 * torch.randn(n, size, size, generator=make_generator(0))
    blob = (200 * torch.exp(-(((row - 250) ** 2 + (column - 200) ** 2) / 3000))).expand(n, -1, -1)
    frames = (20 + noise + blob).clamp(0, 255).byte().numpy()
    rows = []
    with TemporaryDirectory() as folder:
        for name, codec in (("a.gif", ""), ("a.mp4", "mpeg4"), ("a.avi", "mjpeg")):
            path = str(Path(folder) / name)
            if name == "a.gif":
                images = [Image.fromarray(frame) for frame in frames]
                images[0].save(path, save_all=True, append_images=images[1:], duration=40)
            else:
                write_video(path, codec, frames)

            def decode(path: str = path) -> None:
                if path.endswith("gif"):
                    with Image.open(path) as gif:
                        for page in range(n):
                            gif.seek(page)
                            np.asarray(gif)
                    return
                with av.open(path) as video:
                    for frame in video.decode(video=0):
                        frame.to_ndarray(format="rgb24")

            tasks = {"read": partial(read, path, DT), "decoder": decode}
            seconds = cpu_seconds(tasks, repeats=5)
            ratio = seconds["read"] / seconds["decoder"]
            each = 1000 * seconds["read"] / n
            rows.append((f"{name} {codec}", each, ratio, verdict(ratio, most=1.2)))
    print(f"\nReading films of {n} frames, {size} × {size} px:")
    print_table(("file", "ms per frame", "of the decoder alone", "target"), rows)


def write_video(path: str, codec: str, frames: np.ndarray) -> None:
    import av

    with av.open(path, "w") as video:
        stream = video.add_stream(codec, rate=25)
        stream.height, stream.width, stream.bit_rate = *frames.shape[1:], 8_000_000
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for frame in frames:
            video.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        video.mux(stream.encode())


def foreseen() -> None:
    """The estimate of a training's time and memory, before it starts, against a few steps of it."""
    rows = []
    for size, batch, members in ((20, 256, 5), (64, 128, 2), (128, 64, 2), (512, 16, 1)):
        frames = torch.randint(0, 255, (40, size, size), generator=make_generator(0))
        movie = Movie.of(frames.byte(), DT).cut(20)
        networks = [
            FlowNEEP(movie.shape, generator=make_generator(1)).standardise(movie)
            for _ in range(members)
        ]
        recipe = dict(steps=20, batch_size=batch, validate_every=20)
        began = perf_counter()
        some = Windows(movie)
        seconds, _ = foretold(networks[0], neep_objective, some, some, members, recipe)
        asked, began = perf_counter() - began, perf_counter()
        model, data = Ensemble(networks), Windows(movie).bootstrap(members, generator=0)
        fit(model, neep_objective, data, generator=0, progress=False, **recipe)
        ratio = seconds / (perf_counter() - began)
        name = f"{size} × {size} px, batch {batch}, {members} members"
        rows.append((name, asked, seconds, ratio, verdict(max(ratio, 1 / ratio), most=3.0)))
    print("\nWhat 20 steps will take, foreseen (seconds):")
    print_table(("training", "to ask", "foreseen", "of what they took", "within"), rows)


def main() -> None:
    print_header("Movies: steps and memory in CPU seconds")
    with one_thread():
        loading()
        foreseen()
        costs()
        if sys.platform == "linux":
            memory()
        time_to_accuracy()
