"""Study 5: two circles
====================

Two circles: an MLP with one tanh layer beside SVMs of four kernels.

Two noisy rings, one around the other: no line parts them. The rate and the batch size
of the MLP, its decision boundary, and the SVM's kernels over C.
"""

import time

import matplotlib.pyplot as plt
from _study import make_parser, parse, run
from sklearn.datasets import make_circles
from sklearn.inspection import DecisionBoundaryDisplay
from sklearn.model_selection import train_test_split

from skdl import MLPClassifier
from skdl.baselines import svm_study


def draw_boundary(model, X, y, title, path):
    figure, axes = plt.subplots(figsize=(5, 4.5), layout="constrained")
    DecisionBoundaryDisplay.from_estimator(
        model, X, response_method="predict", alpha=0.3, ax=axes
    )
    axes.scatter(*X.T, c=y, s=12, edgecolors="k", linewidths=0.3)
    axes.set(title=title, xlabel="$x_1$", ylabel="$x_2$")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    print(f"Picture: {path}")


def main(arguments=None):
    options = parse(make_parser(__doc__, epochs=100), arguments)
    X, y = make_circles(1000, noise=0.15, factor=0.5, random_state=options.seed)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=options.seed
    )
    network = MLPClassifier(
        hidden_layer_sizes=(16,),
        activation="tanh",
        dropout=0.0,
        l2=0.0,
        optimizer="adam",
        learning_rate=0.01,
        batch_size=32,
        epochs=options.epochs,
        random_state=options.seed,
    )
    settings = dict(repeats=2 if options.quick else 5, target_score=0.9)
    rates = {"learning_rate": [0.0001, 0.001, 0.01, 0.1, 1.0]}
    run("Learning rate", network, rates, X_train, y_train, options, **settings)
    sizes = {"batch_size": [1, 8, 32, 128, -1]}
    run("Batch size", network, sizes, X_train, y_train, options, **settings)

    # %%
    start = time.perf_counter()
    network.fit(X_train, y_train)
    seconds = time.perf_counter() - start
    score = network.score(X_test, y_test)
    print(f"\nMLP: test accuracy {score:.3f}, {seconds:.2f} s")
    title = f"one layer of 16 tanh units: {score:.3f}"
    draw_boundary(network, X_test, y_test, title, options.output / "circles_mlp.png")

    # %%
    study = svm_study(X_train, y_train)
    print("\nSVMs, mean of five folds:")
    print(study.best().to_string(index=False, float_format="{:.3f}".format))
    axes = study.plot()
    axes[0].figure.savefig(options.output / "circles_svm.png", dpi=110)
    plt.close("all")
    print(f"Picture: {options.output / 'circles_svm.png'}")
    for row in study.best().itertuples():
        model = study.estimator.set_params(svc__kernel=row.kernel, svc__C=row.C)
        score = model.fit(X_train, y_train).score(X_test, y_test)
        print(f"SVM {row.kernel}, C={row.C:g}: test accuracy {score:.3f}")


if __name__ == "__main__":
    main()
