"""GANs that know classes (조건부 GAN; S0, lines 1527–1552; claim C-COND): asked for a 3, do they draw a 3?

python -m demos.conditional                 train all on the bundled digits, about 2 minutes of one core
python -m demos.conditional --pretrained    show those that come with the demo, in seconds

The four games of the lecture's figure on the same digits. CGAN and AC-GAN are told the class; InfoGAN finds classes of
its own, and, with two numbers in its code, what else digits differ in; the semi-supervised GAN (준지도 학습) learns to
classify, from a few labels and many images without.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from scratchgen import backend, nn, no_grad, optim, plotting, training
from scratchgen import functional as F
from scratchgen.evaluation import Card, slant, thickness
from scratchgen.models.adversarial import (
    ACGAN,
    CGAN,
    DCDiscriminator,
    DCGenerator,
    DCHeads,
    InfoGAN,
    SemiSupervisedGAN,
)
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent.networks import ConvEncoder
from scratchgen.models.latent.semi_supervised import UNKNOWN, repeat_labelled

from . import weights
from .autoencoder import Judge
from .few_labels import balanced, percent_wrong
from .options import Images, Options, interval, load_images, start, tell, to

LATENT = 16  # numbers in z; beside the 64 of S0's listing the ten of the class are hardly heard at first
FEW = 4  # numbers in InfoGAN's z: with many of them D reads the category from the faintest of marks
SWEEP = np.linspace(-2, 2, 9)  # what a number in its code is set to, learned on [−1, 1]: so in InfoGAN's paper
OF_EACH = 100  # samples of each class that are judged
SHOWN = 10  # of each class in the picture
SHARE = 0.2  # of the semi-supervised GAN's rows have a label: they are repeated
ALONE = 100  # steps of the network that sees labelled images alone
RECIPE = ("channels", "epochs", "batch_size", "lr", "seed")
ATTRIBUTES = {"slant": slant, "thickness": thickness}
OURS = "the classifier is our own: compare with no other's numbers"


@dataclass
class Config(Options):
    """Trains two CGANs, an AC-GAN, an InfoGAN and semi-supervised GANs; a classifier reads what they draw."""

    epochs: Annotated[int | None, "passes over the data (default: 8 bundled, 2 with the complete MNIST)"] = None
    batch_size: Annotated[int, "images per step"] = 50
    lr: Annotated[float, "Adam's learning rate, for both players"] = 2e-3
    channels: Annotated[int, "of both players at half the size; twice as many at a quarter"] = 8
    labels: Annotated[int, "how many images the semi-supervised GAN has with their label"] = 100
    draws: Annotated[int, "of these images, at least 2"] = 3
    pretrained: Annotated[bool, "show the games that come with the demo; train the classifier alone"] = False
    export: Annotated[Path | None, "write the weights of the games to this folder, with their recipes"] = None

    NAME: ClassVar[str] = "conditional"
    QUICK: ClassVar[dict[str, Any]] = {"epochs": 2, "channels": 4, "draws": 2}


# ------------------------------------------------------------------------------------------------------------- training
LATER = ("draws", "export", "groups", "labels", "pretrained", "size")  # options of what comes after a training


def play(
    config: Any, name: str, game: Any, arrays: tuple[np.ndarray, ...], epochs: int, slower: float = 1.0, **facts: Any
) -> training.Run:
    """The game as its last turn leaves it, D learning at a rate that is by the factor `slower` that of G; `facts`,
    beside the options, define the run."""
    game.to(config.device)
    rates = {game.discriminator: slower * config.lr, game.generator: config.lr}
    players = (optim.Adam(player.parameters(), rate, betas=(0.5, 0.999)) for player, rate in rates.items())
    path = config.folder() / file_of(name)
    run = training.train(
        training.Run(game, training.Players(*players), np.random.default_rng(config.seed)),
        game,
        to(config.device, *arrays),
        epochs=epochs,
        batch_size=config.batch_size,
        checkpoint=path,
        config={k: v for k, v in config.identity(model=name).items() if k not in LATER} | facts,
        resume=config.resumes(path),
        step=training.play,
        title=name,
    )
    game.eval()
    return run


def file_of(name: str) -> str:
    """Of a game's checkpoint, and of its weights."""
    return f"{name.lower().replace(',', '').replace(' ', '-')}.npz"


Facts = dict[str, Any]  # what it took to make a game's weights: "recipe", "data", "best epoch"


def facts_of(config: Any, run: training.Run, recipe: tuple[str, ...], data: str) -> Facts:
    """With the epochs that the game was trained for, whatever was asked for when it was resumed."""
    made = {name: value for name, value in asdict(config).items() if name in recipe} | {"epochs": run.epoch}
    return {"recipe": made, "data": data, "best epoch": run.epoch}


def export(path: Path, config: Any, run: training.Run, facts: Facts) -> None:
    """Write a game's weights as they are in the end: of the two losses of a game neither says which epoch was best."""
    run.best = run.model.state_dict()
    weights.export(path, config.NAME, run, facts)


def pretrained(config: Any, name: str, build: Callable[[dict[str, Any]], Any]) -> tuple[Any, Facts]:
    """The game with the weights that come with the demo, built by their recipe; and what it took to make them."""
    state, facts = weights.load(weights.shipped(name), config.NAME)
    game = build(facts["recipe"])
    game.load_state_dict(state)
    return game.to(config.device).eval(), facts


def card(config: Any, images: Images, *facts: Facts, z: str, objective: str, samples: str, slower: float = 1.0) -> Card:
    """The protocol of what is told of games, by the facts of their weights, learned just now or long ago; `config` and
    `images` are those of the measurement."""
    recipe = facts[0]["recipe"]
    rates = f"{slower * recipe['lr']:g} of D, {recipe['lr']:g} of G" if slower != 1 else f"{recipe['lr']:g} for both"
    epochs = dict.fromkeys(str(f["recipe"]["epochs"]) for f in facts)
    return Card(
        data=f"trained on {facts[0]['data']}; measured against {images.name}; grey",
        radius="-",
        std="-",
        z=z,
        objective=objective,
        optimizers=f"Adam, β₁ 0.5, lr {rates}",
        steps=f"{', '.join(epochs)} epochs of D's; of D's for each of G's {recipe.get('steps', 1)}",
        batch=recipe["batch_size"],
        samples=samples,
        seeds=f"{recipe['seed']} of the training, {config.seed} of the measurement",
    )


class ConvClassifier(MLPClassifier):
    """p(y|x) by two convolutions and a hundred hidden units, the features in which a `Judge` measures distances."""

    def __init__(self, channels: tuple[int, int] = (8, 16), rng: Any = None) -> None:
        convolutions = ConvEncoder((1, 28, 28), channels, rng)
        self.hidden = nn.Sequential(convolutions, convolutions.head(100, rng))
        self.output = nn.Linear(100, 10, rng=rng)


def learn_judge(config: Any, images: Images) -> Judge:
    """The classifier that reads what is made; it has the weights of its best epoch on the validation images."""
    model = ConvClassifier(rng=np.random.default_rng(config.seed)).to(config.device)
    path = config.folder() / "judge.npz"
    most = 3 if images.complete else 6
    run = training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=2e-3), np.random.default_rng(config.seed)),
        model.loss,
        to(config.device, *images.train),
        validation=to(config.device, *images.validation),
        epochs=min(config.epochs or most, most),
        batch_size=50,
        workers=config.workers,
        checkpoint=path,
        config={"seed": config.seed, "model": "judge", "data": images.name},
        resume=config.resumes(path),
        title="judge",
    )
    model.load_state_dict(run.best)
    judge = Judge(model, images.train[0][:5000], config.device)
    x, labels = images.test
    right, half = interval(100.0 * (judge.reads(x)[0] == labels))
    print(f"judge: a convolutional classifier, right about {right:.1f} ± {half:.1f} % of {len(x):,} test digits")
    return judge


def square(x: np.ndarray) -> np.ndarray:
    """Rows in [0, 1] as images (N, 1, 28, 28) in [−1, 1]."""
    return 2 * x.reshape(-1, 1, 28, 28) - 1


def pixels(samples: Any) -> np.ndarray:
    """Images from [−1, 1] as rows in [0, 1], on the host."""
    return (backend.to_host(samples).reshape(len(samples), -1) + 1) / 2


# ------------------------------------------------------------------------------------------------------- told the class
def generator(channels: int, z: int = LATENT, rng: Any = None) -> DCGenerator:
    """Noise of z numbers and a class behind it → images."""
    return DCGenerator(z + 10, (channels, 2 * channels), rng=rng)


def heads(channels: int, outputs: int = 1 + 10, rng: Any = None) -> DCHeads:
    """Images → `outputs` answers."""
    return DCHeads((channels, 2 * channels), outputs=outputs, rng=rng)


def told_first(channels: int, rng: Any = None) -> CGAN:
    """The CGAN whose D is told the class at its input."""
    return CGAN(generator(channels, rng=rng), DCDiscriminator((channels, 2 * channels), (1 + 10, 28, 28), rng=rng))


def told_last(channels: int, rng: Any = None) -> CGAN:
    """The CGAN whose D is told the class at its end."""
    return CGAN(generator(channels, rng=rng), heads(channels, rng=rng), told_last=True)


def ac_gan(channels: int, rng: Any = None) -> ACGAN:
    """The AC-GAN, whose D names the class."""
    return ACGAN(generator(channels, rng=rng), heads(channels, rng=rng))


def obtain(
    config: Config, name: str, build: Callable[..., Any], arrays: tuple[np.ndarray, ...], epochs: int, data: str,
    rng: Any, slower: float = 1.0, **more: Any,
) -> tuple[Any, Facts]:  # fmt: skip
    """The game `build(channels, rng)`, trained, or with the weights that come with the demo; and how these came. `more`
    options are of this game's recipe alone."""
    if config.pretrained:
        return pretrained(config, Path(file_of(name)).stem, lambda recipe: build(recipe["channels"]))
    run = play(config, name, build(config.channels, rng), arrays, epochs, slower, data=data, **more)
    facts = facts_of(config, run, (*RECIPE, *more), data)
    if config.export:
        export(config.export / file_of(name), config, run, facts)
    return run.model, facts


TOLD = {"CGAN": told_first, "CGAN, told last": told_last, "AC-GAN": ac_gan}


def told_the_class(config: Config, epochs: int, images: Images) -> tuple[dict[str, Any], list[Facts]]:
    """Two CGANs and an AC-GAN; and the facts of each."""
    x, labels = images.train
    rng = np.random.default_rng(config.seed)
    arrays = square(x), labels
    ready = {name: obtain(config, name, build, arrays, epochs, images.name, rng) for name, build in TOLD.items()}
    return {name: game for name, (game, _) in ready.items()}, [facts for _, facts in ready.values()]


def tell_classes(
    config: Config, games: dict[str, Any], facts: list[Facts], images: Images, judge: Judge
) -> dict[str, np.ndarray]:
    """The share of samples that are of the class asked for, and what else there is to know; a picture of each game."""
    x, labels = images.train
    asked = np.repeat(np.arange(10), OF_EACH)
    shown = {"training digits": np.concatenate([x[labels == k][:SHOWN] for k in range(10)])}
    print(f"\n{'':18}{'of the class asked for':>24}{'worst class':>14}{'variance in a class':>24}{'Fréchet d²':>13}")
    for name, game in games.items():
        samples = pixels(game.sample(len(asked), np.random.default_rng(config.seed), *to(config.device, asked)))
        hits = judge.reads(samples)[0] == asked
        by_class = [100 * hits[asked == k].mean() for k in range(10)]
        right, half = interval(100.0 * hits)
        worst, varied = int(np.argmin(by_class)), 100 * spread(samples, asked) / spread(x, labels)
        print(
            f"{name:18}{f'{right:.1f} ± {half:.1f} %':>24}{f'{worst}: {by_class[worst]:.0f} %':>14}"
            f"{f'{varied:.0f} % of the real':>24}{judge.distance(samples):>13.1f}",
            flush=True,
        )
        shown[f"{name}: {right:.1f} %"] = first_of_each(samples)
    n, terms = facts[0]["recipe"]["channels"], "; AC-GAN: and −ln C(y|x), of both" * ("AC-GAN" in games)
    print(
        card(
            config,
            images,
            *facts,
            z=f"{LATENT} dimensions, N(0, I), and the class",
            objective=f"non-saturating{terms}; {n} and {2 * n} channels",
            samples=f"{OF_EACH} of each class, ± 95 % over samples; {OURS}",
        ),
        flush=True,
    )
    return shown


def spread(x: np.ndarray, labels: np.ndarray) -> float:
    """Var of the pixels within a class, summed over pixels, averaged over classes: 0 where each class has one image."""
    return float(np.mean([x[labels == k].var(0).sum() for k in range(10) if (labels == k).any()]))


def first_of_each(samples: np.ndarray) -> np.ndarray:
    """The first few images of each class."""
    return samples.reshape(10, OF_EACH, -1)[:, :SHOWN].reshape(10 * SHOWN, -1)


# ------------------------------------------------------------------------------------------------------ found by itself
class Code(NamedTuple):
    """An InfoGAN: what its G is given, and how it is trained."""

    name: str
    z: int
    numbers: int  # beside the category
    weight: float  # of the bound on I(c; x)
    slower: float  # D's learning rate, of G's


CATEGORIES = Code("InfoGAN", FEW, numbers=0, weight=1.0, slower=0.25)
WITH_NUMBERS = Code("InfoGAN, numbers", LATENT, numbers=2, weight=0.1, slower=0.5)  # as CATEGORIES it draws no digit


def info_gan(config: Config, code: Code, epochs: int, images: Images) -> tuple[InfoGAN, Facts]:
    def build(channels: int, rng: Any = None) -> InfoGAN:
        players = generator(channels, code.z + code.numbers, rng), heads(channels, 1 + 10 + 2 * code.numbers, rng)
        return InfoGAN(*players, continuous=code.numbers, weight=code.weight)

    arrays, rng = (square(images.train[0]),), np.random.default_rng(config.seed)
    return obtain(config, code.name, build, arrays, epochs, images.name, rng, code.slower)


def info_card(config: Config, images: Images, code: Code, facts: Facts, samples: str) -> Card:
    n, numbers = facts["recipe"]["channels"], f" and {code.numbers} numbers on [−1, 1]" * bool(code.numbers)
    return card(
        config,
        images,
        facts,
        z=f"{code.z} dimensions, N(0, I), and one of ten categories{numbers}",
        objective=f"non-saturating, and the bound on I(c; x), weight {code.weight:g}; {n} and {2 * n} channels",
        samples=f"{OF_EACH} of each category; {samples}",
        slower=code.slower,
    )


def found(config: Config, epochs: int, images: Images, judge: Judge) -> np.ndarray:
    """InfoGAN: which digits are its categories? A picture, a row for each category."""
    game, facts = info_gan(config, CATEGORIES, epochs, images)
    category = np.repeat(np.arange(10), OF_EACH)
    samples = pixels(game.sample(len(category), np.random.default_rng(config.seed), *to(config.device, category)))
    read = judge.reads(samples)[0]
    counts = np.array([np.bincount(read[category == k], minlength=10) for k in range(10)])
    names = counts.argmax(1)
    test, labels = images.test
    guessed = names[backend.to_host(game.predict(*to(config.device, square(test))))]
    told = ", ".join(f"{k}: {name} ({100 * counts[k, name] / OF_EACH:.0f} %)" for k, name in enumerate(names))
    print(
        f"\nInfoGAN, without a label. Its categories, each with the digit that the judge reads most often:\n  {told}\n"
        f"  {100 * counts.max(1).sum() / len(read):.1f} % of the samples are what their category mostly is; "
        f"{len(set(names))} digits have a category; "
        f"{100 * (guessed == labels).mean():.1f} % of\n  {len(test):,} test digits are what the category is mostly "
        "that D guesses for them (always the same guess: 10 %)"
    )
    print(info_card(config, images, CATEGORIES, facts, OURS), flush=True)
    return first_of_each(samples)


def correlation(a: np.ndarray, b: np.ndarray, groups: np.ndarray) -> tuple[float, float, float]:
    """r of a and b (N,), each less its mean in a group, and its 95 % interval: Fisher's, tanh⁻¹ r being normal."""
    members = groups == np.unique(groups)[:, None]
    a, b = (v - (members * v).sum(1) / members.sum(1) @ members for v in (a, b))
    r = float(a @ b / np.sqrt((a @ a) * (b @ b)))
    half = 1.96 / np.sqrt(len(groups) - len(members) - 2)
    return r, float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))


def found_numbers(config: Config, epochs: int, images: Images) -> dict[str, np.ndarray]:
    """InfoGAN with numbers in its code: what do they move? A picture of each, a row for each category."""
    game, facts = info_gan(config, WITH_NUMBERS, epochs, images)
    count, rng = WITH_NUMBERS.numbers, np.random.default_rng(config.seed)
    category = np.repeat(np.arange(10), OF_EACH)
    numbers = rng.uniform(-1, 1, (len(category), count)).astype(np.float32)
    samples = pixels(game.sample(len(category), rng, *to(config.device, category, numbers)))
    x, labels = images.test
    with no_grad():
        guessed = backend.to_host(game.answers(*to(config.device, square(x)))[1].data)[:, 10 : 10 + count]
    asked = {"of samples": (numbers, samples, category), "of test digits, as D guesses it": (guessed, x, labels)}
    print(
        f"\nInfoGAN, with {count} numbers beside the category: their correlation with what can be measured, within a\n"
        "  category (of test digits within a class), and its 95 % interval"
    )
    for name, (codes, made, groups) in asked.items():
        for attribute, measure in ATTRIBUTES.items():
            cells = ("{:+.2f} ({:+.2f} … {:+.2f})".format(*correlation(c, measure(made), groups)) for c in codes.T)
            told = ", ".join(f"number {j} {cell}" for j, cell in enumerate(cells, 1))
            print(f"  {f'{attribute} {name}':42}{told}")
    print(info_card(config, images, WITH_NUMBERS, facts, "intervals over samples"), flush=True)
    pictures = {}
    for j in range(count):
        columns = []
        for value in SWEEP:
            numbers = np.zeros((10, count), np.float32)
            numbers[:, j] = value
            here = to(config.device, np.arange(10), numbers)
            columns.append(pixels(game.sample(10, np.random.default_rng(config.seed), *here)))  # with the same z's
        pictures[f"number {j + 1} from −2 to 2, a row for each category"] = np.stack(columns, 1).reshape(-1, 784)
    return pictures


# ------------------------------------------------------------------------------------------------------ from few labels
def semi_supervised(channels: int, rng: Any = None, first: Any = None) -> SemiSupervisedGAN:
    """Its D begins as the network of the same seed `first` that sees labelled images alone."""
    noise = DCGenerator(LATENT, (channels, 2 * channels), rng=rng)
    return SemiSupervisedGAN(noise, heads(channels, 10, np.random.default_rng(first)))


def few_known(images: Images, count: int, rng: Any) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Which images have their label, and the rows of a training: all images, those with a label repeated."""
    x, labels = square(images.train[0]), images.train[1]
    given = balanced(labels, count, rng)
    seen = np.full(len(labels), UNKNOWN)
    seen[given] = labels[given]
    rows = repeat_labelled(seen, SHARE)
    return given, (x[rows], seen[rows])


def from_few_labels(config: Config, epochs: int, images: Images) -> tuple[dict[str, list[float]], list[Facts]]:
    """Wrong answers on test digits in %, for each draw: of the same network that sees the labelled images alone, unless
    the games come with the demo, and of the semi-supervised GAN; and the facts of each of these."""
    (test,) = to(config.device, square(images.test[0]))
    alone: list[float] = []
    together: list[float] = []
    facts = []
    for draw in range(config.draws):
        seed = [config.seed, draw]
        rng, build = np.random.default_rng(seed), partial(semi_supervised, first=seed)
        arrays: tuple[np.ndarray, ...] = ()
        if not config.pretrained:
            given, arrays = few_known(images, config.labels, rng)
            network = heads(config.channels, 10, np.random.default_rng(seed))
            fit(config, network, square(images.train[0][given]), images.train[1][given])
            with no_grad():
                alone.append(percent_wrong(network(test).numpy().argmax(1), images.test[1]))
        game, told = obtain(config, f"SGAN {draw}", build, arrays, epochs, images.name, rng, labels=config.labels)
        facts.append(told)
        together.append(percent_wrong(backend.to_host(game.predict(test)), images.test[1]))
    wrong = {"labelled images alone": alone, "semi-supervised GAN": together}
    return {name: values for name, values in wrong.items() if values}, facts


def saved(wrong: dict[str, list[float]]) -> str:
    """By how much fewer answers are wrong, draw by draw: a difference of shares, so in points and not in %."""
    alone, game = wrong.values()
    gain, half = interval([a - b for a, b in zip(alone, game)])
    return f"{gain:.1f} ± {half:.1f} percentage points of wrong answers"


def fit(config: Config, model: DCHeads, x: np.ndarray, labels: np.ndarray) -> None:
    """Minimise the cross-entropy of a few images, all of them at each step."""
    model.to(config.device)
    x, labels = to(config.device, x, labels)
    optimizer = optim.Adam(model.parameters())
    for _ in range(ALONE):
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()
    model.eval()


# ----------------------------------------------------------------------------------------------------------------- main
def main(config: Config) -> None:
    """Train all, tell, draw."""
    if config.draws < 2:
        raise SystemExit("demos.conditional: an interval needs --draws 2 or more")
    if config.labels % 10:
        raise SystemExit(f"demos.conditional: --labels is a multiple of 10, as many of each class, got {config.labels}")
    if config.export and config.export.is_file():
        raise SystemExit(f"demos.conditional: --export takes a folder, a file for each game; {config.export} is a file")
    if config.pretrained and not weights.shipped(f"sgan-{config.draws - 1}").exists():
        raise SystemExit(
            f"demos.conditional: fewer than --draws {config.draws} semi-supervised games come with the demo"
        )
    images = load_images(config)
    fewest = int(np.bincount(images.train[1], minlength=10).min())
    if config.labels > 10 * fewest and not config.pretrained:
        raise SystemExit(
            f"demos.conditional: --labels {config.labels} wants {config.labels // 10:,} images of each class; of one "
            f"there are {fewest:,}"
        )
    print("claim C-COND: CGAN and AC-GAN control the class of what they draw")
    judge = learn_judge(config, images)
    folder, protocol = config.folder(), f"{OF_EACH} samples of each class, read by the judge; seed {config.seed}"
    epochs = config.epochs or (2 if images.complete else 8)
    games, of_each = told_the_class(config, epochs, images)
    made = of_each[0]["recipe"]
    recipe = (
        f"{made['epochs']} epochs of {of_each[0]['data']},\n"
        f"minibatches of {made['batch_size']}, Adam {made['lr']:g} (β₁ = ½), non-saturating; "
        f"{made['channels']} and {2 * made['channels']} channels"
    )
    shown = tell_classes(config, games, of_each, images, judge)
    shown["InfoGAN: a row for each category"] = found(config, epochs, images, judge)
    numbers = found_numbers(config, epochs, images)
    classes = plotting.comparison(shown, SHOWN, f"{protocol}; {recipe}, z of {LATENT}")
    sweeps = plotting.comparison(numbers, len(SWEEP), f"InfoGAN, seed {made['seed']}; {recipe}, z of {WITH_NUMBERS.z}")
    tell(plotting.save(classes, folder / "samples.png"), plotting.save(sweeps, folder / "numbers.png"))
    told = ", ".join(name for name in shown if name.endswith("%"))
    wrong, of_each = from_few_labels(config, epochs, images)
    given = of_each[0]["recipe"]["labels"]
    test, summary = f"{len(images.test[0]):,} test digits", f"{given} labels, {config.draws} draws of them"
    alone = f"; alone: cross-entropy, {ALONE} steps with all labelled ones" * (len(wrong) > 1)
    print()
    for name, values in wrong.items():
        mean, half = interval(values)
        print(f"{name:26}{mean:6.1f} ± {half:.1f} % of {test} wrong; {summary}")
    print(
        card(
            config,
            images,
            *of_each,
            z=f"{LATENT} dimensions, N(0, I)",
            objective=f"K + 1 answers, non-saturating{alone}",
            samples=f"{test}, ± 95 % over draws of the labels",
        )
    )
    if config.pretrained:
        print(f"C-COND: of the class asked for are {told}")
        return
    bars = plotting.bars(
        {name: interval(values)[0] for name, values in wrong.items()},
        "wrong answers (%, ± 95 %)",
        f"{summary}, among {len(images.train[0]):,} images; seed {config.seed}",
        {name: interval(values)[1] for name, values in wrong.items()},
    )
    tell(plotting.save(bars, folder / "few_labels.png"))
    print(f"C-COND: of the class asked for are {told}; unlabelled images save {saved(wrong)}")


if __name__ == "__main__":
    start(Config, main)
