"""The IDX format, in which MNIST is published.

    two zero bytes · type (8 = uint8) · number of dimensions d · d sizes, 4 bytes each, big-endian · the values

So a file of images begins 0x00000803 and a file of labels 0x00000801. The format carries no checksum, and only
a file compressed with gzip notices damage by itself; hence the sha256 sums in `complete.py`.
"""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np

__all__ = ["decompressed", "parse_idx", "read_idx"]


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The uint8 array in an IDX file, plain or compressed with gzip. Raises `ValueError` for a file that is damaged."""
    return parse_idx(decompressed(Path(path).read_bytes(), str(path)), str(path))


def decompressed(content: bytes, name: str) -> bytes:
    """`content` without its gzip layer, if it has one.

    The first bytes tell, not the name: browsers unpack a file and leave its name at .gz.
    Raises `ValueError`, with `name`, for a gzip file that is cut short or damaged.
    """
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{name} is cut short or damaged ({error})") from error


def parse_idx(content: bytes, name: str) -> np.ndarray:
    """The uint8 array in the bytes of an (uncompressed) IDX file, as a copy of its own.

    Raises `ValueError`, with `name`, for another format or a length that is not what the header promises.
    """
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise ValueError(f"{name} is no IDX file of bytes: it begins {content[:4]!r}, expected 0, 0, 8 and a rank")
    ndim = content[3]
    start = 4 + 4 * ndim
    if len(content) < start:
        raise ValueError(f"{name} is cut short: it ends within its header")
    shape = tuple(int(size) for size in np.frombuffer(content, ">u4", ndim, offset=4))
    found, expected = len(content) - start, math.prod(shape)
    if found != expected:
        state = "cut short" if found < expected else "longer than its header says"
        raise ValueError(f"{name} is {state}: {found} bytes of values, expected {expected} for the shape {shape}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()
