"""What a conditional sees, on a model whose Jacobian is known."""

import numpy as np
import pytest

import scratchgen as sg
from scratchgen.evaluation import cone, receptive_field, window
from scratchgen.models.autoregressive import Autoregressive
from scratchgen.nn import Parameter


class Linear(Autoregressive):
    """logits = x Wᵀ, of `levels` logits each 1, 2, 3 … times that."""

    def __init__(self, shape, levels, rng, classes=None):
        super().__init__(shape, levels, classes)
        self.weight = Parameter(rng.standard_normal((int(np.prod(shape)), int(np.prod(shape)))))

    def logits(self, x, condition=None):
        one = (sg.functional.reshape(x, (len(x.data), -1)) @ self.weight.T).reshape((-1, *self.shape))
        if condition is not None:
            one = one * condition.reshape(-1, *[1] * len(self.shape))
        return one if self.levels == 2 else sg.functional.stack([k * one for k in range(self.levels)], 1)


@pytest.mark.parametrize(("shape", "position"), [((1, 3, 4), (0, 2, 1)), ((2, 2, 3), (1, 0, 2)), ((7,), (4,))])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_linear_models_receptive_field_is_its_weight(shape, position, dtype, device):
    rng = np.random.default_rng(5)
    model = Linear(shape, 2, rng).astype(dtype)
    row = model.weight.data[np.ravel_multi_index(position, shape)].reshape(shape)
    model.to(device)
    seen = receptive_field(model, position, rng)
    assert type(seen) is np.ndarray
    assert seen.dtype == dtype
    np.testing.assert_allclose(seen, abs(row), rtol=1e-5 if dtype is np.float32 else 1e-12)


def test_of_several_logits_a_combination_and_of_several_classes_the_one_asked_for():
    rng = np.random.default_rng(6)
    model = Linear((1, 2, 3), 4, rng)
    row = abs(model.weight.data[4]).reshape(1, 2, 3)
    times = [receptive_field(model, (0, 1, 1), rng, images=1) / row for _ in range(20)]  # |± 1 ± 2 ± 3|
    assert max(np.ptp(each) for each in times) < 1e-12
    assert {round(float(each.mean()), 9) for each in times} == {0, 2, 4, 6}
    conditional = Linear((1, 2, 3), 2, rng, classes=4)
    row = abs(conditional.weight.data[4]).reshape(1, 2, 3)
    seen = receptive_field(conditional, (0, 1, 1), rng, images=3, condition=np.array([0, 1, 2]))
    np.testing.assert_allclose(seen, row, rtol=1e-12)  # the mean of 0, 1 and 2 times the row


def test_it_leaves_the_model_without_gradients():
    model = Linear((1, 2, 2), 2, np.random.default_rng(7))
    receptive_field(model, (0, 1, 0), np.random.default_rng(8))
    assert model.weight.grad is None


@pytest.mark.parametrize("position", [(0, 2, 0), (0, -1, 0), (0, 0), (1, 0, 0)])
def test_a_position_outside_of_the_image_is_refused(position):
    model = Linear((1, 2, 2), 2, np.random.default_rng(9))
    with pytest.raises(ValueError, match=r"receptive_field: expected a position in an image \(1, 2, 2\), got"):
        receptive_field(model, position, np.random.default_rng(10))


@pytest.mark.parametrize("reach", [cone, window])
def test_the_theorems_refuse_what_they_do_not_speak_of(reach):
    for first, kernel in ((3, 5), (4, 3), (3, 1), (5, 4)):
        with pytest.raises(ValueError, match="expected odd kernels, 3 ≤ kernel ≤ first"):
            reach((5, 5), (2, 2), first, kernel)
    with pytest.raises(ValueError, match=r"expected a position in an image \(5, 6\), got \(5, 0\)"):
        reach((5, 6), (5, 0), 3, 3)
