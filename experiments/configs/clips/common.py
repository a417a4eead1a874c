"""What the experiments on generated clips of faces share; no experiment by itself.

Data: 500 drawn clips of 3 frames of 48x48, of 500 people, each with other features,
light and background; 10 of them annotated, 120 to test on, 120 more to choose by.
Nothing is read: ``data.sources.moving_faces`` draws them. Clutter, textures, light and
poses are weaker than its defaults, by which few clips taught nothing.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

DATA = (
    'moving_faces:clips=500,frames=3,size=48x48,num_landmarks=10,'
    'clutter=3,texture=0.04,lighting=0.1,pose=0.7'
)


def clips(method: str, *, centre: bool = False, **args) -> ConfigDict:
    """Returns the shared configuration with a method and its arguments.

    Args:
      method: name in the catalogue.
      centre: adds the branch of a centre (the nose) with offsets.
      **args: the builder's arguments; ``weight`` is the peak of a ramp if ``ramp`` > 0.
    """
    network = {'name': 'landmark_cnn', 'channels': (8, 16), 'centre': centre}
    moved = {'degrees': 15.0, 'scale': (0.9, 1.1), 'translate': 0.05}
    config = base(
        DATA,
        method,
        network=network,
        views={
            'weak': {'affine': moved, 'noise': {'sigma': 0.02}},
            'strong': {
                'affine': moved,
                'jitter': {'contrast': (0.7, 1.3), 'brightness': (0.8, 1.2)},
                'noise': {'sigma': 0.05},
            },
        },
        **args,
    )
    config.task = ConfigDict({'name': 'landmarks', 'sigma': 4.0, 'normaliser': (0, 1)})
    if centre:
        config.task.centre = 2
    config.labels = 10
    config.reading = {'validation': 120, 'test': 120}
    config.batch_size = 4
    config.steps = 600
    config.optimizer.lr = 4e-3
    config.optimizer.warmup = 50
    config.optimizer.clip = 1.0  # or trackers may collapse: no flow, no loss
    config.eval_batch_size = 20
    return config
