"""Primitives: rules that name what they need, and the mistakes in them that the engine names."""

import ast
import weakref
from pathlib import Path

import numpy as np
import pytest

import scratchgen as sg
import scratchgen.functional as F
from scratchgen.autograd import engine


def cube_like(rule):
    """A primitive x ↦ x³ with this rule."""

    @sg.primitive
    def cube(x):
        return x**3

    cube.vjp(x=rule)
    return cube


def leaf(*shape, dtype=np.float64):
    return sg.tensor(np.random.default_rng(3).standard_normal(shape), requires_grad=True, dtype=dtype)


# ------------------------------------------------------------------------------------------------- one's own
def test_a_users_primitive(device):
    cube = cube_like(lambda g, x: g * 3 * x**2)
    x = sg.tensor(np.array([2.0, -1.0]), requires_grad=True, device=device)
    first = sg.grad(F.sum(cube(x)), x, create_graph=True)
    np.testing.assert_array_equal(first.numpy(), [12, 3])
    np.testing.assert_array_equal(sg.grad(F.sum(first), x).numpy(), [12, -6])
    assert sg.gradcheck(cube, x)
    assert sg.gradgradcheck(cube, x)


def test_rules_get_what_they_name_and_nothing_else():
    seen = {}

    @sg.primitive
    def scaled(x, y, factor=2.0):
        return factor * x * y

    def rule(g, out, y, factor, x_shape, y_shape):
        seen.update(out=out, y=y, factor=factor, x_shape=x_shape, y_shape=y_shape)
        return g * y * factor

    scaled.vjp(x=rule)
    x, y = leaf(2, 3), sg.tensor(np.ones(3))
    out = scaled(x, y, factor=3.0)
    out.backward(np.ones((2, 3)))
    assert seen["out"] is out.data
    assert seen["y"] is y.data
    assert (seen["factor"], seen["x_shape"], seen["y_shape"]) == (3.0, (2, 3), (3,))


def test_what_a_rule_does_not_name_is_not_kept():
    x = leaf(4)
    inner = x * 2.0
    value = weakref.ref(inner.data)
    by_output = F.exp(inner)  # its rule names `out` only
    del inner
    assert value() is None
    inner = x * 2.0
    value = weakref.ref(inner.data)
    by_input = F.sin(inner)  # its rule names x
    del inner
    assert value() is not None
    del by_output, by_input
    assert value() is None


def test_a_tuple_of_arrays_is_one_argument():
    @sg.primitive
    def total(xs):
        return sum(xs)

    total.vjp(xs=lambda g, which: g * (which + 1.0))
    x, y, constant = leaf(2), leaf(2), np.ones(2)
    total((x, constant, y)).backward(np.ones(2))
    np.testing.assert_array_equal(x.grad.numpy(), [1, 1])
    np.testing.assert_array_equal(y.grad.numpy(), [3, 3])


def test_rules_run_on_raw_arrays_and_under_create_graph_on_tensors(device):
    kinds = []

    def rule(g, x, out):
        kinds.append({type(g), type(x), type(out)})
        return g * 3 * x * x

    cube = cube_like(rule)
    x = sg.tensor(np.ones(2), requires_grad=True, device=device)
    F.sum(cube(x * 1.0)).backward()
    F.sum(cube(x * 1.0)).backward(create_graph=True)
    assert kinds == [{type(x.data)}, {sg.Tensor}]


def test_rules_run_only_for_arguments_that_need_a_gradient():
    ran = []

    @sg.primitive
    def product(x, y):
        return x * y

    product.vjp(x=lambda g, y: (ran.append("x"), g * y)[1], y=lambda g, x: (ran.append("y"), g * x)[1])
    x, y = leaf(2), leaf(2)
    F.sum(product(x, y.detach())).backward()
    assert ran == ["x"]
    z = F.sum(product(x, y))
    sg.grad(z, y)
    assert ran == ["x", "y"]  # x needed one, but was not asked for


def test_raw_arrays_in_raw_array_out():
    assert isinstance(cube_like(lambda g: g)(np.ones(2)), np.ndarray)
    assert isinstance(F.sum(np.ones(2)), np.floating)
    assert not isinstance(F.exp(2.0), sg.Tensor)


def test_constants_make_no_graph():
    y = F.exp(sg.tensor([1.0]))
    assert not y.requires_grad
    assert y.node is None


def test_arguments_by_name_and_by_default():
    x = leaf(3)
    np.testing.assert_array_equal(
        F.leaky_relu(x, negative_slope=0.5).numpy(), F.leaky_relu(negative_slope=0.5, x=x).numpy()
    )
    np.testing.assert_array_equal(F.leaky_relu(x).numpy(), F.leaky_relu(x, 0.01).numpy())
    for call in (lambda: F.leaky_relu(), lambda: F.leaky_relu(x, slope=1), lambda: F.exp(x, x), lambda: F.exp(x, x=x)):
        with pytest.raises(TypeError, match=r"^(leaky_relu|exp)\(x.*\): "):
            call()


def test_a_primitive_is_documented_and_named_like_its_function():
    assert F.exp.__doc__.startswith("z = eˣ")
    assert F.exp.__module__ == "scratchgen.functional.elementwise"
    assert repr(F.exp) == "exp"


# ---------------------------------------------------------------------------------------------- mistakes in rules
@pytest.mark.parametrize(
    ("rule", "error", "message"),
    [
        (
            lambda g: F.sum(g, 0),
            ValueError,
            r"the derivative of cube for x must have shape \(2, 3\), the rule gave \(3,\)",
        ),
        (lambda g: g[:, :2], ValueError, r"cube for x must have shape \(2, 3\), the rule gave \(2, 2\)"),
        (lambda g: F.transpose(g), ValueError, r"must have shape \(2, 3\), the rule gave \(3, 2\)"),
        (
            lambda g: g.astype(np.float32),
            TypeError,
            r"cube for x must be float64\(2, 3\), the rule gave float32\(2, 3\)",
        ),
        (lambda g: g > 0, TypeError, r"must be float64\(2, 3\), the rule gave bool\(2, 3\)"),
        (lambda g: 0.0, TypeError, r"must be float64\(2, 3\), the rule gave float"),
        (lambda g: None, TypeError, r"must be float64\(2, 3\), the rule gave NoneType"),
    ],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_wrong_rule_is_named(rule, error, message, create_graph):
    y = F.sum(cube_like(rule)(leaf(2, 3)))
    with pytest.raises(error, match=message):
        y.backward(create_graph=create_graph)


def test_a_rule_can_name_only_what_there_is():
    @sg.primitive
    def double(x):
        return 2 * x

    with pytest.raises(TypeError, match=r"double\.vjp: no argument z; there are x, out"):
        double.vjp(x=lambda g, z: g)
    with pytest.raises(TypeError, match=r"double\.vjp: no argument y"):
        double.vjp(y=lambda g: g)


def test_an_argument_without_a_rule_is_named():
    @sg.primitive
    def blend(x, weight):
        return x * weight

    blend.vjp(x=lambda g, weight: g * weight)
    with pytest.raises(TypeError, match=r"blend has no derivative for weight.*detach"):
        blend(leaf(2), leaf(2))
    assert blend(leaf(2), leaf(2).detach()).requires_grad
    with sg.no_grad():
        assert not blend(leaf(2), leaf(2)).requires_grad


@pytest.mark.parametrize(("result", "kind"), [(1.0, "float"), ((np.ones(2), np.ones(2)), "tuple"), (None, "NoneType")])
def test_a_primitive_returns_one_array(result, kind):
    with pytest.raises(TypeError, match=f"f: a primitive returns one array, this one returned {kind}"):
        sg.primitive(named_f(result))(leaf(2))


def named_f(result):
    def f(x):
        return result

    return f


def test_what_comes_out_as_an_integer_is_a_constant():
    @sg.primitive
    def position(x):
        return x.argmax(axis=-1)

    assert not position(leaf(2, 3)).requires_grad
    assert not F.astype(leaf(3), np.int64).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda x: x + np.ones(4), ValueError, r"add: .*broadcast.* \(x float64\(2, 3\), y float64\(4,\)\)"),
        (lambda x: x.reshape(4, 2), ValueError, r"reshape: .*x float64\(2, 3\), shape=\(4, 2\)"),
        (lambda x: x[5], IndexError, r"getitem: .*out of bounds.*index=5"),
        (lambda x: F.sum(x, 7), ValueError, r"sum: .*axis 7.*x float64\(2, 3\)"),
        (lambda x: x @ x, ValueError, r"matmul: .*float64\(2, 3\)"),
        (lambda x: x + "one", TypeError, r"add: .*x float64\(2, 3\), y='one'"),
    ],
)
def test_errors_name_the_function_and_its_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf(2, 3))


# ---------------------------------------------------------------------------------------------------------- size
def statements(path):
    """How many statements a file has, not counting imports and docstrings."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))) if isinstance(node, ast.stmt)]
    docstrings = [node for node in found if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)]
    return len(found) - len(docstrings) - sum(isinstance(node, (ast.Import, ast.ImportFrom)) for node in found)


def test_the_engine_reads_in_one_lecture():
    room = Path(engine.__file__).parent
    assert statements(room / "engine.py") <= 300
    assert sum(statements(path) for path in room.glob("*.py") if path.name != "gradcheck.py") <= 410
