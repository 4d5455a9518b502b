"""A likelihood you can hold: digits in as many bits as a model's −log₂ p(x) (S0, lines 337–342; claim C-CODE).

python -m demos.compress          trains four models, writes a file with each, reads it back, weighs it beside gzip's

"The likelihood can be computed explicitly", says the slide, and that it is good. Here is what that means, and the proof
that nobody has to believe: a file that is shorter, and out of which the same digits come.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from scratchgen import backend, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.autograd import Tensor
from scratchgen.models.autoregressive import FVSBN, MADE, Autoregressive, PixelCNN, compress, decompress
from scratchgen.models.autoregressive.coder import header_size
from scratchgen.nn import Parameter

from .options import Bits, Options, load_bits, spread, start, tell

LN2 = math.log(2)


@dataclass
class Config(Options):
    """Compresses test digits with four models; prints their files' sizes, and draws what each pixel costs."""

    epochs: Annotated[
        int | None, "passes over the data (default: 6 bundled, 4 with static MNIST); FVSBN and MADE make twice as many"
    ] = None
    batch_size: Annotated[int, "images per step"] = 64
    hidden: Annotated[int, "hidden units of MADE"] = 400
    channels: Annotated[int, "channels of PixelCNN"] = 24
    blocks: Annotated[int, "residual blocks of PixelCNN, with kernels of 7×7"] = 2
    images: Annotated[int, "how many test digits to compress"] = 500

    NAME: ClassVar[str] = "compress"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "hidden": 200, "channels": 16, "blocks": 1, "images": 200}


class Independent(Autoregressive):
    """Every pixel for itself: p(x) = Πᵢ pᵢ^xᵢ (1 − pᵢ)^(1 − xᵢ). With all logits zero, as at first, it knows nothing:
    one bit a pixel, Eq. 2.2 (derivations/02-codes.md#eq-2-2)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(shape)
        self.bias = Parameter(np.zeros(shape, np.float32))

    def fit(self, x: Any) -> Independent:
        """The most likely pᵢ is the share of ones at pixel i, Eq. 1.3 (derivations/01-likelihood.md#eq-1-3); but a
        pixel that was never white so far is not impossible, so two more images are counted, a white and a black one."""
        p = (x.sum(axis=0, dtype=np.float64) + 1) / (len(x) + 2)
        self.bias.data[...] = np.log(p) - np.log1p(-p)
        return self

    def logits(self, x: Any, condition: Any = None) -> Tensor:
        return F.broadcast_to(self.bias, x.shape)

    def scan(self, n: int, condition: Any = None) -> Generator[Any, Any, None]:
        rows = np.broadcast_to(self.bias.data.reshape(-1), (n, len(self.order)))
        for i in self.order:
            yield rows[:, i]


# ---------------------------------------------------------------------------------------------------------- the models
def models(config: Config, bits: Bits) -> dict[str, Any]:
    """Four models, trained: the further down, the more they know about what comes before a pixel."""
    shape, rng = bits.train.shape[1:], np.random.default_rng(config.seed)
    epochs = config.epochs or (4 if bits.complete else 6)
    independent = Independent(shape).fit(bits.train)
    fvsbn, made = FVSBN(shape), MADE(shape, (config.hidden,), rng=rng)
    for bias in (fvsbn.bias, made.layers[-1].bias):  # what independent pixels know, they need not learn
        bias.data[...] = independent.bias.data.ravel()
    pixelcnn = PixelCNN(shape, 2, config.channels, config.blocks, rng, kernel=7, positions=True)
    return {
        "independent pixels": independent.to(config.device),
        "FVSBN": learn(config, bits, fvsbn, "fvsbn", optim.Adam, 2e-3, 2 * epochs),
        "MADE": learn(config, bits, made, "made", optim.Adam, 2e-3, 2 * epochs),
        "PixelCNN": learn(config, bits, pixelcnn, "pixelcnn", optim.Muon, 1e-2, epochs),
    }


def learn(config: Config, bits: Bits, model: Any, name: str, optimizer: Any, lr: float, epochs: int) -> Any:
    """A model with the weights of its best epoch. Where a run is resumed, models that it never reached begin anew."""
    model.to(config.device)
    path = config.folder() / f"{name}.npz"
    run = training.train(
        training.Run(model, optimizer(model.parameters(), lr=lr), np.random.default_rng(config.seed)),
        model.loss,
        [backend.to_device(bits.train, config.device)],
        validation=[backend.to_device(bits.validation, config.device)],
        epochs=epochs,
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=path,
        config=config.identity(model=name, data=bits.name, images=None),
        resume=config.resumes(path),
        title=f"{name}, nats per image",
    )
    model.load_state_dict(run.best)
    return model


# ----------------------------------------------------------------------------------------------------------- the files
class File(NamedTuple):
    """What became of the digits, in bytes."""

    size: int  # of the whole file
    header: int = 0
    nll: float = math.nan  # what the model says, for all digits together
    weights: int = 0  # of the model, which the receiver must have


def weigh(model: Any, x: Any, path: Path) -> File:
    """Compress to a real file, read that, and compare every pixel: only then is it a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(compress(model, x))
    back = decompress(model, path.read_bytes())
    if not (backend.to_host(back) == backend.to_host(x)).all():
        raise AssertionError("other digits came out than went in")  # `decompress` would have said so
    weights = sum(array.nbytes for array in model.state_dict().values())
    return File(path.stat().st_size, header_size(model), float(costs(model, x).sum(dtype=np.float64)) / 8, weights)


def costs(model: Any, x: Any) -> np.ndarray:
    """−log₂ p(xᵢ | x before i) of every pixel: bits (N, 28, 28).  Eq. 2.1 (derivations/02-codes.md#eq-2-1)"""
    with no_grad():
        parts = [
            F.binary_cross_entropy_with_logits(model.logits(part, None), part, "none").numpy() / LN2
            for part in (x[i : i + 250] for i in range(0, len(x), 250))
        ]
    return np.concatenate(parts).reshape(-1, 28, 28)


def others(x: np.ndarray) -> dict[str, File]:
    """General programs, each at its hardest, given 8 pixels a byte: they have no model but what they find as they go.
    PNG, which is made for pictures, gets one sheet with 20 digits in a row."""
    packed = np.packbits(x.astype(np.uint8)).tobytes()
    sizes = {
        "raw bits": len(packed),
        "PNG": len(png(plotting.tiles(x.reshape(-1, 28, 28), 20, gap=0))),
        "gzip": len(gzip.compress(packed, 9)),
        "xz": len(lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME)),
        "bzip2": len(bz2.compress(packed, 9)),
    }
    return {name: File(size) for name, size in sizes.items()}


def png(sheet: np.ndarray) -> bytes:
    """A sheet of zeros and ones as a PNG file with one bit for each pixel."""
    from PIL import Image  # it comes with matplotlib

    file = io.BytesIO()
    Image.fromarray(np.nan_to_num(sheet) > 0.5).save(file, "PNG", optimize=True)
    return file.getvalue()


def table(files: dict[str, File], n: int) -> str:
    """One line for each file."""
    raw = files["raw bits"].size
    lines = [f"{'':18}  NLL, bits/image  file, bits/image  payload / NLL  file, bytes  of the raw bits"]
    for name, file in files.items():
        nll, ratio = "", ""
        if file.weights:
            nll, ratio = f"{8 * file.nll / n:.2f}", f"{(file.size - file.header) / file.nll:.5f}"
        size = f"{8 * file.size / n:16.2f}"
        lines.append(f"{name:18}  {nll:>15}  {size}  {ratio:>13}  {file.size:11,}  {file.size / raw:15.1%}")
    return "\n".join(lines)


def main(config: Config) -> None:
    """Train, compress, read back, weigh, draw."""
    bits = load_bits(config, "static")
    test = spread(bits.test, config.images)
    x = backend.to_device(test, config.device)
    trained, folder, n = models(config, bits), config.folder(), len(test)
    files = others(test)
    for name, model in trained.items():
        files[name] = weigh(model, x, folder / f"{name.replace(' ', '_')}.sgac")
    print(f"\n{n} test digits of {bits.name}, each compressed, read back and compared:\n{table(files, n)}\n")

    sizes = {name: 8 * file.size / n for name, file in files.items()}
    title = f"{n} test digits of {bits.name}, compressed and read back; seed {config.seed}"
    digit = int(np.argmax(test.sum(axis=(1, 2, 3))[:20]))  # one with much ink
    maps = {name: costs(model, x[digit : digit + 1])[0] for name, model in trained.items()}
    named = {f"{name}: {cost.sum():.0f} bits": cost for name, cost in maps.items()}
    surprise = f"what each pixel of a test digit costs (the digit in raw bits: 784); seed {config.seed}"
    tell(
        plotting.save(plotting.bars(sizes, "bits per image, the whole file", title), folder / "sizes.png"),
        plotting.save(
            plotting.heatmaps({"the digit": test[digit, 0], **named}, "bits, −log₂ p(pixel | pixels before)", surprise),
            folder / "surprise.png",
        ),
    )
    name, best = min(((name, files[name]) for name in trained), key=lambda pair: pair[1].size)
    rival = min(file.size for other, file in files.items() if other not in trained)
    pays = "and it does not pay"
    if best.size < rival:
        pays = f"sent along, it pays from {math.ceil(best.weights * n / (rival - best.size)):,} images on"
    print(
        f"The payload is the NLL; the header, {best.header} bytes, adds {8 * best.header / n:.2f} bits per image.\n"
        f"The receiver needs the model, {best.weights / 1024:.0f} KiB; {pays}.\n"
        f"{name}: {8 * best.size / n:.2f} bits per image, {best.size / rival:.3f} of the best general program's file"
    )


if __name__ == "__main__":
    start(Config, main)
