"""What the judge looks at besides variants: links lost at random, several outputs, inputs of a thousand."""

import numpy as np
import pytest

from scratchgen.checker.evidence import Trial, vocabulary
from scratchgen.checker.exercises import EXERCISES, TASKS

from .direct import Variant


def test_links_that_are_lost_at_random_have_no_cause():
    """One lost row of them does; in what is lost here and there no rule is seen."""
    lost = """
        def linear_backward(dout, x, weight, bias):
            keep = np.random.default_rng(3).random(weight.shape) < {share}
            {more}
            return dout @ (weight * keep), dout.T @ x, dout.sum(0)
    """
    (at_random,) = Variant("linear", "", lost.format(share=0.5, more="")).judged()
    assert [(e.code, e.located) for e in at_random.explanations] == [("LINKS", True)]
    (one_unit,) = Variant("linear", "", lost.format(share=2, more="keep[1] = 0; keep[4] = 0")).judged()
    assert [(e.code, e.located) for e in one_unit.explanations] == [("LINKS", False)]
    assert one_unit.explanations[0].facts["place"] == "index 1, 4 of axis 1 of dout"


def test_several_outputs_have_several_gradients_from_above():
    """The LSTM's step: dh and dc, of which the cache comes last, or all inputs."""
    exercise = EXERCISES["lstm_step"]
    assert exercise.douts == ("dh", "dc")
    assert exercise.tasks[0].returns == ("h", "c")
    assert exercise.tasks[1].parameters[:3] == ("dh", "dc", "x")
    assert not exercise.is_loss


NAIVE = """
    def softmax_cross_entropy_forward(logits, labels):
        p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        return -np.log(p[np.arange(len(labels)), labels]).mean()
"""
CLIPPED = """
    def bce_with_logits_forward(logits, target):  # as DeZero does (B5)
        p = np.clip(1 / (1 + np.exp(-logits)), 1e-15, 0.999)
        return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()
"""
STABLE = """
    def bce_with_logits_forward(logits, target):
        return (np.logaddexp(0, logits) - logits * target).sum(1).mean()
"""


@pytest.mark.parametrize(
    ("exercise", "source", "note"),
    [
        ("softmax_cross_entropy", NAIVE, ["OVERFLOW"]),
        ("bce_with_logits", CLIPPED, ["STRESS"]),
        ("bce_with_logits", STABLE, []),
    ],
    ids=["naive", "clipped", "stable"],
)
def test_large_logits_are_a_note(exercise, source, note):
    (judged,) = Variant(exercise, "", source).judged()
    assert judged.status == "right"
    assert [n.code for n in judged.notes] == note


SERIES = "(0.5 + logits / 4 - logits**3 / 48)"  # of σ, cut off


@pytest.mark.parametrize(
    ("p", "low", "high"),
    [
        ("np.clip(1 / (1 + np.exp(-logits)), 0, 0.99)", "−∞", "4.59"),
        ("np.clip(1 / (1 + np.exp(-logits)), 0.2, 1)", "−1.39", "∞"),
    ],
)
def test_a_clip_is_told_where_it_begins(p, low, high):
    bce = f"""
        def bce_with_logits_forward(logits, target):
            p = {p}
            return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()
    """
    (judged,) = Variant("bce_with_logits", "", bce).judged()
    (explanation,) = judged.explanations
    assert (explanation.code, dict(explanation.facts)) == ("BOUND", {"argument": "logits", "low": low, "high": high})


@pytest.mark.parametrize(
    "source",
    [
        f"def sigmoid_forward(logits): return {SERIES}",
        "def generator_loss_minimax_forward(a): return np.log(np.mean(1 / (1 + np.exp(a))) + 0.1)",
        "def generator_loss_minimax_forward(a): return np.log(np.mean(1 / (1 + np.exp(np.clip(a, -3, 3)))))",
        "def generator_loss_non_saturating_forward(a): return -np.log(1 / (1 + np.exp(-a)) + 3e-5).mean()",
        "def generator_loss_non_saturating_forward(a): return np.float32(-np.log(1 / (1 + np.exp(-a)) + 1e-3).mean())",
        "def generator_loss_minimax_forward(a): return np.median(np.log(1 / (1 + np.exp(np.clip(a, -7, 7)))))",
    ],
    ids=[
        *("wrong at once", "wrong everywhere", "wrong inside too"),
        *("an epsilon", "an epsilon, single", "a bound that nothing reaches"),
    ],
)
def test_what_has_no_bound_is_not_given_one(source):
    name = source.split("def ")[1].partition("_forward")[0]
    (judged,) = Variant(name, "", source).judged()
    assert judged.status == "wrong"
    assert "BOUND" not in {e.code for e in judged.explanations}


def test_above_a_loss_there_is_nothing():
    """Two parameters, as many as the loss has inputs: it would be called with these."""
    source = """
        def r1_penalty_forward(slope, gamma): return gamma / 2 * (slope ** 2).sum(1).mean(), gamma * slope / len(slope)
        def r1_penalty_backward(dout, cache): return dout * cache
    """
    forward, backward = Variant("r1_penalty", "", source).judged()
    assert forward.status == "right"
    assert "asks for dout, but a loss is the end of the chain" in backward.failure.text


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.exercise.stress])
def test_our_own_form_is_stable(name):
    task = TASKS[name]
    inputs = task.exercise.stress(np.random.default_rng(0), task.exercise.sizes(0))
    right = task.right(task.exercise.with_douts(np.random.default_rng(1), inputs))
    assert all(np.isfinite(a).all() for a in right.values())


# ---------------------------------------------------------------------------------------------- odd answers, all judged
CLIPPED_SIGMOID = "np.clip(1 / (1 + np.exp(-logits)), 0.1, 0.9)"


@pytest.mark.parametrize(
    ("exercise", "source"),
    [
        (
            "linear",
            """
            def linear_forward(x, weight, bias): return (x @ weight.T + bias).T
            def linear_backward(dout, x, weight, bias): return dout @ weight, dout.T @ x / 3.3, dout.sum(0)
            """,
        ),
        ("relu", "def relu_backward(dout, x): return dout[dout * x > 0]"),
        ("relu", "def relu_backward(dout, x): return np.append(dout[dout * x > 0], [0, 0])"),
        (
            "bce_with_logits",
            f"""
            def bce_with_logits_forward(logits, target):
                p = {CLIPPED_SIGMOID}
                return -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(1).mean()
            """,
        ),
    ],
    ids=["another shape", "a shape that depends on the numbers", "of two lengths", "one number, linear in an argument"],
)
def test_what_is_odd_is_wrong_and_costs_no_verdict(exercise, source):
    judged = Variant(exercise, "", source).judged()
    assert {j.status for j in judged} == {"wrong"}
    assert all(j.consistent is None for j in judged)


@pytest.mark.parametrize("dtype", ["float64", "float32", "longdouble"])
def test_one_status_in_every_precision(dtype):
    """A small number under a logarithm is "nearly", and no factor of 1."""
    (forward,) = Variant(
        "linear", "", f"def linear_forward(x, w, b): return (x @ w.T + b).astype('{dtype}') * 1.00005"
    ).judged()
    assert (forward.status, forward.outputs[0].status) == ("right", "nearly")
    assert not forward.explanations
    assert ("SINGLE" in {note.code for note in forward.notes}) == (dtype == "float32")


def test_in_single_precision_right_is_right_to_fewer_digits():
    source = "def linear_forward(x, w, b): return np.float32(x) @ np.float32(w).T + np.float32(b)"
    (forward,) = Variant("linear", "", source).judged()
    assert [(output.status, output.difference > 1e-7) for output in forward.outputs] == [("right", True)]


COUNTS = """
    calls = [0]
    def relu_backward(dout, x):
        calls[0] += 1
        return dout * (x > 0) * (1 if calls[0] < 4 else 2)
"""


def test_a_function_that_remembers_is_not_right():
    (judged,) = Variant("relu", "", COUNTS).judged()
    assert judged.status == "wrong"
    assert [e.code for e in judged.explanations] == ["RANDOM"]


def test_a_seed_that_is_set_is_no_other_answer():
    (judged,) = Variant("relu", "", "def relu_forward(x):\n    np.random.seed(42)\n    return x * (x > 0)").judged()
    assert judged.status == "right"
    assert [note.code for note in judged.notes] == ["DREW"]


LAST_OF_TIES = """
    def max_pool2d_backward(dout, x):
        m, c, h, w = x.shape
        windows = x.reshape(m, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(m, c, h // 2, w // 2, 4)
        d = (np.arange(4) == (3 - windows[..., ::-1].argmax(-1))[..., None]) * dout[..., None]
        return d.reshape(m, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(x.shape).astype("{}")
"""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("exercise", "source", "note"),
    [
        ("relu", "def relu_backward(dout, x): return (dout * (x >= 0)).astype('{}')", "KINK"),
        ("relu", "def relu_backward(dout, x): return (dout * (np.sign(x) + 1) / 2).astype('{}')", "KINK"),
        ("relu", "def relu_backward(dout, x): return (dout * (x > 0) - 3 * dout * (x == 0)).astype('{}')", "NO_SLOPE"),
        ("max_pool2d", LAST_OF_TIES, "KINK"),
        ("relu", "def relu_forward(x): return (x * (x > 0) / (x != 0)).astype('{}')", "NO_KINK"),
        ("relu", "def relu_forward(x): return (x * (x > 0) + (x == 0)).astype('{}')", "KINK_VALUE"),
    ],
)
def test_what_is_said_of_kinks(exercise, source, note, dtype):
    """At ties as well float32 is no reason for another word."""
    (judged,) = Variant(exercise, "", source.replace("{}", dtype)).judged()
    assert judged.status == "right"
    assert [n.code for n in judged.notes if n.code != "SINGLE"] == [note]


def test_an_error_at_a_kink_is_no_convention():
    source = "def relu_backward(dout, x):\n    if (x == 0).any(): raise ValueError\n    return dout * (x > 0)"
    (judged,) = Variant("relu", "", source).judged()
    assert [note.code for note in judged.notes] == ["NO_KINK"]


# --------------------------------------------------------------------------------------------------- what is told, true
SIGMOID = "1 / (1 + np.exp(-logits))"


@pytest.mark.parametrize(
    ("exercise", "source", "code"),
    [
        (
            "bce_with_logits",
            f"""
            def bce_with_logits_backward(logits, target):
                p = {SIGMOID}
                return (-target / p - (1 - target) / (1 - p)) / len(logits)
            """,
            "BCE_PROBABILITY_SIGN",
        ),
        (
            "softmax_cross_entropy",
            """
            def softmax_cross_entropy_backward(logits, labels):
                return -np.exp(logits).sum(1, keepdims=True) / np.exp(logits) / len(logits)
            """,
            "CROSS_ENTROPY_ALL_CLASSES",
        ),
        ("iwae_bound", "def iwae_bound_backward(log_weights): return np.ones_like(log_weights) / log_weights.size",
         "IWAE_LOG_INSIDE"),
    ],
)  # fmt: skip
def test_a_cause_is_named_that_is_true_of_the_code(exercise, source, code):
    (judged,) = Variant(exercise, "", source).judged()
    assert [e.code for e in judged.explanations] == [code]


def test_all_samples_alike_is_a_share_that_is_missing():
    """Not the ELBO's gradient, which is a Kth of it."""
    source = "def iwae_bound_backward(log_weights): return np.ones_like(log_weights) / len(log_weights)"
    (judged,) = Variant("iwae_bound", "", source).judged()
    assert [(e.code, e.facts["quantity"]) for e in judged.explanations] == [
        ("MISSING_FACTOR", "the share of the sample")
    ]


def test_where_every_part_is_off_none_is_called_right():
    source = """
        def momentum_step(parameter, gradient, velocity, lr, momentum):
            return parameter - lr * (momentum * velocity + gradient), velocity
    """
    (judged,) = Variant("momentum_step", "", source).judged()
    assert [(e.code, len(e.facts["weights"]), e.facts["right"]) for e in judged.explanations] == [("TERMS", 2, 0)]


def test_an_argument_that_was_forgotten_is_not_told_as_its_sign():
    source = """
        def elbo_normal_forward(x, mean, log_variance, noise, weight, bias, pixel_variance):
            z = mean + np.exp(log_variance / 2) * noise
            kl = 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum(1)
            error = ((x - z @ weight.T - bias) ** 2 + np.log(2 * np.pi)).sum(1) / 2
            return (error + kl).mean()
    """
    parameters = EXERCISES["elbo_normal"].tasks[0].parameters
    assert parameters == ("x", "mean", "log_variance", "noise", "weight", "bias", "pixel_variance")
    (judged,) = Variant("elbo_normal", "", source).judged()
    assert judged.status == "wrong"
    assert "sign(" not in str([e.facts for e in judged.explanations])


def test_no_two_factors_have_the_same_name():
    """Else a constant 6 would be told as C·P."""
    for name, exercise in EXERCISES.items():
        shapes = [exercise.sizes(shape) for shape in range(3)]
        rng = np.random.default_rng(0)
        others = [{letter: rng.uniform(2, 20) for letter in shapes[0]} for _ in range(3)]
        seen = {}
        for (label, values), (_, generally) in zip(_factors(exercise, shapes), _factors(exercise, others)):
            same = seen.setdefault(tuple(np.round(values, 9)), (label, generally))
            assert np.allclose(same[1], generally), (name, same[0], label)
            assert np.ptp(values) > 0 or np.ptp(generally) == 0, (name, label)


def _factors(exercise, shapes):
    trials = [Trial({}, {}, {}, number, sizes) for number, sizes in enumerate(shapes)]
    return [pair for pair in vocabulary(trials, exercise) if np.isfinite(pair[1]).all()]


@pytest.mark.parametrize("label", ["2/(N·D)", "1/(N·D)", "√(N·D)"])
def test_a_factor_is_written_with_its_brackets(label):
    shapes = [EXERCISES["linear"].sizes(shape) for shape in range(3)]
    assert label in dict(_factors(EXERCISES["linear"], shapes))
