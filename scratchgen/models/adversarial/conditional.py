"""Generators that are told what to make, and discriminators that say what they see (조건부 GAN, conditional GAN).

Four games (S0, lines 1535–1550). A class y, or a code c, is given to one player or to both, or is to be guessed by D:

| game | G gets | D gets | D says |
|---|---|---|---|
| `CGAN` | z, y | x, y | real or fake |
| `SemiSupervisedGAN` | z | x | which of K classes, or fake: K + 1 answers |
| `InfoGAN` | z, c | x | real or fake; what c may have been |
| `ACGAN` | z, y | x | real or fake; which of K classes |

All train by `scratchgen.training.play`, on [x, labels], or, where there are no labels, on [x]. What G gets stands in
one row: `generator.latent` counts z and, behind it, y as zeros and a one. The page is derivations/23-conditional.md.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from ... import backend, nn
from ... import functional as F
from ...autograd import Tensor, no_grad
from ...distributions import Categorical, Normal
from ..latent.semi_supervised import UNKNOWN
from .gan import GAN, Metrics, _probability
from .networks import DCDiscriminator, dcgan_normal
from .objectives import Objective, _raw, finite_weight

__all__ = ["ACGAN", "CGAN", "DCHeads", "InfoGAN", "MLPHeads", "SemiSupervisedGAN"]


# ---------------------------------------------------------------------------- discriminators that answer more questions
class MLPHeads(nn.Module):
    """Rows (N, inputs) → answers (N, outputs), linear in the features of the last hidden layer: an `MLPDiscriminator`
    for more than one question."""

    def __init__(self, inputs: int = 784, hidden: tuple[int, ...] = (256,), outputs: int = 11, rng: Any = None) -> None:
        rng = nn.init.generator(rng)
        self.layers = nn.ModuleList([nn.Linear(m, n, rng=rng) for m, n in itertools.pairwise((inputs, *hidden))])
        self.output = nn.Linear(hidden[-1], outputs, rng=rng)

    def features(self, x: Any) -> Tensor:
        """What the last layer sees: (N, hidden)."""
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
        return x

    def forward(self, x: Any) -> Tensor:
        return self.output(self.features(x))


class DCHeads(DCDiscriminator):
    """Images (N, C, H, W) → answers (N, outputs), linear in the features of a DCGAN's discriminator."""

    def __init__(
        self,
        channels: tuple[int, int] = (64, 128),
        shape: tuple[int, int, int] = (1, 28, 28),
        outputs: int = 11,
        norm: bool = True,
        rng: Any = None,
    ) -> None:
        rng = nn.init.generator(rng)
        super().__init__(channels, shape, norm, rng)
        self.output = nn.Linear(self.width, outputs, init=dcgan_normal, rng=rng)

    def forward(self, x: Any) -> Tensor:
        return self.output(self.features(x))


# ---------------------------------------------------------------------------------------------------- G is told a class
class _Told(nn.Module):
    """A network that is told the classes of its rows: to a row x is appended y, to an image a map for each class, all
    ones or all zeros."""

    def __init__(self, network: Any, ones: Any) -> None:
        self.network, self.ones = network, ones

    @property
    def latent(self) -> int:
        return int(self.network.latent) - self.ones.shape[1]

    @property
    def range(self) -> tuple[float, float]:
        return self.network.range

    def forward(self, x: Any) -> Tensor:
        """h(x, y).  Eq. 23.4 (derivations/23-conditional.md#eq-23-4)"""
        maps = self.ones.reshape(*self.ones.shape, *(1 for _ in x.shape[2:]))
        told = F.concatenate([x, np.broadcast_to(maps, (*self.ones.shape, *x.shape[2:]))], 1)
        try:
            return self.network(told)
        except ValueError as error:
            error.add_note(
                f"Told the class, the {type(self.network).__name__} is given {told.shape[1]} numbers (or maps) per row,"
                f" {x.shape[1]} of its own and {self.ones.shape[1]} of the class: make it for so many; a D can be told "
                "at its end instead, CGAN(told_last=True)."
            )
            raise


class _Picked(nn.Module):
    """A discriminator that is told the classes at its end: a(x, y) = f₀(x) + f_y(x), f its answers (N, 1 + classes)."""

    def __init__(self, network: Any, ones: Any) -> None:
        self.network, self.ones = network, ones

    def forward(self, x: Any) -> Tensor:
        """Eq. 23.5 (derivations/23-conditional.md#eq-23-5)"""
        answers = _check_answers("CGAN(told_last=True)", self.network(x), (len(x), 1 + self.ones.shape[1]))
        return answers[:, 0] + F.sum(self.ones * answers[:, 1:], 1)


class _Labelled(GAN):
    """A GAN whose generator is told a class."""

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        classes: int = 10,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective, **options)
        self.classes = _at_least_one(self, classes)
        _room_for_noise(self, classes)

    def ones(self, labels: Any, n: int) -> Any:
        """The classes of n rows, as zeros and a one (n, classes); raises `ValueError` where these are no labels."""
        return F.one_hot(_labels(type(self).__name__, labels, n, self.classes), self.classes, _like(self).dtype)

    def sample(self, n: int, rng: Any, labels: Any = None) -> Any:
        """n images, one of each class in `labels`, integers (n,): a raw array. Raises `ValueError` without labels."""
        return GAN(_Told(self.generator, self.ones(labels, n)), self.discriminator).sample(n, rng)


class CGAN(_Labelled):
    """Both players are told the class y. Given the classes of a minibatch, it is a `GAN`: with pairs (x, y) for data.

    Eqs. 23.1 and 23.4 (derivations/23-conditional.md#eq-23-1)

    | argument | says |
    |---|---|
    | `generator` | rows of z and y, (N, J + classes) → data |
    | `discriminator` | (x, y) → logits (N,): rows (N, d + classes), or images with one constant map more per class |
    | `told_last` | D is told y at its end instead: x → (N, 1 + classes), as `MLPHeads` and `DCHeads`, Eq. 23.5 |

    The others are those of `GAN`. M. Mirza, S. Osindero, *Conditional generative adversarial nets*, 2014
    (arXiv:1411.1784); the end: T. Miyato, M. Koyama, *cGANs with projection discriminator*, ICLR 2018
    (arXiv:1802.05637). Raises `ValueError` for missing or wrong labels.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        classes: int = 10,
        told_last: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective, classes=classes, **options)
        self.told_last = told_last

    def discriminator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """What D minimises on data x (N, …) of classes `labels` (N,), and on as many of G's images of the same."""
        x = self._several(x)
        return self.given(labels, len(x)).discriminator_loss(x, rng)

    def generator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """What G minimises: images of the classes `labels`, before a D that is told the same."""
        x = self._several(x)
        return self.given(labels, len(x)).generator_loss(x, rng)

    def given(self, labels: Any, n: int) -> GAN:
        """The game among images of these classes."""
        ones = self.ones(labels, n)
        discriminator = (_Picked if self.told_last else _Told)(self.discriminator, ones)
        game = GAN(_Told(self.generator, ones), discriminator, self.objective, penalty=self.penalty)
        game.training = self.training
        return game


# ---------------------------------------------------------------------------------------------- D says more than before
class _Asked(GAN):
    """A GAN whose discriminator is asked more than one question, and gives `outputs` answers."""

    outputs: Any

    def answers(self, x: Any) -> tuple[Tensor, Tensor]:
        """The logit of being real (N,), and all further answers (N, …): of an `InfoGAN` K logits of the categories, the
        means of the numbers, and their spreads."""
        answers = _check_answers(type(self).__name__, self.discriminator(x), (len(x), self.outputs))
        return answers[:, 0], answers[:, 1:]

    def real_or_fake(self, x: Any, fake: Any, rng: Any) -> tuple[Tensor, Metrics, Tensor, Tensor]:
        """What a GAN's D minimises, with its metrics; and the further answers to real and to made images."""
        (real_logits, of_real), (fake_logits, of_fake) = self.answers(x), self.answers(fake)
        loss = self.objective.discriminator(real_logits, fake_logits)
        if self.penalty is not None:
            loss = loss + self.penalty(_Real(self), x, fake, rng)
        shown = {"D": loss.data, "D(x)": _probability(real_logits), "D(G(z))": _probability(fake_logits)}
        return loss, shown, of_real, of_fake


class _Real(nn.Module):
    """The logit of being real alone: what a penalty looks at."""

    def __init__(self, game: _Asked) -> None:
        self.discriminator, self.answers = game.discriminator, game.answers

    def forward(self, x: Any) -> Tensor:
        return self.answers(x)[0]


class ACGAN(_Asked, _Labelled):
    """G is told the class; D is not, and has to say it, of real images and of G's. Both players want it said right.

    Eqs. 23.6 and 23.7 (derivations/23-conditional.md#eq-23-6)

    `discriminator` gives (N, 1 + classes): the logit of being real, then those of the classes (`DCHeads`, `MLPHeads`);
    `weight` is that of −ln C(y|x), in nats, in the losses of both. A. Odena, C. Olah, J. Shlens, *Conditional image
    synthesis with auxiliary classifier GANs*, ICML 2017 (arXiv:1610.09585). Raises `ValueError` for missing or wrong
    labels.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        classes: int = 10,
        weight: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective, classes=classes, **options)
        self.weight, self.outputs = finite_weight("ACGAN", weight), 1 + classes

    def discriminator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """D's: real or fake, and which class, of x (N, …) and of as many images of G's of the same classes."""
        x, generator = self._reachable(x), _Told(self.generator, self.ones(labels, len(x)))
        with no_grad():
            fake = self._alike(generator(backend.normal(rng, (len(x), generator.latent), like=x)), x)
        loss, shown, of_real, of_fake = self.real_or_fake(x, fake, rng)
        wrong_real, wrong_fake = F.cross_entropy(of_real, labels), F.cross_entropy(of_fake, labels)
        return loss + self.weight * (wrong_real + wrong_fake), {**shown, "−ln C(y|x)": wrong_real.data}

    def generator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """G's: to be taken for real, and for the class that was asked for."""
        x, generator = self._several(x), _Told(self.generator, self.ones(labels, len(x)))
        fake = self._alike(generator(backend.normal(rng, (len(x), generator.latent), like=x)), x)
        logits, guess = self.answers(fake)
        loss, wrong = self.objective.generator(logits), F.cross_entropy(guess, labels)
        return loss + self.weight * wrong, {"G": loss.data, "−ln C(y|G(z,y))": wrong.data}


SPREAD = 0.01  # the least variance with which Q guesses a continuous code: without it, c could be known ever better


class InfoGAN(_Asked):
    """G is given a code c beside z, and D has to say what it was: classes are found without labels.

    Eqs. 23.9–23.13 (derivations/23-conditional.md#eq-23-9)

    The code is one of `classes` categories, and `continuous` numbers, uniform on [−1, 1]; it stands behind z, and
    `generator.latent` counts all. `discriminator` gives (N, 1 + classes + 2 · continuous): the logit of being real, and
    Q(c|x): logits of the categories, means and spreads of the numbers. `weight` is that of the bound on the mutual
    information (상호 정보량) in the losses of both. X. Chen et al., *InfoGAN*, NIPS 2016 (arXiv:1606.03657). Raises
    `ValueError` for fewer than two categories, for fewer than 0 numbers, and for wrong labels.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        classes: int = 10,
        continuous: int = 2,
        weight: float = 1.0,
        **options: Any,
    ) -> None:
        if not (isinstance(classes, (int, np.integer)) and classes >= 2):
            raise ValueError(f"InfoGAN: classes counts the categories, at least 2 to say something, got {classes!r}")
        if not (isinstance(continuous, (int, np.integer)) and continuous >= 0):
            raise ValueError(f"InfoGAN: continuous counts the numbers in the code, at least 0, got {continuous!r}")
        super().__init__(generator, discriminator, objective, **options)
        self.classes, self.continuous, self.weight = classes, continuous, finite_weight("InfoGAN", weight)
        self.outputs = 1 + classes + 2 * continuous
        _room_for_noise(self, classes + continuous)

    @property
    def entropy(self) -> float:
        """H(c) = ln K + C ln 2, in nats, C of them numbers uniform on [−1, 1].  Eq. 23.9
        (derivations/23-conditional.md#eq-23-9)"""
        return math.log(self.classes) + self.continuous * math.log(2)

    def information(self, guess: Any, code: Any) -> Tensor:
        """L_I = E[ln Q(c|x)] + H(c) ≤ I(c; x), in nats, from D's further answers (N, …) and the codes (N, …).

        Eqs. 23.10 and 23.12 (derivations/23-conditional.md#eq-23-10). Raises `ValueError` for answers and codes of
        other widths than this game's.
        """
        k, c = self.classes, self.continuous
        if (guess.shape, code.shape) != ((len(guess), k + 2 * c), (len(guess), k + c)):
            raise ValueError(
                f"InfoGAN.information: expected answers (N, {k + 2 * c}) and codes (N, {k + c}), got {guess.shape} and "
                f"{code.shape}"
            )
        category = F.sum(code[:, :k] * F.log_softmax(guess[:, :k], 1), 1)
        mean, spread = F.split(guess[:, k:], 2, axis=1)
        numbers = F.sum(Normal(mean, F.log(SPREAD + F.softplus(spread))).log_prob(code[:, k:]), 1)
        return F.mean(category + numbers) + self.entropy

    def discriminator_loss(self, x: Any, rng: Any) -> tuple[Tensor, Metrics]:
        """D's: real or fake, and what the code of each of G's images was."""
        x = self._reachable(x)
        z = self.noise(len(x), rng, like=x)
        with no_grad():
            fake = self._alike(self.generator(z), x)
        loss, shown, _, guess = self.real_or_fake(x, fake, rng)
        return loss - self.weight * self.information(guess, self._code(z)), shown

    def generator_loss(self, x: Any, rng: Any) -> tuple[Tensor, Metrics]:
        """G's: to be taken for real, and to let its code be read."""
        x = self._several(x)
        z = self.noise(len(x), rng, like=x)
        logits, guess = self.answers(self._alike(self.generator(z), x))
        loss, told = self.objective.generator(logits), self.information(guess, self._code(z))
        return loss - self.weight * told, {"G": loss.data, "I ≥": told.data}

    def noise(self, n: int, rng: Any, like: Any, labels: Any = None, numbers: Any = None) -> Any:
        """z ∼ N(0, I) and behind it the code: a category and numbers, drawn where they are not given."""
        z = backend.normal(rng, (n, self.generator.latent - self.classes - self.continuous), like=like)
        if labels is None:
            labels = Categorical(np.zeros_like(like, shape=(n, self.classes))).sample(rng).data
        given = numbers is not None
        if not given:
            numbers = 2 * backend.uniform(rng, (n, self.continuous), like=like) - 1
        numbers, labels = _raw(numbers), _labels("InfoGAN", labels, n, self.classes)
        if getattr(numbers, "shape", None) != (n, self.continuous):
            raise ValueError(f"InfoGAN: expected numbers {(n, self.continuous)}, got {backend.described(numbers)}")
        if given and not backend.host_scalar(np.isfinite(numbers).all()):
            raise ValueError("InfoGAN: the numbers of a code are finite; in training they are from −1 to 1")
        return np.concatenate([z, F.one_hot(labels, self.classes, like.dtype), numbers.astype(like.dtype)], axis=1)

    def sample(self, n: int, rng: Any, labels: Any = None, numbers: Any = None) -> Any:
        """n images, of the categories `labels` (n,) and with the `numbers` (n, continuous) where these are given.

        Raises `ValueError` for labels and numbers of another shape, and for numbers that are not finite."""
        with no_grad(), self.generator.in_use():
            return self.generator(self.noise(n, rng, _like(self), labels, numbers)).data

    def predict(self, x: Any) -> Any:
        """The category that D would guess for each image: a raw integer array (N,). Raises `ValueError` where its
        answers are NaN."""
        with no_grad(), self.in_use():
            return _most_probable(self, self.answers(x)[1].data[:, : self.classes])

    def _code(self, z: Any) -> Any:
        return z[:, z.shape[1] - self.classes - self.continuous :]


class SemiSupervisedGAN(_Asked):
    """D says which of K classes, or fake: K + 1 answers. A classifier that learns from images without a label as well.

    Eqs. 23.14–23.18 (derivations/23-conditional.md#eq-23-14)

    `discriminator` gives K logits l (N, classes), that of "fake" being fixed at 0, so that D(x) = Z/(Z + 1) with
    Z = Σ e^l. Labels are −1 where not known. G minimises what a GAN's does, or, with `feature_matching`, the distance
    of mean features, for which `discriminator.features` is asked. T. Salimans et al., *Improved
    techniques for training GANs*, NIPS 2016 (arXiv:1606.03498); A. Odena, 2016 (arXiv:1606.01583). Raises `ValueError`
    for missing or wrong labels.

    The class of a row with a label is 1 of N terms: where few have one, they are hardly heard. Repeat them, until about
    one row in five has a label: `scratchgen.models.latent.semi_supervised.repeat_labelled(labels, 0.2)` gives the rows.
    """

    def __init__(
        self,
        generator: Any,
        discriminator: Any,
        objective: str | Objective = "non-saturating",
        *,
        classes: int = 10,
        feature_matching: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(generator, discriminator, objective, **options)
        if feature_matching and not hasattr(discriminator, "features"):
            raise ValueError(
                "SemiSupervisedGAN: feature_matching compares what D's last layer sees, discriminator.features(x), but "
                f"{type(discriminator).__name__} has none; use MLPHeads or DCHeads, or feature_matching=False"
            )
        self.classes, self.feature_matching = _at_least_one(self, classes), feature_matching
        self.outputs = classes

    @property
    def whole_minibatch(self) -> str:
        """A part of the minibatch has another mean."""
        return "compares mean features of the whole minibatch" if self.feature_matching else ""

    def answers(self, x: Any) -> tuple[Tensor, Tensor]:
        """The logit of being real, ln Z, and the logits of the classes.  Eq. 23.15
        (derivations/23-conditional.md#eq-23-15)"""
        logits = _check_answers("SemiSupervisedGAN", self.discriminator(x), (len(x), self.outputs))
        return F.logsumexp(logits, 1), logits

    def discriminator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """D's: real or fake of all x (N, …), and the class of those whose label is known; mean over all."""
        x = self._reachable(x)
        labels = _labels("SemiSupervisedGAN", labels, len(x), self.classes, UNKNOWN)
        with no_grad():
            fake = self._made(x, rng)
        loss, shown, guess, _ = self.real_or_fake(x, fake, rng)
        known = labels != UNKNOWN
        wrong = F.mean(F.where(known, F.cross_entropy(guess, np.where(known, labels, 0), "none"), 0.0))
        return loss + wrong, {**shown, "classes": wrong.data}

    def generator_loss(self, x: Any, labels: Any, rng: Any = None) -> tuple[Tensor, Metrics]:
        """G's: mean features like those of x, or to be taken for real. The labels are not used."""
        x = self._reachable(x)
        _labels("SemiSupervisedGAN", labels, len(x), self.classes, UNKNOWN)
        fake = self._made(x, rng)
        if self.feature_matching:
            with no_grad():
                wanted = F.mean(self.discriminator.features(x), 0)
            loss = F.sum(F.square(F.mean(self.discriminator.features(fake), 0) - wanted))
        else:
            loss = self.objective.generator(self.answers(fake)[0])
        return loss, {"G": loss.data}

    def predict(self, x: Any) -> Any:
        """The most probable class of each image, taken for real: a raw integer array (N,). Raises `ValueError` where
        D's answers are NaN."""
        with no_grad(), self.in_use():
            return _most_probable(self, self.answers(x)[1].data)


# --------------------------------------------------------------------------------------------------------------- checks
def _like(gan: GAN) -> Any:
    """An array of G's: its dtype and device."""
    return next(iter(gan.generator.parameters())).data


def _most_probable(gan: GAN, logits: Any) -> Any:
    """The class of each row; the largest of several that are not numbers would be the first."""
    if backend.host_scalar(np.isnan(logits).any()):
        raise ValueError(
            f"{type(gan).__name__}.predict: the answers have NaN in them: look at the images and the weights"
        )
    return logits.argmax(1)


def _at_least_one(gan: GAN, classes: int) -> int:
    if not (isinstance(classes, (int, np.integer)) and classes >= 1):
        raise ValueError(f"{type(gan).__name__}: expected at least one class, got classes={classes!r}")
    return int(classes)


def _room_for_noise(gan: GAN, given: int) -> None:
    if gan.generator.latent <= given:
        raise ValueError(
            f"{type(gan).__name__}: generator.latent counts z and the {given} numbers behind it, "
            f"so expected more than {given}, got {gan.generator.latent}"
        )


def _check_answers(who: str, answers: Tensor, shape: tuple[int, int]) -> Tensor:
    """The answers; raises `ValueError` where D gives more or fewer."""
    if answers.shape != shape:
        raise ValueError(
            f"{who}: expected {shape[1]} answers for each of {shape[0]} rows from the discriminator, got "
            f"{answers.shape}; give it outputs={shape[1]}"
        )
    return answers


def _labels(who: str, labels: Any, n: int, classes: int, lowest: int = 0) -> Any:
    """Raw labels; raises `ValueError` unless there is one for each of n rows."""
    labels = _raw(labels)
    unknown = f", or {lowest} where one is not known" if lowest < 0 else ""
    wanted = f"{who}: expected {n} labels, integers 0 … {classes - 1}{unknown}"
    if getattr(labels, "shape", None) != (n,) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{wanted}, got {backend.described(labels)}; train on [x, labels], draw with sample(n, rng, labels)"
        )
    if n and not (backend.host_scalar(labels.min()) >= lowest and backend.host_scalar(labels.max()) < classes):
        raise ValueError(f"{wanted}; these go from {labels.min()} to {labels.max()}")
    return labels
