"""Study 2: regularization
=======================

CIFAR-10, an MLP: L2, dropout, early stopping, batch normalization, a random search.

An MLP with layers of 128 and 64 units on 3,072 numbers learns its training images far
better than others. Each remedy alone, and then a random search over learning rate,
dropout and batch size. Early stopping has five times the epochs, and stops by the rows
that it is judged by.
"""

import time

import matplotlib.pyplot as plt
from _study import flat, load_images, make_parser, parse, run
from scipy.stats import loguniform
from sklearn.model_selection import RandomizedSearchCV, StratifiedShuffleSplit

from skdl import MLPClassifier
from skdl.inspection import SearchDisplay


def search(network, X, y, options):
    """Search at random on one split, and draw what was tried."""
    found = RandomizedSearchCV(
        network,
        {
            "learning_rate": loguniform(1e-4, 1e-1),
            "dropout": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
            "batch_size": [32, 64, 128, 256],
        },
        n_iter=3 if options.quick else options.candidates,
        cv=StratifiedShuffleSplit(1, test_size=0.2, random_state=options.seed),
        random_state=options.seed,
        refit=False,
    )
    start = time.perf_counter()
    found.set_params(n_jobs=1).fit(X, y)
    print(f"\nRandom search: {found.best_score_:.4f} with {found.best_params_}")
    print(
        f"{len(found.cv_results_['params'])} fits, {time.perf_counter() - start:.0f} s"
    )
    picture = options.output / "regularization_search.png"
    SearchDisplay.from_results(found.cv_results_).figure_.savefig(picture, dpi=110)
    plt.close("all")
    print(f"Picture: {picture}")


def main(arguments=None):
    parser = make_parser(__doc__, epochs=30, data="cifar10")
    parser.add_argument(
        "--candidates", type=int, default=20, help="of the search (default: 20)"
    )
    options = parse(parser, arguments)
    X, y, _, _ = load_images(options)
    X = flat(X)
    network = MLPClassifier(
        hidden_layer_sizes=(128, 64),
        activation="relu",
        dropout=0.0,
        l2=0.0,
        optimizer="sgd",
        learning_rate=0.01,
        batch_size=64,
        epochs=options.epochs,
        patience=30,
        random_state=options.seed,
    )
    run(
        "Regularization",
        network,
        {
            "plain": {},
            "L2 0.001": {"l2": 0.001},
            "dropout 0.2": {"dropout": 0.2},
            "dropout 0.3": {"dropout": 0.3},
            "dropout 0.5": {"dropout": 0.5},
            "early stopping": {"early_stopping": True, "epochs": 5 * options.epochs},
            "batch normalization": {"normalization": "batch"},
        },
        X,
        y,
        options,
        validation=0.2,
        target_score=0.45,
    )
    search(network, X, y, options)


if __name__ == "__main__":
    main()
