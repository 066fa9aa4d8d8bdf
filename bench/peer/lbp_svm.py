"""What a classic texture classifier reaches on the folds of a cross-validation: histograms of local binary patterns (Ojala,
Pietikainen, Maenpaa 2002; uniform, rotation-invariant, at three radii) of whole photographs, and a support vector machine.

    python bench/peer/lbp_svm.py DATA RUN_OF_FOLDS

RUN_OF_FOLDS is the folder that `npm run train -- --folds N` wrote: fold-N/validation.csv there says which photographs of DATA each
fold held out. Prints the error of photographs by fold and of all together. Needs numpy, pillow, scikit-image and scikit-learn.
"""
import csv
import glob
import os
import sys

import numpy as np
from PIL import Image
from skimage.feature import local_binary_pattern
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC


def features(path):
    grey = np.array(Image.open(path).convert("L"))
    parts = []
    for points, radius in [(8, 1), (16, 2), (24, 3)]:
        codes = local_binary_pattern(grey, points, radius, "uniform")
        parts.append(np.histogram(codes, bins=points + 2, range=(0, points + 2))[0] / codes.size)
    return np.concatenate(parts)


def main(data, folds):
    paths = {os.path.relpath(path, data): path for path in sorted(glob.glob(os.path.join(data, "*", "*")))}
    names = list(paths)
    x = np.stack([features(paths[name]) for name in names])
    y = np.array([name.split(os.sep)[0] for name in names])
    wrong = total = 0
    for file in sorted(glob.glob(os.path.join(folds, "fold-*", "validation.csv"))):
        with open(file, newline="") as rows:
            held_out = {row["image"] for row in csv.DictReader(rows)}
        held = np.array([name in held_out for name in names])
        search = GridSearchCV(
            make_pipeline(StandardScaler(), SVC()), {"svc__C": [1, 10, 100, 1000], "svc__gamma": ["scale", 0.01, 0.1]}, cv=3
        )
        errors = int((search.fit(x[~held], y[~held]).predict(x[held]) != y[held]).sum())
        wrong, total = wrong + errors, total + int(held.sum())
        print(f"{os.path.basename(os.path.dirname(file))}: {errors} of {held.sum()} photographs wrong ({errors / held.sum():.4f})")
    print(f"all: {wrong} of {total} photographs wrong ({wrong / total:.4f})")


if __name__ == "__main__":
    main(*sys.argv[1:])
