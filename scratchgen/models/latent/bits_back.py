"""Bits-back coding (비트 백 부호화): images in −ELBO bits, though a VAE has no −log₂ p(x) to give.

    file = −log₂ p(x|z) − log₂ p(z) + log₂ q(z|x) = −log₂ w          Eq. 32.2 (derivations/32-bits-back.md#eq-32-2)

Which z stands for an image is for the encoder to choose, from everything that q(z|x) allows. It lets the file choose:
what was written before is taken for coin tosses, and z is *decoded* from it by q. So the file gets shorter first, then
x and z are written. The decoder finds z, then x, then by q the choice, which is the file as it was before: the bits
are back. What was written last must be read first, so the file is a `Stack`, and not the queue of the arithmetic coder
(`scratchgen.models.autoregressive.coder`, whose integers for probabilities and whose container are used here, and
whose conditions for *the same bits* hold here too).

B. Frey, G. Hinton, *Free energy coding*, 1996. J. Townsend, T. Bird, D. Barber, *Practical lossless compression with
latent variables using bits back coding*, ICLR 2019 (arXiv:1901.04866).
"""

from __future__ import annotations

import functools
import itertools
import math
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import threadpoolctl
from scipy.special import ndtri

from ... import backend
from ...autograd import no_grad
from ..autoregressive.coder import BITS, FACTS, FRAME, TOTAL, CompressionError, Header, digest, thresholds
from .assumptions import check_levels, check_pixels
from .vae import LEVELS, VAE

__all__ = ["HEADER", "Posterior", "Stack", "compress", "decompress", "put", "take"]

HEADER = FRAME.size + FACTS.size + 4  # bytes of a file before the stack


# ------------------------------------------------------------------------------------------------- images and bytes
def compress(model: VAE, x: Any) -> bytes:
    """Images x (N, pixels), levels of the model's decoder, in about −ELBO bits each: a header, and a stack.

    On average −ELBO/ln 2, Eq. 32.3 (derivations/32-bits-back.md#eq-32-3); to the sum come the coins that the first
    images had to borrow (`Stack.borrowed`), Eq. 32.12. Raises `ValueError` for images that the model does not know and
    for a model that gives no bits, and `FloatingPointError` where its distributions are no numbers.
    """
    check_model(model)
    levels = _levels(model, x)
    stack = Stack()
    with threadpoolctl.threadpool_limits(1):
        for image in levels[::-1]:
            put(stack, model, image)
    header = Header(len(levels), _count(model), (model.pixels,), _fingerprint(model), 0, _checksum(levels))
    return header.pack(stack.pack())


def decompress(model: VAE, data: bytes) -> Any:
    """The images (N, pixels) that were given to `compress`, as levels in the model's dtype.

    Raises `CompressionError` for a file that is no such file, or damaged, or cut short, or another model's, and where
    other images come out, or other coins are left on the stack, than went in; `TypeError` where `data` are no bytes.
    """
    check_model(model)
    header, payload = Header.unpack(data)
    if header.fingerprint != _fingerprint(model):
        raise CompressionError(
            f"decompress: compressed with another model ({header.fingerprint.hex()}, this {type(model).__name__} is "
            f"{_fingerprint(model).hex()}); load the weights with which it was compressed"
        )
    levels = np.zeros((header.n, model.pixels), np.int64)
    stack = Stack.unpack(payload)
    with threadpoolctl.threadpool_limits(1):
        for i in range(header.n):
            levels[i] = take(stack, model)
    if _checksum(levels) != header.images or not stack.empty:
        raise CompressionError(
            "decompress: the file is whole, but other images come out than went in: here the model computes other "
            "probabilities. Use the library versions, processor and device with which it was compressed"
        )
    return _beside(model, levels)


# ---------------------------------------------------------------------------------------------- one image, both ways
@no_grad()
def put(stack: Stack, model: VAE, image: np.ndarray) -> None:
    """Onto the stack with an image, levels (pixels,).  Eq. 32.2 (derivations/32-bits-back.md#eq-32-2)

    Images are encoded one by one: the decoder has only one at a time, and a product of matrices of other sizes rounds
    otherwise.
    """
    code = [stack.pop(c) for c in posterior(model, image)]
    for c, level in reversed(list(zip(likelihood(model, code), image.tolist()))):
        stack.push(c, level)
    for bucket in reversed(code):
        stack.push(PRIOR, bucket)


@no_grad()
def take(stack: Stack, model: VAE) -> np.ndarray:
    """The image that was put last: every step of `put` undone, the last one first."""
    code = [stack.pop(PRIOR) for _ in range(model.latent)]
    image = np.array([stack.pop(c) for c in likelihood(model, code)])
    for c, bucket in reversed(list(zip(posterior(model, image), code))):
        stack.push(c, bucket)
    return image


# ----------------------------------------------------------------------------------------- distributions → integers
# A distribution over 0 … K − 1 is any sorted sequence c₀ = 0, …, c_K = T: outcome k has the share (cₖ₊₁ − cₖ)/T.
BUCKETS = 1 << 12  # K of a latent dimension: so many intervals, each with the share 1/K of the prior
PRIOR = range(0, TOTAL + 1, TOTAL // BUCKETS)


@functools.cache
def edges() -> list[float]:
    """e₀ … e_K, the limits of the buckets: Φ(eᵢ) = i/K.  Eq. 32.9 (derivations/32-bits-back.md#eq-32-9)"""
    found: list[float] = ndtri(np.arange(BUCKETS + 1) / BUCKETS).tolist()
    return found


class Posterior:
    """cᵢ = i + ⌊(T − K) Φ((eᵢ − μ)/σ)⌋, the buckets' shares of N(μ, σ²).  Eq. 32.10
    (derivations/32-bits-back.md#eq-32-10)

    As `coder.thresholds`, but each limit is computed when it is asked for: a search asks for 13 of 4,097.
    """

    def __init__(self, mean: float, std: float) -> None:
        if not (math.isfinite(mean) and 0 < std < math.inf):
            raise FloatingPointError(f"bits_back: q(z|x) has mean {mean} and σ {std}; no code can be drawn from it")
        self.mean, self.scale = mean, std * math.sqrt(2)

    def __len__(self) -> int:
        return BUCKETS + 1

    def __getitem__(self, i: int) -> int:
        share = 0.5 * math.erfc((self.mean - edges()[i]) / self.scale)
        return i + int((TOTAL - BUCKETS) * share)


def posterior(model: VAE, image: np.ndarray) -> list[Posterior]:
    """q(z|x), one distribution over buckets for each latent dimension."""
    q = model.encode(_beside(model, image[None]))
    mean, std = (backend.to_host(a.data)[0].astype(np.float64) for a in (q.mean, q.std))
    return [Posterior(*both) for both in zip(mean.tolist(), std.tolist())]


def likelihood(model: VAE, code: list[int]) -> list[list[int]]:
    """p(x|z), one distribution over levels for each pixel; z is the middle of its bucket, by the prior's measure."""
    z = ndtri((np.array(code) + 0.5) / BUCKETS)
    limits: list[list[int]] = thresholds(model.decode(_beside(model, z[None])).logits.data[0]).tolist()
    return limits


Limits = Sequence[int] | Posterior


# -------------------------------------------------------------------------------------------------- integers → a stack
WORD = 32
LEAST = 1 << 64  # the top of the stack lies in [2⁶⁴, 2⁹⁶), what is below in words of 32 bits


class Stack:
    """One natural number s, onto which outcomes are pushed and from which they are popped (비대칭 수 체계, ANS).

    Eqs. 32.5–32.8 (derivations/32-bits-back.md#eq-32-5). J. Duda, *Asymmetric numeral systems*, 2009
    (arXiv:0902.0271). Only its upper end is computed with: the digits below wait in `words`. Under the last of them
    are coins without end (the same ones for everybody), and `borrowed` says how many words of coins were needed.
    """

    def __init__(self) -> None:
        self.top, self.coins, self.borrowed = 1, coins(), 0
        self.words: list[int] = []
        self._fill()

    def push(self, c: Limits, k: int) -> None:
        """s ← ⌊s/f⌋ T + cₖ + (s mod f), f = cₖ₊₁ − cₖ: longer by log₂ T/f bits.  Eqs. 32.5 and 32.8"""
        start = c[k]
        share = c[k + 1] - start
        if self.top >= share * LEAST:  # or the top would become too long
            self.words.append(self.top & (1 << WORD) - 1)
            self.top >>= WORD
        quotient, rest = divmod(self.top, share)
        self.top = (quotient << BITS) + start + rest

    def pop(self, c: Limits) -> int:
        """The k that was pushed last, by the same c, and s as it was before; from coins, a draw.  Eqs. 32.4 and 32.6"""
        place = self.top & TOTAL - 1
        k = bisect_right(c, place) - 1
        start = c[k]
        self.top = (c[k + 1] - start) * (self.top >> BITS) + place - start
        self._fill()
        return k

    def _fill(self) -> None:
        while self.top < LEAST:
            if not self.words:
                self.words.append(next(self.coins))
                self.borrowed += 1
            self.top = self.top << WORD | self.words.pop()

    @property
    def net(self) -> float:
        """log₂ s less the coins that were borrowed: what all images together have cost, in bits."""
        return math.log2(self.top) + WORD * (len(self.words) - self.borrowed)

    @property
    def empty(self) -> bool:
        """Whether nothing is left but coins, in the order in which they were tossed."""
        tossed = list(itertools.islice(coins(), len(self.words) + 2))
        return [self.top, *self.words[::-1]] == [LEAST | tossed[0] << WORD | tossed[1], *tossed[2:]]

    def pack(self) -> bytes:
        """s as bytes, its highest first: the top in 9 to 12, then the words."""
        top = self.top.to_bytes(12, "big").lstrip(b"\0")
        return top + np.array(self.words[::-1], ">u4").tobytes()

    @classmethod
    def unpack(cls, data: bytes) -> Stack:
        """The stack that `pack` wrote."""
        stack, size = cls(), len(data) - 4 * ((len(data) - 9) // 4)
        stack.borrowed = 0  # not known of a file
        stack.top = int.from_bytes(data[:size], "big")
        stack.words = np.frombuffer(data[size:], ">u4")[::-1].tolist()
        return stack


def coins() -> Iterator[int]:
    """Words of 32 tosses. PCG64's raw numbers are the same in all versions of NumPy."""
    generator = np.random.PCG64(0)
    while True:
        yield int(generator.random_raw()) >> 32


# ------------------------------------------------------------------------------------------------------------ helpers
def check_model(model: VAE) -> None:
    """Raise `ValueError` for a model whose images have no bits, or whose q is no product."""
    if model.decoder.kind == "normal":
        raise ValueError(
            "bits_back: a Normal decoder gives densities of real numbers, and no number of bits writes those; make the "
            "VAE with decoder='bernoulli' or 'categorical'"
        )
    if model.encoder.posterior != "diagonal" or model.classes is not None:
        raise ValueError(
            "bits_back: expected a VAE with posterior='diagonal' and without classes, got "
            f"posterior={model.encoder.posterior!r}, classes={model.classes}"
        )


def _levels(model: VAE, x: Any) -> np.ndarray:
    """Images as whole numbers on the host, checked."""
    if x.ndim != 2 or x.shape[1] != model.pixels:
        raise ValueError(f"bits_back: expected images (N, {model.pixels}), got {tuple(x.shape)}")
    if model.decoder.kind == "bernoulli":
        check_pixels("bits_back", x)
    else:
        check_levels("bits_back", x, LEVELS)
    return backend.to_host(x).astype(np.int64)


def _count(model: VAE) -> int:
    return 2 if model.decoder.kind == "bernoulli" else LEVELS


def _fingerprint(model: VAE) -> bytes:
    return digest(model, model.decoder.kind, BUCKETS)


def _checksum(levels: np.ndarray) -> int:
    return zlib.crc32(levels.astype("<i8").tobytes())


def _beside(model: VAE, rows: np.ndarray) -> Any:
    like = model.like
    return backend.to_device(rows.astype(like.dtype), backend.device_of(like))
