"""What the experiments on people of sticks share; no experiment by itself.

Data: 300 drawn people before plain backgrounds, all annotated, are the source. The
target has other colours, clutter, noise and covers: 400 pictures without labels, 100 to
choose by, 200 to test on (``data.sources.stick_figures``; nothing is read).
Scores leave out pictures that do not show both pelvis and neck, whose torso can't be
measured: 163 of the 200 count, and 80 of those to choose by.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

DATA = 'stick_figures:rows=300,size=48x48,shift=0.4,targets=400x100x200'


def figures(method: str, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments."""
    turned = {'degrees': 30.0, 'scale': (0.8, 1.2), 'translate': 0.05}
    colours = {'contrast': (0.75, 1.25), 'brightness': (0.75, 1.25)}
    config = base(
        DATA,
        method,
        network={'name': 'landmark_cnn', 'channels': (8, 16), 'norm': 'batch'},
        views={
            name: {'affine': turned, 'jitter': colours} for name in ('weak', 'strong')
        },
        **args,
    )
    # PCK in shares of the torso, neck to pelvis.
    config.task = ConfigDict({'name': 'landmarks', 'sigma': 4.0, 'normaliser': (6, 8)})
    config.reading = {'with_labelled': False}
    config.batch_size = 16
    config.steps = 500
    config.optimizer.lr = 4e-3
    config.optimizer.warmup = 50
    config.ema = 0.99
    return config
