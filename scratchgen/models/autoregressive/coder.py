"""Compression by a model: a likelihood that can be held in the hand.

    size of the file in bits = −log₂ p(x)          Eq. 2.9 (derivations/02-codes.md#eq-2-9)

An arithmetic coder (산술 부호화) asks a model for one conditional after the other, by `scan`, and narrows an interval
to the share that the model gave to the level that is there. It ends with an interval as long as p(x), and a number in
that interval is the file. The decoder runs the same scan with the same number of images, and sees from the number
which levels they were.

**The same bits.** Both sides must find the same probabilities to the last bit. So both need the same versions of the
libraries, the same kind of processor (and BLAS kernels, see `scratchgen doctor`) and the same device; a scan that adds
in another order will not do, and one BLAS thread is used, so that the number of cores has no say. Where the sides
differ all the same, the checksum of the images finds out, and `decompress` raises: it does not return other images.
"""

from __future__ import annotations

import hashlib
import itertools
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import threadpoolctl

from ... import backend
from ...autograd import Tensor
from ...nn import Module
from .model import Autoregressive

__all__ = ["CompressionError", "Decoder", "Encoder", "compress", "decompress", "header_size", "thresholds"]


class CompressionError(Exception):
    """A compressed file that cannot be used; the message says why and what to do."""


# ------------------------------------------------------------------------------------------------- images and bytes
def compress(model: Autoregressive, x: Any, condition: Any = None) -> bytes:
    """Levels x (N, *shape) in −log₂ p(x) bits, and the bytes of a header (see `header_size`).

    Payload: at most −log₂ p(x) + N D · 2·10⁻⁷ + 8 bits, for up to 256 levels: Eq. 2.14
    (derivations/02-codes.md#eq-2-14). All images share one stream. `condition` is not stored: who decompresses has to
    know it. For every model that has a `scan`: a `Mixture` has none, its members do. Raises `ValueError` as `log_prob`,
    and `FloatingPointError` for logits that are no numbers.
    """
    x = x.data if isinstance(x, Tensor) else x
    model.check(x, condition)
    levels = backend.to_host(x).astype(np.int64).reshape(len(x), len(model.order))
    encoder, like = Encoder(), model.like
    with threadpoolctl.threadpool_limits(1):
        scan, values = model.scan(len(x), condition), None
        for position in model.order:
            c = thresholds(scan.send(values))
            now = levels[:, position, None]
            starts, ends = np.take_along_axis(c, now, 1), np.take_along_axis(c, now + 1, 1)
            encoder.add(starts[:, 0].tolist(), ends[:, 0].tolist())
            values = _beside(now[:, 0], like)
    header = Header(len(x), model.levels, model.shape, fingerprint(model), _checksum(condition), _checksum(levels))
    return header.pack(encoder.finish())


def decompress(model: Autoregressive, data: bytes, condition: Any = None) -> Any:
    """The images (N, *shape) that were given to `compress`, as `sample` returns them: levels in the model's dtype.

    Raises `CompressionError` for a file that is no such file, or damaged, or cut short, for another model or condition,
    and where the images do not have the checksum of those compressed (see above: the same bits); `TypeError` where
    `data` are no bytes.
    """
    header, payload = Header.unpack(data)
    header.check(model, condition)
    levels = np.zeros((header.n, len(model.order)), np.int64)
    decoder, like = Decoder(payload), model.like
    with threadpoolctl.threadpool_limits(1):
        scan, values = model.scan(header.n, condition), None
        for position in model.order:
            levels[:, position] = decoder.levels(thresholds(scan.send(values)))
            values = _beside(levels[:, position], like)
    if _checksum(levels) != header.images:
        raise CompressionError(
            "decompress: the file is whole, but other images come out than went in: here the model computes other "
            "probabilities. Use the library versions, processor, device and scan with which it was compressed"
        )
    return _beside(levels.reshape(header.n, *model.shape), like)


def _beside(levels: np.ndarray, like: Any) -> Any:
    return backend.to_device(levels.astype(like.dtype), backend.device_of(like))


# --------------------------------------------------------------------------------------------- probabilities → integers
BITS = 32
TOTAL = 1 << BITS  # T of the page: into so many parts an interval can be cut


def thresholds(logits: Any) -> np.ndarray:
    """cⱼ = j + ⌊(T − K) (p₀ + … + pⱼ₋₁)⌋, j = 0 … K.  Eq. 2.10 (derivations/02-codes.md#eq-2-10)

    Logits (n,) of Bernoullis or (n, K), of any device → integers (n, K + 1) on the host, from 0 to T = 2³². A level has
    the share (cⱼ₊₁ − cⱼ)/T of an interval: never nothing, and never less than (1 − K/T) pⱼ, which is Eq. 2.11
    (derivations/02-codes.md#eq-2-11). Raises `FloatingPointError` for NaN and +∞.
    """
    a = backend.to_host(logits).astype(np.float64)
    if a.ndim == 1:
        a = np.stack([np.zeros_like(a), a], axis=1)  # a Bernoulli is a softmax over 0 and a
    n, levels = a.shape
    top = a.max(axis=1, keepdims=True)
    if not np.isfinite(top).all():
        raise FloatingPointError("thresholds: a logit is NaN or infinite; these are no probabilities to compress with")
    p = np.exp(np.subtract(a, top, out=a), out=a)
    cumulative = np.cumsum(p, axis=1, out=p)
    cumulative /= cumulative[:, -1:].copy()  # never falls, and ends at 1 exactly
    cumulative *= TOTAL - levels
    c = np.zeros((n, levels + 1), np.int64)
    c[:, 1:] = cumulative  # to an integer: ⌊ ⌋
    c += np.arange(levels + 1)
    return c


# ------------------------------------------------------------------------------------------------ integers → a number
WHOLE = 1 << 64  # the interval is held in a window of 64 bits,
SMALL = 1 << 56  # which moves on by one byte as soon as the first byte of the length is zero


class Encoder:
    """Narrows [low, low + width) step by step, and writes what is certain.

    Eqs. 2.7 and 2.12 (derivations/02-codes.md#eq-2-7). G. N. N. Martin, *Range encoding*, 1979; Witten, Neal and
    Cleary, *Arithmetic coding for data compression*, 1987.
    """

    def __init__(self) -> None:
        self.low, self.width = 0, WHOLE
        self.written = bytearray()

    def add(self, starts: Iterable[int], ends: Iterable[int]) -> None:
        """Go on to the part from start/T to end/T of the interval; and so on for each pair."""
        low, width, written = self.low, self.width, self.written
        for start, end in zip(starts, ends):
            begin = width * start >> BITS
            width = (width * end >> BITS) - begin
            low += begin
            if low >= WHOLE:
                low -= WHOLE
                self._carry()
            while width < SMALL:
                written.append(low >> 56)
                low = (low << 8) & (WHOLE - 1)
                width <<= 8
        self.low, self.width = low, width

    def _carry(self) -> None:
        """Add one to the number that has been written: like 0999 + 1, through all the 255s at its end. It never runs
        over at the front, for the number lies in [0, 1) from beginning to end."""
        last = len(self.written) - 1
        while self.written[last] == 255:
            self.written[last] = 0
            last -= 1
        self.written[last] += 1

    def finish(self) -> bytes:
        """All bytes. One more fixes a number in the interval, which is at least as wide as a step of that byte."""
        last = -(-self.low // SMALL)
        if last == 256:
            last = 0
            self._carry()
        return bytes([*self.written, last])


class Decoder:
    """Finds the steps of an `Encoder` again.  Eq. 2.13 (derivations/02-codes.md#eq-2-13)

    All that it needs is the distance from the interval's beginning to the number, so it knows no carry. After the end
    of the bytes it reads zeros.
    """

    def __init__(self, data: bytes) -> None:
        self.bytes = itertools.chain(data, itertools.repeat(0))
        self.distance = int.from_bytes(bytes(itertools.islice(self.bytes, 8)), "big")
        self.width = WHOLE

    def levels(self, c: np.ndarray) -> list[int]:
        """The next levels, one for each row of `thresholds`."""
        distance, width, found = self.distance, self.width, []
        flat, stride = c.reshape(-1).data, c.shape[1]  # row after row, and numbers are fetched only when asked
        for first in range(0, len(flat), stride):
            at = bisect_right(flat, (((distance + 1) << BITS) - 1) // width, first, first + stride) - 1
            begin = width * flat[at] >> BITS
            width = (width * flat[at + 1] >> BITS) - begin
            distance -= begin
            while width < SMALL:
                distance = distance << 8 | next(self.bytes)
                width <<= 8
            found.append(at - first)
        self.distance, self.width = distance, width
        return found


# ----------------------------------------------------------------------------------------------------------- the file
MAGIC, FORMAT = b"sgAC", 1
FRAME = struct.Struct("<4sBIQ")  # magic, format, CRC-32 of all that follows, and its length in bytes
FACTS = struct.Struct("<IIB8sII")  # n, levels, number of axes, fingerprint, CRC-32 of condition and of images


class Header(NamedTuple):
    """What has to agree before images can come out of a file; all numbers little-endian."""

    n: int
    levels: int
    shape: tuple[int, ...]
    fingerprint: bytes
    condition: int
    images: int

    def pack(self, payload: bytes) -> bytes:
        """The whole file."""
        facts = FACTS.pack(self.n, self.levels, len(self.shape), self.fingerprint, self.condition, self.images)
        body = facts + struct.pack(f"<{len(self.shape)}I", *self.shape) + payload
        return FRAME.pack(MAGIC, FORMAT, zlib.crc32(body), len(body)) + body

    @classmethod
    def unpack(cls, data: bytes | bytearray | memoryview) -> tuple[Header, bytes]:
        """Header and payload of a file that is whole."""
        if not isinstance(data, bytes | bytearray | memoryview):
            got = type(data).__name__
            raise TypeError(f"decompress: expected the bytes that compress gave, got {got}; read the file")
        data = bytes(data)
        if not data.startswith(MAGIC):
            raise CompressionError(f"decompress: not a file written by `compress`: it begins with {data[:4]!r}")
        if len(data) < FRAME.size:
            raise CompressionError(f"decompress: cut short after {len(data)} bytes; fetch it again")
        _, version, checksum, length = FRAME.unpack_from(data)
        if version != FORMAT:
            raise CompressionError(f"decompress: written in format {version}, this program reads format {FORMAT}")
        body = data[FRAME.size :]
        if len(body) != length or zlib.crc32(body) != checksum:
            raise CompressionError(
                f"decompress: damaged: {length} bytes with checksum {checksum:08x} were written after the frame, "
                f"{len(body)} with {zlib.crc32(body):08x} are there; fetch it again"
            )
        n, levels, axes, *rest = FACTS.unpack_from(body)
        shape = struct.Struct(f"<{axes}I")
        return cls(n, levels, shape.unpack_from(body, FACTS.size), *rest), body[FACTS.size + shape.size :]

    def check(self, model: Autoregressive, condition: Any) -> None:
        """Raises `CompressionError` unless the file was written with this model and condition."""
        theirs, ours = (self.shape, self.levels), (model.shape, model.levels)
        if theirs != ours:
            raise CompressionError(
                f"decompress: images {self.shape} of {self.levels} levels, but {type(model).__name__} is a model of "
                f"{model.shape} with {model.levels}"
            )
        if self.fingerprint != fingerprint(model):
            raise CompressionError(
                f"decompress: compressed with another model ({self.fingerprint.hex()}, this {type(model).__name__} is "
                f"{fingerprint(model).hex()}); load the weights with which it was compressed"
            )
        labels = getattr(condition, "shape", None) == (self.n,) and condition.dtype.kind in "iu"
        if not (labels or condition is None) or self.condition != _checksum(condition):
            written = "without a condition; give none"
            if self.condition:
                written = f"with another condition; give condition=, the same {self.n} integers in the same order"
            raise CompressionError(f"decompress: compressed {written}")


def header_size(model: Autoregressive) -> int:
    """Bytes of a file before the payload: 42, and 4 for each axis of the images."""
    return FRAME.size + FACTS.size + 4 * len(model.shape)


def fingerprint(model: Autoregressive) -> bytes:
    """8 bytes that differ where the kind of model, its order, or any bit of its weights does."""
    return digest(model, model.classes, list(map(int, model.order)))


def digest(module: Module, *facts: Any) -> bytes:
    """8 bytes that differ where the kind of module, one of the facts, or any bit of its weights does."""
    found = hashlib.blake2b(repr((type(module).__name__, *facts)).encode(), digest_size=8)
    for name, array in module.state_dict().items():
        found.update(repr((name, array.dtype.str, array.shape)).encode())
        found.update(array.tobytes())
    return found.digest()


def _checksum(integers: Any) -> int:
    """CRC-32 of an array of integers; of None, 0."""
    return 0 if integers is None else zlib.crc32(backend.to_host(integers).astype("<i8").tobytes())
