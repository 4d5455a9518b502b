"""How the cost of a VAE step grows with the batch and with the width of its layers."""

from __future__ import annotations

from .harness import compare
from .vae import contenders

NAMES = ["scratchgen", "torch eager", "jax.jit"]


def run(rounds: int = 5) -> list[dict]:
    """Batch sizes at width 400, then widths at batch 128."""
    cases = [{"batch": b, "hidden": 400} for b in (8, 32, 128, 512)] + [
        {"batch": 128, "hidden": h} for h in (100, 200, 800)
    ]
    return [
        compare(
            f"VAE step, batch {case['batch']}, width {case['hidden']}",
            contenders(NAMES, **case),
            rounds=rounds,
            case=case,
        )
        for case in cases
    ]
