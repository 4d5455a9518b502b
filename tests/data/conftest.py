"""A small MNIST checked as the real one is, the complete one where it is at hand, and a server with bad manners."""

import gzip
import hashlib
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from scratchgen.data import complete


@pytest.fixture
def complete_data():
    """The folder with the complete data sets; skips where there is none."""
    root = os.environ.get("SCRATCHGEN_DATA")
    if not root:
        pytest.skip("needs the complete data: set SCRATCHGEN_DATA to the folder with mnist/ and binarized_mnist/")
    return Path(root)


def idx(array):
    """The bytes of an IDX file, written from the format's description and not by the package."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


class Small(NamedTuple):
    """What a small stand-in for MNIST holds: the arrays of each split, and every file's bytes by its name."""

    arrays: dict
    files: dict


@pytest.fixture
def small(monkeypatch):
    """Stand-ins of 12 and 7 images for MNIST's splits, under its names and checked against their own sha256."""
    rng = np.random.default_rng(1)
    arrays = {
        split: (rng.integers(256, size=(n, 28, 28)).astype(np.uint8), rng.integers(10, size=n).astype(np.uint8))
        for split, n in (("train", 12), ("test", 7))
    }
    sources, files = {}, {}
    for split, pair in arrays.items():
        names = [source.name for source in complete.MNIST[split]]
        for name, array in zip(names, pair, strict=True):
            files[name] = idx(array)
        sources[split] = tuple(
            complete.Source(name, array.shape, hashlib.sha256(idx(array)).hexdigest())
            for name, array in zip(names, pair, strict=True)
        )
    monkeypatch.setattr(complete, "MNIST", sources)
    return Small(arrays, files)


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files` from /good/; the other folders fail, each in its own way."""

    def do_GET(self):
        _, folder, name = self.path.split("/")
        self.server.requests.append(self.path)
        body = gzip.compress(self.server.files[name.removesuffix(".gz")])
        if folder == "missing":
            return self.send_error(404)
        if folder == "wrong":  # well-formed, of the right shape, other numbers
            content = bytearray(self.server.files[name.removesuffix(".gz")])
            content[-1] ^= 1
            body = gzip.compress(bytes(content))
        if folder == "page":  # what a hotel's network answers to everything
            body = b"<html>please log in</html>"
        self.send_response(200)
        if folder != "silent":  # without a length only the gzip layer knows that the end is missing
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if folder in ("cut", "silent") else body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(small, monkeypatch):
    """A server on 127.0.0.1; `server.mirror("cut")` is the address of a mirror that behaves so."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.requests = small.files, []
        server.mirror = lambda folder: f"http://127.0.0.1:{server.server_port}/{folder}/"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
