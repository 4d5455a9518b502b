"""scratchgen: the generative-models course that runs.

`import scratchgen as sg` gives tensors and their gradients (`sg.tensor`, `sg.grad`, `sg.primitive`, …) and the rooms
`sg.nn`, `sg.optim`, `sg.distributions`; `import scratchgen.functional as F` the functions. Matplotlib, CuPy, tqdm and
pooch are loaded when something needs them.
"""

from . import distributions, functional, nn, optim
from .autograd import Tensor, detect_anomaly, grad, no_grad, primitive, tensor
from .autograd.gradcheck import gradcheck, gradgradcheck
from .drawing import draw_graph
from .nn.init import manual_seed

__version__ = "0.1.0"
__all__ = [
    "Tensor",
    "detect_anomaly",
    "distributions",
    "draw_graph",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "manual_seed",
    "nn",
    "no_grad",
    "optim",
    "primitive",
    "tensor",
]
