"""Throw the decoder away, keep the encoder, and classify with few labels (S1, line 227; S3, lines 73–74; S4, lines
204–207; claim C-FEW).

python -m demos.few_labels                    bundled digits, 3 draws of the labels
python -m demos.few_labels --data FOLDER      the complete MNIST, 10 draws: the numbers of the README

A few images come with their class, all others without. What is a code worth that was learned from the others? The same
classifiers get pixels, principal components, and the codes of three encoders of one architecture: an untrained one, an
autoencoder's and a VAE's. Beside them stand networks that see the labelled images alone, and two that learn from both
at once: Kingma's M2, on pixels, and M1+M2, on the VAE's codes.

The settings were chosen on the bundled digits, whose 1,000 test images come from MNIST's 10,000. With the complete
MNIST these are left out: the 9,000 that are tested had no say in any setting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy.sparse

from scratchgen import functional as F
from scratchgen import nn, no_grad, optim, plotting, training
from scratchgen.data import binarize, digits
from scratchgen.models.classifier import MLPClassifier
from scratchgen.models.latent import VAE, Autoencoder
from scratchgen.models.latent.autoencoder import pca
from scratchgen.models.latent.networks import ConvEncoder
from scratchgen.models.latent.semi_supervised import M2, UNKNOWN, codes, loss_on_codes, repeat_labelled

from .options import Images, Options, interval, load_images, start, tell, to

SHAPE = (1, 28, 28)
PUBLISHED = "CNN 22.98, M1+TSVM 11.82, M2 11.97, M1+M2 3.33 († Kingma 2014: 50,000 images, thousands of epochs)"


@dataclass
class Config(Options):
    """Learns codes without labels; then classifies with few labels, from codes, from pixels and from scratch."""

    epochs: Annotated[int | None, "passes of autoencoder and VAE (default: 8 bundled, 6 complete)"] = None
    batch_size: Annotated[int, "images per step"] = 128
    lr: Annotated[float, "Adam's learning rate, of everything that is trained"] = 2e-3
    channels: Annotated[int, "of the encoder's first convolution; the second has twice as many"] = 16
    latent: Annotated[int, "numbers in a code"] = 50
    images: Annotated[int, "training images at most, with and without label"] = 20_000
    draws: Annotated[int | None, "of the labelled images, at least 2 (default: 3 bundled, 10 complete)"] = None
    vae_seed: Annotated[int | None, "seed of autoencoder and VAE, while the labels stay (default: --seed)"] = None
    steps: Annotated[int, "of the networks that see labelled images alone"] = 300
    m2_epochs: Annotated[int, "passes of M2 on pixels, 0 leaves it out"] = 10
    m1m2_epochs: Annotated[int, "passes of M1+M2, 0 leaves it out"] = 60

    NAME: ClassVar[str] = "few_labels"
    QUICK: ClassVar[dict[str, Any]] = {
        "epochs": 2,
        "channels": 8,
        "draws": 2,
        "steps": 100,
        "m2_epochs": 1,
        "m1m2_epochs": 2,
    }


# ---------------------------------------------------------------------------------------------- learned without labels
LATER = ("draws", "steps", "m2_epochs", "m1m2_epochs")  # options of what comes after these two models: they are kept


def learn(config: Config, images: Images, x: np.ndarray, model: Any, loss: Any, name: str) -> None:
    """Train an autoencoder or a VAE; it ends with the weights of its last epoch."""
    path = config.folder() / f"{name}.npz"
    training.train(
        training.Run(model, optim.Adam(model.parameters(), lr=config.lr), np.random.default_rng(config.seed)),
        loss,
        to(config.device, x),
        epochs=config.epochs or (6 if images.complete else 8),
        batch_size=config.batch_size,
        workers=config.workers,
        checkpoint=path,
        config={k: v for k, v in config.identity(model=name, data=images.name).items() if k not in LATER},
        resume=config.resumes(path),
        title=name,
    )
    model.eval()


def features(config: Config, images: Images, x: np.ndarray) -> tuple[dict[str, Callable[[Any], Any]], VAE]:
    """For each kind of feature a function images (N, 784) → rows (N, …), a raw array; and the VAE."""
    sizes = (config.channels, 2 * config.channels)

    def vae() -> VAE:
        rng = np.random.default_rng(config.seed)
        return VAE(784, sizes, config.latent, shape=SHAPE, rng=rng).to(config.device)

    untrained, trained = vae(), vae()
    autoencoder = Autoencoder(784, sizes, config.latent, shape=SHAPE, rng=np.random.default_rng(config.seed))
    autoencoder.to(config.device)
    learn(config, images, x, autoencoder, autoencoder.loss, "autoencoder")
    learn(config, images, x, trained, lambda x, rng: trained.loss(binarize(x, "dynamic", rng), rng), "vae")

    def host(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def rows(x: np.ndarray) -> np.ndarray:
            with no_grad():
                parts = [x[i : i + 1000] for i in range(0, len(x), 1000)]
                return np.concatenate([encode(*to(config.device, part)).numpy() for part in parts])

        return rows

    kinds = {
        "pixels": lambda x: x,
        "PCA": pca(x, config.latent).encode,
        "random encoder": host(lambda x: untrained.encode(x).mean),
        "autoencoder": host(autoencoder.encode),
        "VAE": host(lambda x: trained.encode(x).mean),
    }
    return kinds, trained


# --------------------------------------------------------------------------------------- classifiers on fixed features
L2 = 1e-3


def logistic(rows: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Multinomial logistic regression (로지스틱 회귀): the softmax of a linear layer, with the penalty L2 Σw²."""
    mean, scale = rows.mean(0), rows.std(0).mean()

    def standardized(rows: np.ndarray) -> np.ndarray:
        return ((rows - mean) / scale).astype(np.float32)

    layer = nn.Linear(rows.shape[1], 10, rng=np.random.default_rng(0))
    optimizer = optim.Adam(layer.parameters(), lr=0.1)
    x = standardized(rows)
    for _ in range(150):  # over all labelled images at once
        optimizer.zero_grad()
        (F.cross_entropy(layer(x), labels) + L2 * F.sum(F.square(layer.weight))).backward()
        optimizer.step()
    with no_grad():
        weight, bias = layer.weight.numpy(), layer.bias.numpy()
    return lambda rows: (standardized(rows) @ weight.T + bias).argmax(1)


NEIGHBOURS, ALPHA = 10, 0.99


def nearest(queries: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k nearest rows of each query: their numbers and squared distances, both (N, k), in no particular order."""
    squares = (rows**2).sum(1)
    found = []
    for first in range(0, len(queries), 500):
        part = queries[first : first + 500]
        d = (part**2).sum(1)[:, None] - 2 * part @ rows.T + squares
        near = np.argpartition(d, k - 1, 1)[:, :k]
        found.append((near, np.maximum(np.take_along_axis(d, near, 1), 0)))
    numbers, distances = zip(*found)
    return np.concatenate(numbers), np.concatenate(distances)


def neighbour_graph(rows: np.ndarray, k: int = NEIGHBOURS) -> Any:
    """S = D^(−½) W D^(−½): W joins each row with its k nearest, Wᵢⱼ = e^(−d²ᵢⱼ/m), m the median of all d².

    Eq. 31.11 (derivations/31-semi-supervised.md#eq-31-11). A sparse matrix (N, N); D are the sums of W's rows.
    """
    n = len(rows)
    near, d = nearest(rows, rows, k + 1)
    weights = np.where(near == np.arange(n)[:, None], 0, np.exp(-d / np.median(d)))  # none with itself
    one_way = scipy.sparse.csr_matrix((weights.ravel(), (np.repeat(np.arange(n), k + 1), near.ravel())), (n, n))
    joined = one_way.maximum(one_way.T)
    root = scipy.sparse.diags_array(np.asarray(joined.sum(1)).ravel() ** -0.5)
    return (root @ joined @ root).tocsr()


def spread(graph: Any, given: np.ndarray, labels: np.ndarray, steps: int = 60) -> np.ndarray:
    """Labels flow along the graph: F ← αSF + (1 − α)Y, from the rows `given` to all: (N, 10).

    Eq. 31.11 (derivations/31-semi-supervised.md#eq-31-11). D. Zhou et al., *Learning with Local and Global
    Consistency*, NIPS 2003.
    """
    known = np.zeros((graph.shape[0], 10))
    known[given, labels] = 1
    scores = known
    for _ in range(steps):
        scores = ALPHA * (graph @ scores) + (1 - ALPHA) * known
    return scores


def spread_to(graph: Any, given: np.ndarray, labels: np.ndarray, near: np.ndarray, d: np.ndarray) -> np.ndarray:
    """The class of images that are not in the graph: that of their nearest in it, on the average."""
    scores = spread(graph, given, labels)
    shares = scores / np.maximum(scores.sum(1, keepdims=True), 1e-30)
    return (np.exp(-d / np.median(d))[:, :, None] * shares[near]).sum(1).argmax(1)


# --------------------------------------------------------------------------------------------- networks with labels
class CNN(nn.Module):
    """A convolutional encoder's features, and one layer more: the logits of the classes."""

    def __init__(self, network: ConvEncoder, rng: Any) -> None:
        self.network = network
        self.output = network.head(10, rng)

    def forward(self, x: Any) -> Any:
        return self.output(self.network(x))


def fit(config: Config, model: Any, x: np.ndarray, labels: np.ndarray, rng: Any) -> Any:
    """Minimise the cross-entropy of the labelled images, 50 at a time."""
    model.to(config.device)
    x, labels = to(config.device, x, labels)
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    for _ in range(config.steps):
        (rows,) = to(config.device, rng.choice(len(x), min(50, len(x)), replace=False))
        optimizer.zero_grad()
        F.cross_entropy(model(x[rows]), labels[rows]).backward()
        optimizer.step()
    return model


def answers(config: Config, model: Any, x: np.ndarray) -> np.ndarray:
    """The most probable class of each image."""
    with no_grad():
        parts = [model(*to(config.device, x[i : i + 1000])).numpy().argmax(1) for i in range(0, len(x), 1000)]
    return np.concatenate(parts)


def network(config: Config, kind: str, vae: VAE, rng: Any) -> Any:
    """A network to be trained with labels: "fine-tuned" starts as the VAE's encoder, the others from scratch."""
    if kind == "MLP from scratch":
        return MLPClassifier(784, 400, rng=rng)
    encoder = ConvEncoder(SHAPE, (config.channels, 2 * config.channels), rng)
    if kind == "fine-tuned VAE encoder":
        encoder.load_state_dict(vae.encoder.network.state_dict())
    return CNN(encoder, rng)


NETWORKS = ("fine-tuned VAE encoder", "MLP from scratch", "CNN from scratch")


# ---------------------------------------------------------------------------------------- networks with few labels, too
WEIGHT = {"M2": 30.0, "M1+M2": 10.0}  # α of Eq. 31.8, in nats: with 1 the classifier hardly hears the labels
SHARE, M2_LR = 0.2, 5e-3


def semi_supervised(
    config: Config, name: str, seen: tuple[Any, ...], labels: np.ndarray, given: np.ndarray, epochs: int, rng: Any
) -> M2:
    """M2 on bits, `seen` the grey images that they are drawn from; or M1+M2, an M2 on the VAE's codes, `seen` their
    means and ln σ²."""
    known = np.full(len(labels), UNKNOWN)
    known[given] = labels[given]
    if name == "M2":
        model = M2(784, 200, 50, alpha=WEIGHT[name], rng=rng)
        loss = on_bits(model)
    else:
        model = M2(config.latent, 200, 20, decoder="normal", alpha=WEIGHT[name], rng=rng)
        loss = loss_on_codes(model)
    rows = repeat_labelled(known, SHARE)
    run = training.Run(model.to(config.device), optim.Adam(model.parameters(), lr=M2_LR), rng)
    data = to(config.device, *(array[rows] for array in (*seen, known)))
    training.train(run, loss, data, epochs=epochs, batch_size=100, workers=config.workers, title=name)
    return model


def on_bits(model: M2) -> Any:
    """The loss of M2 where pixels are drawn anew each time, b ~ Bernoulli(grey)."""
    return lambda x, labels, rng: model.loss(binarize(x, "dynamic", rng), labels, rng)


# ------------------------------------------------------------------------------------------------------------ all of it
def balanced(labels: np.ndarray, n: int, rng: Any) -> np.ndarray:
    """n row numbers, as many of each of the ten classes, drawn without replacement."""
    return np.concatenate([rng.choice(np.flatnonzero(labels == c), n // 10, replace=False) for c in range(10)])


def but_the_bundled(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The images, with their labels, that are not among the bundled test digits."""
    bundled = {image.tobytes() for image in digits("test").flat()}
    kept = np.array([image.tobytes() not in bundled for image in x])
    return x[kept], labels[kept]


def percent_wrong(predicted: np.ndarray, truth: np.ndarray) -> float:
    """The share of wrong answers in %."""
    return 100 * float((predicted != truth).mean())


def errors(config: Config, images: Images, sizes: list[int], draws: int) -> dict[str, dict[int, list[float]]]:
    """The share of wrong test answers in %, for each method, each number of labels, and each draw of them."""
    (x, labels), (test, truth) = images.train, images.test
    kinds, vae = features(replace(config, seed=config.seed if config.vae_seed is None else config.vae_seed), images, x)
    rows = {name: (encode(x), encode(test)) for name, encode in kinds.items()}
    graphs = {name: (neighbour_graph(here), *nearest(there, here, NEIGHBOURS)) for name, (here, there) in rows.items()}
    moments = codes(vae, *to(config.device, x))
    half_taught = {
        "M2": (config.m2_epochs, (x,), test),
        "M1+M2": (config.m1m2_epochs, moments, rows["VAE"][1]),
    }
    found: dict[str, dict[int, list[float]]] = {}

    def note(method: str, n: int, predicted: np.ndarray) -> None:
        found.setdefault(method, {}).setdefault(n, []).append(percent_wrong(predicted, truth))

    for n in sizes:
        for draw in range(draws):
            given = balanced(labels, n, np.random.default_rng([config.seed, n, draw]))
            for name, (here, there) in rows.items():
                note(f"{name}, logistic", n, logistic(here[given], labels[given])(there))
                graph, near, d = graphs[name]
                note(f"{name}, spread", n, spread_to(graph, given, labels[given], near, d))
            for kind in NETWORKS:
                rng = np.random.default_rng([config.seed, draw])
                model = fit(config, network(config, kind, vae, rng), x[given], labels[given], rng)
                note(kind, n, answers(config, model, test))
            for name, (epochs, seen, unseen) in half_taught.items() if n == sizes[0] else ():
                if epochs:
                    rng = np.random.default_rng([config.seed, draw])
                    model = semi_supervised(config, name, seen, labels, given, epochs, rng)
                    note(name, n, answers(config, model.classifier, unseen))
    return found


def main(config: Config) -> None:
    """Learn, classify, tell the table, draw it."""
    images = load_images(config)
    images = images._replace(train=tuple(array[: config.images] for array in images.train))
    if images.complete:
        images = images._replace(test=but_the_bundled(*images.test))
    draws = config.draws or (10 if images.complete else 3)
    if draws < 2:
        raise SystemExit("demos.few_labels: an interval needs --draws 2 or more")
    sizes = [100, 600, 1000, 3000] if images.complete else [100] if config.quick else [100, 1000]
    seen, rarest = len(images.train[0]), np.bincount(images.train[1], minlength=10).min()
    sizes = [n for n in sizes if n // 10 * 2 <= rarest]  # at least half of each class stays without
    if not sizes:
        raise SystemExit(
            f"demos.few_labels: 100 labels want 20 images of each class, half of them without; among these {seen} "
            f"--images one class has {rarest}"
        )
    print(
        "claim C-FEW: an encoder without its decoder classifies well with few labels (S1, S3, S4). Published, 100 "
        f"labels:\n  {PUBLISHED}"
    )
    found = errors(config, images, sizes, draws)
    print(f"wrong answers on {len(images.test[0]):,} test digits, %, ± 95 % over {draws} balanced draws of the labels")
    print(f"{'':28}" + "".join(f"{n:>15,}" for n in sizes) + "   labels")
    for method, by_size in found.items():
        cells = ("{:.2f} ± {:.2f}".format(*interval(by_size[n])) if n in by_size else "" for n in sizes)
        print(f"{method:28}" + "".join(f"{cell:>15}" for cell in cells))

    few = sizes[0]
    summary = f"{seen:,} training images, {few} of them labelled; {draws} draws, seed {config.seed}; {images.name}"
    at_few = {method: interval(by_size[few]) for method, by_size in found.items()}
    shown = ("random encoder, spread", "PCA, spread", "VAE, spread", "fine-tuned VAE encoder", "CNN from scratch")
    curves = {name: (sizes, [interval(found[name][n])[0] for n in sizes]) for name in shown}
    folder = config.folder()
    pictures = [
        plotting.save(
            plotting.bars(
                {name: mean for name, (mean, _) in at_few.items()},
                "wrong answers (%, ± 95 %)",
                summary,
                {name: half for name, (_, half) in at_few.items()},
            ),
            folder / "few.png",
        )
    ]
    if len(sizes) > 1:
        title = f"{seen:,} training images, most without label; {draws} draws, seed {config.seed}; {images.name}"
        figure = plotting.growth({"wrong answers (%)": curves}, "labels", title)
        pictures.append(plotting.save(figure, folder / "labels.png"))
    tell(*pictures)
    chosen = "on the bundled digits, whose 1,000 test images are left out" if images.complete else "on these digits"
    print(
        f"  Protocol: codes of {seen:,} images without labels; logistic regression with L2 = {L2:g}; labels that\n"
        f"  spread to {NEIGHBOURS} neighbours, α = {ALPHA} (for the published transductive SVM); no test image in\n"
        f"  learning, no label but those counted; settings were chosen {chosen}."
    )
    ours = found["VAE, spread"][few]
    for rival in ("CNN from scratch", "random encoder, spread", "PCA, spread"):
        mean, half = interval([a - b for a, b in zip(ours, found[rival][few])])
        verdict = "better" if mean + half < 0 else "worse" if mean > half else "undecided"
        print(f"C-FEW, {few} labels, the VAE's codes against {rival}: {mean:+.2f} ± {half:.2f} % wrong: {verdict}")


if __name__ == "__main__":
    start(Config, main)
