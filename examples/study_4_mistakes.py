"""Study 4: what a small model gets wrong
======================================

MNIST, six dense layers, full batch: what a small model gets wrong, and what helps.

Adam with a rate of 1e-4 takes one step an epoch. A small model is looked at closely:
its surest mistakes, precision, recall and F1 of each class, the confusion matrix. Then
more capacity (128-128-64-64-32-10), then L2, L1, dropout and early stopping, all judged
by a sixth of the training images; the best of them is fitted once more, to all training
images, and tested once.
"""

import matplotlib.pyplot as plt
import numpy as np
from _study import flat, load_images, make_parser, parse, run
from sklearn.base import clone
from sklearn.metrics import ConfusionMatrixDisplay, classification_report, log_loss
from sklearn.model_selection import train_test_split

from skdl import MLPClassifier
from skdl.inspection import MisclassifiedDisplay


def show_mistakes(model, X, y, folder):
    """Print the scores of each class, and draw mistakes and confusion matrix."""
    predicted = model.predict(X)
    print(classification_report(y, predicted, digits=3, zero_division=0))
    mistakes = MisclassifiedDisplay.from_estimator(model, X, y)
    mistakes.figure_.savefig(folder / "mistakes.png", dpi=110)
    figure, axes = plt.subplots(figsize=(7, 6), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        y, predicted, normalize="true", values_format=".2f", ax=axes
    )
    axes.set(title="share of each class (rows sum to 1)")
    figure.savefig(folder / "confusion.png", dpi=110)
    plt.close("all")
    print(f"Pictures: {folder / 'mistakes.png'}, {folder / 'confusion.png'}")


def best_epoch(comparison, name):
    """Return after how many epochs the validation loss was lowest."""
    return int(np.argmin(comparison.histories()[name][0]["val_loss"])) + 1


def main(arguments=None):
    parser = make_parser(__doc__, epochs=400, data="mnist")
    options = parse(parser, arguments)
    X, y, X_test, y_test = load_images(options)
    X_train, X_val, y_train, y_val = train_test_split(
        flat(X), y, test_size=1 / 6, stratify=y, random_state=options.seed
    )
    network = MLPClassifier(
        hidden_layer_sizes=(128, 128, 64, 64, 32),
        activation="relu",
        dropout=0.0,
        l2=0.0,
        optimizer="adam",
        learning_rate=1e-4,
        batch_size=-1,
        epochs=options.epochs,
        random_state=options.seed,
    )
    small = clone(network).set_params(hidden_layer_sizes=(16,)).fit(X_train, y_train)
    print("The small model, 784-16-10, on the validation images:")
    show_mistakes(small, X_val, y_val, options.output)

    # %%
    comparison = run(
        "Six layers",
        network,
        {
            "784-16-10": {"hidden_layer_sizes": (16,)},
            "six layers": {},
            "L2 1e-5": {"l2": 1e-5},
            "L2 1e-2": {"l2": 1e-2},
            "L1 1e-5": {"l1": 1e-5},
            "dropout 0.1": {"input_dropout": 0.1, "dropout": 0.1},
            "early stopping": {"early_stopping": True},
        },
        X_train,
        y_train,
        options,
        validation=(X_val, y_val),
        target_score=0.9,
    )

    # %%
    name = comparison.frame()["val_score"].idxmax()
    final = clone(network).set_params(**comparison.variants[name])
    if final.early_stopping:  # it stops where that was best: no image is left to see
        final.set_params(early_stopping=False, epochs=best_epoch(comparison, name))
    final.fit(flat(X), y)
    loss = log_loss(y_test, final.predict_proba(flat(X_test)))
    print(f"\nFinal model: {name}")
    print(
        f"test accuracy {final.score(flat(X_test), y_test):.4f}, test loss {loss:.4f}"
    )


if __name__ == "__main__":
    main()
