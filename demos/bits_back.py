"""The ELBO as a file: digits in −ELBO bits, by bits back with a VAE (derivations/32-bits-back.md).

python -m demos.bits_back      trains a VAE and a MADE, compresses digits with both, reads them back, weighs the files

A likelihood can be held in the hand (`demos.compress`). A VAE has none, only a bound on it; and that bound is the size
of a file as well, though the code of no single image is that short.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np

from scratchgen import backend, files, no_grad, optim, plotting
from scratchgen.models.autoregressive import MADE
from scratchgen.models.latent import VAE
from scratchgen.models.latent.bits_back import HEADER, Stack, compress, decompress, put

from .compress import File, learn, others, table, weigh
from .options import Options, load_bits, spread, start, tell, to
from .vae import begin_at_the_mean

LN2 = math.log(2)
DRAWS = 100  # of z per image, for the ELBO


@dataclass
class Config(Options):
    """Compresses test digits with a VAE by bits back; prints the files' sizes, and draws how they grow."""

    epochs: Annotated[int | None, "passes over the data (default: 25 bundled, 4 with static MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 64
    hidden: Annotated[int, "hidden units of the VAE's encoder and decoder, and of MADE"] = 200
    latent: Annotated[int, "latent dimensions"] = 20
    images: Annotated[int, "how many test digits to compress"] = 500

    NAME: ClassVar[str] = "bits_back"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 6, "hidden": 100, "images": 200}


def main(config: Config) -> None:
    """Train, compress, read back, weigh, draw."""
    bits = load_bits(config, "static")._replace(labels=())
    bits = bits._replace(**{split: getattr(bits, split).reshape(-1, 784) for split in ("train", "validation", "test")})
    test = spread(bits.test, config.images)
    (x,) = to(config.device, test)
    epochs, rng, n = config.epochs or (4 if bits.complete else 25), np.random.default_rng(config.seed), len(test)
    made = MADE((784,), (config.hidden,), rng=rng)
    vae = VAE(784, config.hidden, config.latent, rng=rng)
    begin_at_the_mean(vae, bits.train)
    made.layers[-1].bias.data[...] = vae.decoder.output.bias.data
    made = learn(config, bits, made, "made", optim.Adam, 2e-3, epochs)
    vae = learn(config, bits, vae, "vae", optim.Adam, 2e-3, epochs)

    bound = minus_elbo(vae, x, config.seed)
    stacks = grow(vae, test)
    found = others(test)
    found["MADE, arithmetic coder"] = weigh(made, x, config.folder() / "made.sgac")
    found["VAE, bits back"] = there_and_back(config, vae, x, bound * n / 8)
    print(f"\n{n} test digits of {bits.name}, each compressed, read back and compared:\n{table(found, n)}\n")

    counts, net, size, first = stacks
    tell(
        plotting.save(
            plotting.growth(
                {
                    "bits per image": {
                        "the file, with the coins": (counts, size),
                        "net of the coins": (counts, net),
                        "−ELBO of all": (counts, [bound] * len(counts)),
                        "PNG, all on one sheet": (counts, [8 * found["PNG"].size / n] * len(counts)),
                    }
                },
                "images in the file",
                f"bits back: VAE 784–{config.hidden}–{config.latent}, seed {config.seed}",
            ),
            config.folder() / "growth.png",
        )
    )
    print(
        f"The first image borrowed {first} bits of coins; they are in the file, and come out of it unchanged, once.\n"
        f"One image: {size[0]:.0f} bits. {n} images: {size[-1]:.2f} bits each, of which {net[-1]:.2f} net.\n"
        f"−ELBO: {bound:.2f} bits per image, {bound * LN2:.2f} nats ({DRAWS} draws of z); net / −ELBO = "
        f"{net[-1] / bound:.4f}"
    )


def minus_elbo(vae: VAE, x: Any, seed: int) -> float:
    """The mean over images, in bits."""
    rng, total = np.random.default_rng(seed), 0.0
    with no_grad():
        for _ in range(DRAWS):
            terms = vae.elbo(x, backend.normal(rng, (len(x), vae.latent), like=x))
            total += sum(float(backend.host_scalar(term.data.mean())) for term in terms)
    return total / DRAWS / LN2


def grow(vae: VAE, test: np.ndarray) -> tuple[list[int], list[float], list[float], int]:
    """For 1, 2, 5, 10 … images the net bits of each, and those of the whole stack; and what the first one borrowed."""
    stack, counts, net, size, first = Stack(), [], [], [], 0
    for count, image in enumerate(test.astype(np.int64), 1):
        put(stack, vae, image)
        first = first or 32 * stack.borrowed
        if count == len(test) or (str(count)[0] in "125" and count % 10 ** (len(str(count)) - 1) == 0):
            counts.append(count)
            net.append(stack.net / count)
            size.append(8 * len(stack.pack()) / count)
    return counts, net, size, first


def there_and_back(config: Config, vae: VAE, x: Any, bound: float) -> File:
    """A real file, read again, every pixel compared: only then is it a result."""
    path = config.folder() / "vae.sgac"
    with files.whole(path) as draft:
        draft.write_bytes(compress(vae, x))
    back = decompress(vae, path.read_bytes())
    if not (backend.to_host(back) == backend.to_host(x)).all():
        raise AssertionError("other digits came out than went in")  # `decompress` would have said so
    return File(path.stat().st_size, HEADER, bound, sum(array.nbytes for array in vae.state_dict().values()))


if __name__ == "__main__":
    start(Config, main)
