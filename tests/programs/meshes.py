"""Twenty steps of four methods on some layout; as a script, one of several processes.

python meshes.py <folder> <host:port> <processes> <process> [<dies at step>]
"""

import os
import signal
import sys

import jax
import numpy as np
import optax

from ssljax import methods, models, teachers, views
from ssljax.data import Arrays, in_memory
from ssljax.programs import Run
from ssljax.train import sharding

STEPS, B = 20, 16
VIEWS = {
    'weak': views.shift(1),
    'strong': views.compose(views.affine(degrees=20.0), views.cutout()),
}


def source():
    """Images of four classes, each a bright corner, in noise."""
    random = np.random.default_rng(0)
    label = random.integers(0, 4, 64)
    corner = np.kron(np.eye(4)[label].reshape(-1, 2, 2), np.ones((4, 4)))
    noise = random.uniform(0, 0.7, (64, 8, 8))
    image = np.clip(0.5 * corner + noise, 0, 1)[..., None].astype(np.float32)
    return Arrays({'image': image, 'label': label.astype(np.int32)})


def built():
    """The methods by name, views drawn inside their steps."""
    network = models.small_cnn(4, channels=(8,), norm='batch')
    options = {'optimizer': optax.sgd(0.05, momentum=0.9), 'num_classes': 4}
    average = teachers.ema(0.9)
    found = {
        'fixmatch': methods.fixmatch(network, threshold=0.3, ratio=2, **options),
        'mean_teacher': methods.mean_teacher(
            network, teacher=average, weight=1.0, **options
        ),
        'comatch': methods.comatch(  # a queue
            network,
            models.mlp(8, hidden=()),
            threshold=0.3,
            ratio=2,
            teacher=average,
            **options,
        ),
        'two_update': methods.two_update(network, threshold=0.3, **options),
    }
    return {
        name: methods.prepared(method, views.prepare(method.needs, VIEWS))
        for name, method in found.items()
    }


def fit(folder, layout, names=('fixmatch',), dies=None, steps=STEPS):
    """Fits methods in folders of their names; returns the last states."""
    rows = {'labelled': np.arange(32), 'unlabelled': np.arange(64)}
    states = {}
    for name in names:
        method = METHODS[name]
        feed = in_memory(SOURCE, rows, method.needs, batch_size=B, seed=0)

        def mortal(step, feed=feed):
            if step == dies:
                os.kill(os.getpid(), signal.SIGKILL)
            return feed(step)

        run = Run(
            folder / name,
            log_every=1,
            checkpoint_every=5,
            progress=False,
            layout=layout,
        )
        states[name] = run.fit('main', method, mortal, steps)
    return states


SOURCE, METHODS = source(), built()

if __name__ == '__main__':
    from pathlib import Path

    folder, coordinator, processes, process, *dies = sys.argv[1:]
    jax.config.update('jax_num_cpu_devices', 4)
    jax.distributed.initialize(
        coordinator,
        int(processes),
        int(process),
        heartbeat_timeout_seconds=10,
        shutdown_timeout_seconds=30,
    )
    names = ('fixmatch',) if dies else tuple(METHODS)
    at = int(dies[0]) if dies else None
    fit(Path(folder), sharding.layout(), names, at)
