"""Is drawing slow? (S3, lines 35 and 44: "여전히 느리다", still slow; claim C-PAR.) Whole passes against a cached scan.

python -m demos.sampling_speed     images of growing size, drawn both ways from the same random numbers
"""

from __future__ import annotations

import copy
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from scratchgen import backend, plotting
from scratchgen.models.autoregressive import Autoregressive, GatedPixelCNN, PixelCNN
from scratchgen.models.autoregressive.cache import MaskedNetwork, multiplications

from .options import Options, start, tell


@dataclass
class Config(Options):
    """Draws images pixel by pixel, by a whole pass for each pixel and with a cache; measures, and counts."""

    images: Annotated[int, "how many are drawn at once"] = 64
    channels: Annotated[int, "channels of each layer"] = 32
    blocks: Annotated[int, "residual blocks, or gated layers"] = 7
    largest: Annotated[int, "side of the largest images"] = 28
    seconds: Annotated[float, "what a measurement may take: longer scans are measured in part"] = 10.0

    NAME: ClassVar[str] = "sampling_speed"
    RESUMES: ClassVar[bool] = False
    QUICK: ClassVar[dict[str, Any]] = {"images": 16, "seconds": 2.0}


class Measured(NamedTuple):
    """Drawing images of one size both ways."""

    side: int
    plain: float  # seconds
    cached: float
    in_part: bool  # whether the plain scan was measured in part
    multiplications: tuple[int, int]

    @property
    def gain(self) -> float:
        return self.plain / self.cached


def measure(make: Callable[[int], MaskedNetwork], side: int, config: Config) -> Measured:
    """Time both scans of a network for images of this size. It is not trained: what it draws takes as long."""
    network = make(side)
    network.to(config.device)
    plain, in_part = time_plain(network, config)
    return Measured(side, plain, time_cached(network, config), in_part, multiplications(network))


def time_cached(network: MaskedNetwork, config: Config) -> float:
    """Seconds for drawing all images: the best of three."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        images = network.sample(config.images, np.random.default_rng(config.seed))
        backend.host_scalar(images.sum())  # a GPU answers when it has finished
        times.append(time.perf_counter() - began)
    return min(times)


def time_plain(network: MaskedNetwork, config: Config) -> tuple[float, bool]:
    """The same by whole passes; and whether time was short, so that it is the time of those passes that were made,
    taken as often as there are pixels."""
    scan, values = Autoregressive.scan(network, config.images), None
    began, passes = time.perf_counter(), 0
    for _ in network.order:
        logits = scan.send(values)
        values = (logits > 0).astype(logits.dtype)
        backend.host_scalar(values.sum())
        passes += 1
        if time.perf_counter() - began > config.seconds:
            break
    elapsed = time.perf_counter() - began
    return elapsed * len(network.order) / passes, passes < len(network.order)


def compare_images(make: Callable[[int], MaskedNetwork], config: Config) -> tuple[int, int]:
    """From the same uniform numbers: how many pixels of small images are equal, and how many there are."""
    network = make(7)
    network.to(config.device)
    plain = copy.copy(network)  # the same weights, drawn in the way that every model knows
    vars(plain).update({way: functools.partial(getattr(Autoregressive, way), plain) for way in ("scan", "waves")})
    ways = [backend.to_host(m.sample(config.images, np.random.default_rng(config.seed))) for m in (network, plain)]
    return int((ways[0] == ways[1]).sum()), ways[0].size


def describe(rows: list[Measured], name: str) -> None:
    print(f"\n{name}\n  side  pixels      plain      cached    gain   multiplications in an image")
    for row in rows:
        plain, cached = row.multiplications
        print(
            f"  {row.side:4} {row.side**2:7} {row.plain:8.2f} s{'*' if row.in_part else ' '} {row.cached:8.3f} s "
            f"{row.gain:6.1f}×   {plain:.2e} against {cached:.2e}: {plain / cached:.0f}×"
        )


def slope(x: list[int], y: list[float]) -> float:
    """The power with which y grows with x."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def main(config: Config) -> None:
    """Measure both networks at all sizes, print the tables, draw the curves."""
    rng = np.random.default_rng(config.seed)
    models: dict[str, Callable[[int], MaskedNetwork]] = {
        "PixelCNN": lambda side: PixelCNN((1, side, side), channels=config.channels, blocks=config.blocks, rng=rng),
        "Gated PixelCNN": lambda side: GatedPixelCNN(
            (1, side, side), channels=config.channels, layers=config.blocks, rng=rng
        ),
    }
    sides = sorted({max(2, config.largest * k // 4) for k in (1, 2, 3, 4)})
    seconds: dict[str, Any] = {}
    gains: dict[str, Any] = {"multiplications saved": ([side**2 for side in sides],) * 2}
    print(f"{config.images} images at once, {config.channels} channels, {config.blocks} blocks or gated layers")
    for name, make in models.items():
        equal, total = compare_images(make, config)
        rows = [measure(make, side, config) for side in sides]
        describe(rows, f"{name}: {equal:,} of {total:,} pixels equal, both ways from the same random numbers")
        pixels = [row.side**2 for row in rows]
        for way in ("plain", "cached"):
            times = [getattr(row, way) for row in rows]
            seconds[f"{name}, {way}"] = (pixels, times)
            print(f"  {way}: seconds grow as pixels to the power {slope(pixels, times):.2f}")
        gains[name] = (pixels, [row.gain for row in rows])
    print("\n* measured in part: seconds of the passes made, times pixels by passes")
    title = (
        f"Drawing {config.images} images: {config.channels} channels, {config.blocks} blocks, {config.device}; "
        f"at {sides[-1]}×{sides[-1]} the cache is {gains['PixelCNN'][1][-1]:.0f} times faster (PixelCNN)"
    )
    panels = {"seconds": seconds, "plain / cached": gains}
    tell(plotting.save(plotting.growth(panels, "pixels in an image", title), config.folder() / "speed.png"))
    print("C-PAR: drawing is sequential, but it costs one pass in all, not one for each pixel (Eq. 6.12)")


if __name__ == "__main__":
    start(Config, main)
