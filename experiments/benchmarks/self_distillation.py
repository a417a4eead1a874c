"""Self-distillation of kernels: closed forms against fits, one after another.

    python -m experiments.benchmarks.self_distillation

Two problems, in float64. 'sine' is the paper's example: 11 noisy points of a sine that
the fits are to find again. 'digits' is scikit-learn's: 100 images, a fifth of whose
labels are drawn anew, under a Gaussian kernel of their pixels; the validation part
chooses the weight of the labels, the errors are of the test part.

Of each, for several weights of the truth: the error after so many fits, and how far
their coefficients are from the closed form's, also without end. Then the weight that
each step should have, by ``best_weight`` from two fits, and by a search that fits anew
for each weight that it tries.

Writes self_distillation.json and .png, in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import flags

from experiments import launch
from experiments.machine import describe
from ssljax import data
from ssljax.solvers import self_distillation
from ssljax.train import writers

_OUT = flags.DEFINE_string('out', 'experiments/results', 'Folder of the results.')
_SEEDS = flags.DEFINE_integer('seeds', 3, 'Of the digits and of their wrong labels.')
WEIGHTS = (0.0, 0.25, 0.35, 0.6, 1.0)
STEPS = 10
ENDLESS = 100
"""Steps that are as good as all: the smallest weight above 0 leaves 0.75^100."""


class Problem(NamedTuple):
    """What is fitted, and where a fit is asked."""

    kernel: np.ndarray  # [N, N]
    target: np.ndarray  # [N, outputs]
    regularisation: float
    asked: Mapping[str, tuple[np.ndarray, np.ndarray]]
    # part -> kernel [M, N] with what was fitted, truth [M, outputs]


def main() -> None:
    """Measures, prints, draws and writes."""
    with jax.enable_x64(True):
        problems = [sine(), *(digits(seed) for seed in range(_SEEDS.value))]
        names = ['sine', *(f'digits {seed}' for seed in range(_SEEDS.value))]
        found = {
            name: study(problem) for name, problem in zip(names, problems, strict=True)
        }
    for name, one in found.items():
        print(f'{name}: closed forms within {one["apart"]:.1e} of the fits')
        for step in one['best']:
            print('  step {step}: best {predicted:.6f}, by search {searched:.6f}, '
                  'error {error:.5f}'.format(**step))  # fmt: skip
    out = Path(_OUT.value)
    out.mkdir(parents=True, exist_ok=True)
    what = 'mean squared error of self-distilled kernel fits, by steps and weight'
    result = {'what': what, 'problems': found, **describe()}
    writers.write_json(out / 'self_distillation.json', result)
    plot(out / 'self_distillation.png', found)


def sine() -> Problem:
    """Returns the example of the paper, whose points are of Mobahi et al. 2020."""
    x = np.arange(11) / 10
    y = [0.38476637, 1.23339677, 1.33232242, 0.69201595, -0.29756146, -0.24189291]
    y += [-0.79644858, -0.96164802, -0.49672510, -0.34690660, 0.55895127]
    fresh = np.arange(101) / 100

    def rbf(a, b):
        return np.exp(-80 * (a[:, None] - b[None]) ** 2)

    truth = np.sin(2 * np.pi * fresh)[:, None]
    asked = {part: (rbf(fresh, x), truth) for part in ('validation', 'test')}
    return Problem(rbf(x, x), np.array(y)[:, None], 0.2, asked)


def digits(seed: int, *, rows: int = 100, wrong: float = 0.2) -> Problem:
    """Returns one-hot digits, of which a share has the label of any class."""
    found = data.load('digits', seed=seed)
    draw = np.random.default_rng(seed)
    known = draw.permutation(found.rows['unlabelled'])[:rows]
    parts = {'known': known, **{x: found.rows[x] for x in ('validation', 'test')}}
    columns = found.source.columns
    image = {n: columns['image'][r].reshape(len(r), -1) for n, r in parts.items()}
    image = {name: x.astype(np.float64) / 255 for name, x in image.items()}
    truth = {name: np.eye(10)[columns['label'][r]] for name, r in parts.items()}
    label = columns['label'][known]
    label = np.where(draw.random(rows) < wrong, draw.integers(0, 10, rows), label)

    def square(a, b):
        return np.sum((a[:, None] - b[None]) ** 2, axis=-1)

    width = np.median(square(image['known'], image['known']))
    kernel = {
        n: np.exp(-2 * square(x, image['known']) / width) for n, x in image.items()
    }
    asked = {part: (kernel[part], truth[part]) for part in ('validation', 'test')}
    return Problem(kernel['known'], np.eye(10)[label], 0.02, asked)


def study(problem: Problem) -> dict[str, Any]:
    """Returns errors by weight, distances from the closed forms, and best weights."""
    errors, apart = {}, 0.0
    for weight in WEIGHTS:
        fits = iterated(problem, [weight] * ENDLESS)
        taus = [*range(1, STEPS + 1), math.inf]
        for tau in taus:
            closed = self_distillation.fit(
                problem.kernel,
                problem.target,
                weight=weight,
                regularisation=problem.regularisation,
                steps=tau,
            )
            last = ENDLESS if tau == math.inf else tau
            # By the truth of no step at all, a fit ends at 0 only slowly.
            if weight or tau < math.inf:
                apart = max(apart, float(np.abs(fits[last - 1] - closed).max()))
            if tau == math.inf:
                endless = error(problem, closed, 'test')
        steps = [error(problem, c, 'test') for c in fits[:STEPS]]
        errors[str(weight)] = {'steps': steps, 'endless': endless}
    return {'apart': apart, 'errors': errors, 'best': best(problem)}


def iterated(problem: Problem, weights: Sequence[float]) -> np.ndarray:
    """Coefficients [steps, N, outputs] of fits by these weights, one after another."""
    found, previous = [], problem.target
    for weight in weights:
        found.append(refit(problem, previous, weight))
        previous = problem.kernel @ found[-1]
    return np.stack(found)


def refit(problem: Problem, previous: np.ndarray, weight: float) -> np.ndarray:
    """Coefficients of one fit, to the truth and to what was fitted before."""
    fitted = _refit(
        problem.kernel,
        problem.target,
        previous,
        weight=weight,
        regularisation=problem.regularisation,
    )
    return np.asarray(fitted)


_refit = jax.jit(self_distillation.refit, static_argnames='regularisation')


def error(problem: Problem, coefficients: Any, part: str) -> float:
    """Mean squared error of a fit where it is asked."""
    across, truth = problem.asked[part]
    return float(np.mean((across @ np.asarray(coefficients) - truth) ** 2))


def best(problem: Problem, steps: int = 6) -> list[dict[str, float]]:
    """Weights by two fits and by search, each step after the best before it."""
    from scipy.optimize import minimize_scalar

    across, truth = problem.asked['validation']
    fitted = refit(problem, problem.target, 1.0)
    first, found = across @ fitted, []
    for step in range(2, steps + 1):
        previous = problem.kernel @ fitted

        def tried(weight, previous=previous):
            return error(problem, refit(problem, previous, weight), 'validation')

        distilled = across @ refit(problem, previous, 0.0)
        weight = float(self_distillation.best_weight(truth, first, distilled))
        searched = float(minimize_scalar(tried, bracket=(-0.5, 1.0)).x)
        fitted = refit(problem, previous, weight)
        found.append({'step': step, 'predicted': weight, 'searched': searched})
        found[-1]['error'] = error(problem, fitted, 'test')
    return found


def plot(path: Path, found: Mapping[str, Mapping[str, Any]]) -> None:
    """Draws errors by steps: a line a weight, the best of each step dashed."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.6), layout='constrained')
    titles = {'sine': '11 noisy points of a sine', 'digits 0': 'digits, wrong labels'}
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        steps = np.arange(1, STEPS + 1)
        for i, (weight, line) in enumerate(found[name]['errors'].items()):
            ax.plot(steps, line['steps'], '-o', ms=3, color=f'C{i}', label=weight)
            ax.plot(STEPS + 1, line['endless'], 's', ms=5, color=f'C{i}')
        chain = found[name]['best']
        ax.plot(
            [1, *(one['step'] for one in chain)],
            [found[name]['errors']['1.0']['steps'][0], *(x['error'] for x in chain)],
            'k--', lw=1, label='best of each step',
        )  # fmt: skip
        ax.set_xticks([*range(1, STEPS, 2), STEPS + 1], [*range(1, STEPS, 2), '∞'])
        shown = [x for line in found[name]['errors'].values() for x in line['steps']]
        low = min(*shown, *(one['error'] for one in chain))
        ax.set_ylim(
            low - 0.1 * (max(shown) - low), max(shown) + 0.1 * (max(shown) - low)
        )
        ax.set_xlabel('fits, each of the one before')
        ax.set_title(title, fontsize=10)
        ax.grid(alpha=0.3)
        ax.spines[['top', 'right']].set_visible(False)
    axes[0].set_ylabel('mean squared error')
    axes[0].legend(frameon=False, fontsize=8, title='weight of the truth')
    figure.savefig(path, dpi=150)
    plt.close(figure)


if __name__ == '__main__':
    launch.run(main)
