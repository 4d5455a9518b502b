"""The functions that models are made of: each a primitive with its derivative beside it, or a few lines of primitives.

Array functions follow NumPy's signatures, layers and losses PyTorch's. All accept raw arrays as well as Tensors;
with raw arrays alone they are plain array functions.
"""

from ..autograd import operators as _operators
from .arithmetic import *
from .convolution import *
from .elementwise import *
from .linear import *
from .losses import *
from .normalization import *
from .pooling import *
from .reduction import *
from .shape import *
from .triangular import *

# What Tensor's operators and methods mean (see autograd/operators.py).
_operators.F.__dict__.update(globals())
