"""derivations/05-blind-spot.md, equation by equation: the theorems against all paths inside of an image, and against
the Jacobians of networks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demos.blind_spot import fields, with_small_kernels
from scratchgen.evaluation import cone, receptive_field, window
from scratchgen.models.autoregressive import GatedPixelCNN, PixelCNN

from ..models.autoregressive.proofs import randomized

LEDGER = {(14, 14): (78, 406), (20, 7): (190, 567), (27, 0): (351, 756)}  # blind and context, on 28×28, 3×3 masks


# ------------------------------------------------------------------------------- all paths, with a border around them
def in_row(r, last):
    """Displacements (m rows up, d to the right) in the own row, the last one `last`."""
    return [(0, d) for d in range(-r, last + 1)]


def above(r):
    return [(m, d) for m in range(1, r + 1) for d in range(-r, r + 1)]


def step(seen, displacements):
    """The pixels that the seen ones read, those outside of the image left out."""
    height, width = seen.shape
    result = np.zeros_like(seen)
    for m, d in displacements:
        low, high = max(0, -d), min(width, width - d)
        if m < height and low < high:
            result[: height - m, low + d : high + d] |= seen[m:, low:high]
    return result


def at(size, position):
    seen = np.zeros(size, bool)
    seen[position] = True
    return seen


def paths_of_masked(size, position, first, kernel, layers):
    """Eq. 5.2, read from the logits down to the image, with all that leaves the image cut off; taps of Eq. 5.1."""
    r0, r, seen = first // 2, kernel // 2, at(size, position)
    for _ in range(layers):
        seen = step(seen, in_row(r, 0) + above(r))
    return step(seen, in_row(r0, -1) + above(r0))


def paths_of_two_stacks(size, position, first, kernel, layers):
    """The same with a horizontal and a vertical stack; from the first to the second a path crosses over in place."""
    r0, r = first // 2, kernel // 2
    horizontal, vertical = at(size, position), at(size, position)
    for _ in range(layers):
        horizontal = step(horizontal, in_row(r, 0))
        vertical = step(vertical, in_row(r, r) + above(r)) | horizontal
    return step(horizontal, in_row(r0, -1)) | step(vertical, above(r0))


@st.composite
def networks(draw, least=0):
    size = draw(st.integers(1, 11)), draw(st.integers(1, 11))
    position = draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))
    first = draw(st.sampled_from([3, 5, 7]))
    kernel = draw(st.sampled_from([k for k in (3, 5, 7) if k <= first]))
    return size, position, first, kernel, draw(st.integers(least, 6))


@given(networks())
@pytest.mark.equation("5.2", "5.3")
def test_the_cone_is_what_all_paths_reach(network):
    np.testing.assert_array_equal(cone(*network), paths_of_masked(*network))


@given(networks(least=1))
@pytest.mark.equation("5.7")
def test_the_window_is_what_all_paths_reach(network):
    np.testing.assert_array_equal(window(*network), paths_of_two_stacks(*network))


@pytest.mark.parametrize("position", LEDGER)
@pytest.mark.equation("5.4", "5.6", "5.7")
@pytest.mark.ledger("C-BLIND")
def test_the_counts_of_the_ledger(position):
    """28×28, 3×3 masks, 30 layers: counted on the paths, by Eq. 5.4, and by Eq. 5.6 in closed form."""
    i, j = position
    blind, context = LEDGER[position]
    assert i * 28 + j == context
    assert context - paths_of_masked((28, 28), position, 3, 3, 29).sum() == blind
    assert context - cone((28, 28), position, 3, 3).sum() == blind == (27 - j - 1) * (27 - j) // 2
    assert paths_of_two_stacks((28, 28), position, 3, 3, 29).sum() == context
    assert window((28, 28), position, 3, 3).sum() == context


@pytest.mark.parametrize("asked", [cone, window])
def test_what_no_image_and_no_stack_of_layers_is(asked):
    for size, position in (((1, 5, 5), (0, 3, 2)), ((5, 5), (3, 2, 0)), ((5, 5), (5, 2)), ((5, 5), (-1, 2))):
        with pytest.raises(ValueError, match=f"{asked.__name__}: expected a .*position"):
            asked(size, position, 7, 3, 2)
    for layers in (1.5, np.nan):
        with pytest.raises(ValueError, match=f"{asked.__name__}: layers counts .* got {layers}"):
            asked((5, 5), (3, 2), 7, 3, layers)
    with pytest.raises(ValueError, match=r"got (layers=)?-1"):
        asked((5, 5), (3, 2), 7, 3, -1)


@pytest.mark.equation("5.7")
def test_stacks_that_no_layer_links_are_no_window():
    """Eq. 5.7 is for one layer and more. Without any only what stands to the left is seen."""
    with pytest.raises(
        ValueError, match="window: expected at least one layer, which links the two stacks, got layers=0"
    ):
        window((5, 5), (3, 2), 7, 3, 0)
    rng = np.random.default_rng(0)
    seen = receptive_field(randomized(GatedPixelCNN((1, 5, 5), channels=4, layers=0, rng=rng), rng), (0, 3, 2), rng)[0]
    assert np.argwhere(seen).tolist() == [[3, 0], [3, 1]]


def context(size, position):
    return np.arange(size[0] * size[1]).reshape(size) < position[0] * size[1] + position[1]


@given(networks())
@pytest.mark.equation("5.4", "5.6")
def test_beyond_the_cone_everything_is_blind_and_the_sum_counts_it(network):
    size, position, first, kernel, _ = network
    (height, width), (i, j) = size, position
    r0, r = first // 2, kernel // 2
    seen = cone(size, position, first, kernel)
    for m in range(1, i + 1):
        for column in range(width):
            assert seen[i - m, column] == (column - j <= r0 + r * (m - 1))
    deep = paths_of_masked(size, position, first, kernel, 2 * max(height, width))
    np.testing.assert_array_equal(seen, deep)
    count = sum(max(0, width - 1 - j - r0 - r * (m - 1)) for m in range(1, i + 1))
    assert count == (context(size, position) & ~seen).sum()
    np.testing.assert_array_equal(window(size, position, first, kernel), context(size, position))


@pytest.mark.parametrize(
    ("size", "first", "kernel"), [((9, 9), 3, 3), ((6, 10), 7, 3), ((11, 5), 5, 5), ((12, 12), 7, 5)]
)
@pytest.mark.equation("5.5")
def test_the_depth_from_which_only_the_blind_spot_is_missing(size, first, kernel):
    """One layer fewer, and some pixel loses something; for one stack and for two."""
    r0, r = first // 2, kernel // 2
    enough = -(-(max(size) - 1 - r0) // r)
    positions = [(i, j) for i in range(size[0]) for j in range(size[1])]
    for reach in (cone, window):
        for layers, complete in ((enough, True), (enough - 1, False)):
            network = first, kernel, layers
            same = [(reach(size, p, *network) == reach(size, p, first, kernel)).all() for p in positions]
            assert all(same) == complete


# ----------------------------------------------------------------------------------------------- Jacobians of networks
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("first", [3, 7])
@pytest.mark.parametrize(("model_class", "theorem"), [(PixelCNN, cone), (GatedPixelCNN, window)])
@pytest.mark.equation("5.2", "5.3", "5.7")
@pytest.mark.ledger("C-BLIND")
def test_networks_see_what_the_theorems_say(model_class, theorem, first, layers):
    """Entry by entry: 0 where the theorem says blind, not 0 where it says seen; deep enough for all or not."""
    rng = np.random.default_rng(5)
    model = model_class((1, 7, 9), 2, 12, layers, rng=rng, dtype=np.float64)
    if first == 3:
        with_small_kernels(model, rng)
    randomized(model, rng, 0.1)
    for position in ((0, 0), (0, 8), (3, 4), (4, 8), (6, 0), (6, 5)):
        seen = receptive_field(model, (0, *position), rng, images=16)[0] > 0
        np.testing.assert_array_equal(seen, theorem((7, 9), position, first, 3, layers))


@pytest.mark.equation("5.4", "5.6", "5.7")
@pytest.mark.ledger("C-BLIND")
def test_the_counts_of_the_ledger_on_the_networks_of_the_demo():
    """28×28, 30 layers: the pictures show exactly what the theorems say."""
    maps = list(fields(30, 0).values())
    for (values, position, theorem), (blind, before) in zip(maps[:3], LEDGER.values()):
        np.testing.assert_array_equal(values > 0, theorem)
        assert ((values == 0) & context((28, 28), position)).sum() == blind
        assert context((28, 28), position).sum() == before
    for values, position, _ in maps[3:]:
        np.testing.assert_array_equal(values > 0, context((28, 28), position))
    assert [position for _, position, _ in maps] == 2 * list(LEDGER)


# ------------------------------------------------------------------------------------------------ the rest of the page
@pytest.mark.parametrize(
    ("first", "kernel", "counts", "total", "layers"),
    [
        (3, 3, [12 * 13 // 2, 19 * 20 // 2, 26 * 27 // 2], 67_977, 26),
        (7, 3, [10 * 11 // 2, 17 * 18 // 2, 24 * 25 // 2], 55_250, 24),
        (7, 7, [22, 57, 108], 24_606, 8),
    ],
)
@pytest.mark.equation("5.4", "5.5", "5.6")
def test_the_table_of_the_page_and_the_depth_before_it(first, kernel, counts, total, layers):
    blind = {
        (i, j): (context((28, 28), (i, j)) & ~cone((28, 28), (i, j), first, kernel)).sum()
        for i in range(28)
        for j in range(28)
    }
    assert [blind[p] for p in LEDGER] == counts
    assert sum(blind.values()) == total
    for depth, full in ((layers, True), (layers - 1, False)):  # Eq. 5.5: one less misses more than the blind spot
        last = cone((28, 28), (27, 27), first, kernel, depth), cone((28, 28), (27, 27), first, kernel)
        assert np.array_equal(*last) == full


def test_the_exercise():
    """r₀ < r − 1: in an image wide enough the edge is rm − 1; in the last column the border does cut something off."""
    seen = paths_of_masked((9, 40), (8, 3), 3, 7, 8)
    assert [int(np.flatnonzero(seen[8 - m]).max()) - 3 for m in range(1, 9)] == [3 * m - 1 for m in range(1, 9)]
    narrow = paths_of_masked((9, 9), (6, 3), 3, 7, 8)
    assert not narrow[4, 8]
    assert paths_of_masked((9, 10), (6, 3), 3, 7, 8)[4, 8]
