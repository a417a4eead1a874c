"""What the recipes of SSL4MIS and UniMatch share; no experiment by itself.

Numbers of HiLab-git/SSL4MIS, whose scripts every medical method of the catalogue starts
from: SGD of 0.01 that falls as (1 - t/T)^0.9, 30000 steps, the weight of the unlabelled
loss 0.1 at the end of its ramp, an average of 0.99. Departs from it: Nesterov momentum.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base
from experiments.configs.segmentation import in_two_stages

ARGUMENTS = {
    'supervised': {'view': 'weak'},
    'mean_teacher': {'weight': 0.1, 'student_view': 'strong', 'joint': True},
    'uamt': {'weight': 0.1, 'passes': 8},
    'cps': {'weight': 0.1},
    'unimatch': {'weight': 1.0, 'form': 'dice'},
    'bcp': {'weight': 0.5},
}
"""By method, of medical images."""

RAMPS = {'mean_teacher': 0.4, 'uamt': 0.4, 'cps': 0.4}
"""Share of the steps over which the weight comes in."""


def recipe(
    data: str,
    method: str,
    network: dict,
    space: dict,
    change: dict,
    *,
    steps: int = 30_000,
    **args,
) -> ConfigDict:
    """Returns a configuration.

    Args:
      data: as ``data.load`` takes it.
      method: name in the catalogue.
      network: name and arguments of a network of ``ssljax.models``.
      space: views that move sites, of both views.
      change: further ones of the strong view.
      steps: of the run, BCP's two stages together.
      **args: over ``ARGUMENTS``.
    """
    config = base(
        data,
        method,
        network=network,
        views={'weak': space, 'strong': {**space, **change}},
        **{**ARGUMENTS[method], **args},
    )
    config.task = ConfigDict({'name': 'segmentation'})
    config.ramp, config.ramp_form = RAMPS.get(method, 0.0), 'sigmoid'
    config.ema = 0.99
    config.steps = steps
    config.optimizer = ConfigDict(
        {
            'name': 'sgd',
            'lr': 0.01,
            'weight_decay': 1e-4,
            'warmup': 0,
            'decay': 'polynomial',
        }
    )
    config.eval_every = config.checkpoint_every = 1000
    if method == 'bcp':  # as on ACDC, 1 step in 4; on the left atrium 2 in 17
        return in_two_stages(config, share=0.25)
    return config
