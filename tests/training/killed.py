"""A training run to be killed: `python -m tests.training.killed CHECKPOINT EPOCHS [resume]` (see test_resume.py).

After the second epoch it waits to be killed, if EPOCHS is larger. At the end it writes what it has learned to standard
output as JSON, hexadecimal digit by digit.
"""

import json
import sys
import time

import numpy as np

from scratchgen import optim, training
from scratchgen.models.latent import VAE


def make_run():
    rng = np.random.default_rng(0)
    model = VAE(12, 8, 2, rng=rng)
    x = (rng.random((70, 12)) < 0.4).astype(np.float32)
    return training.Run(model, optim.Adam(model.parameters(), lr=1e-2), rng), x


def learned(run):
    """Everything that a run holds, exactly."""
    arrays = {**run.model.state_dict(), **{f"best/{k}": v for k, v in run.best.items()}, **run.optimizer.state_dict()}
    arrays = {name: np.asarray(value).tobytes().hex() for name, value in arrays.items()}
    return {"arrays": arrays, "history": run.history, "step": run.step, "rng": str(run.rng.bit_generator.state)}


def train(checkpoint, epochs, resume=False, callbacks=()):
    run, x = make_run()
    training.train(
        run, run.model.loss, [x[:50]], validation=[x[50:]], epochs=epochs, batch_size=16, checkpoint=checkpoint,
        config={"seed": 0}, resume=resume, callbacks=callbacks,
    )  # fmt: skip
    return run


def wait_in_third_epoch(run):
    """Before the third epoch's checkpoint is written, that is, when the third epoch's work would be lost."""
    if run.epoch == 3:
        print("waiting", flush=True)
        time.sleep(600)


if __name__ == "__main__":
    path, epochs, *mode = sys.argv[1:]
    run = train(path, int(epochs), "resume" in mode, [] if mode else [wait_in_third_epoch])
    print(json.dumps(learned(run)))
