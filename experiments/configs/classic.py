"""What the papers' own protocols share; no experiment by itself.

``classic``: a wide residual network from nothing, as FixMatch (Sohn et al. 2020) and
its heirs have it, in the numbers of USB (2022, arXiv 2208.07204, config/classic_cv).
``fine_tuned``: a vision transformer, as USB has it (config/usb_cv). Weights that it is
pretrained with are not read from a configuration yet: it starts from nothing.

Configurations of these take a method's name, ``wrn_28_2.py:freematch``, and with it
what the papers give it; ``--method`` would bring what it has on digits.
"""

from ml_collections import ConfigDict

from experiments.configs.base import base

ARGUMENTS = {
    'mixmatch': {'weight': 100.0, 'alpha': 0.5},
    'remixmatch': {'copies': 2, 'labelled_view': 'weak'},
    'adamatch': {'threshold': 0.95},
    'deep_co_training': {'agreement_weight': 10.0},
}
"""Where the builders have others: USB's, but Deep Co-Training's own for CIFAR."""

RAMPS = {
    'pseudo_label': 0.4,
    'pi_model': 0.4,
    'mean_teacher': 0.4,
    'vat': 0.4,
    'mixmatch': 0.4,
    'remixmatch': 1 / 64,
}
"""Share of the steps over which the unlabelled loss comes in."""

NETWORKS = {
    'remixmatch': {'head': {'name': 'mlp', 'outputs': 4, 'hidden': ()}},
    'comatch': {'projector': {'name': 'mlp', 'outputs': 64, 'hidden': (128,)}},
    'simmatch': {'projector': {'name': 'mlp', 'outputs': 128, 'hidden': (128,)}},
}
"""Beside the one that every method has."""


def classic(
    data: str,
    method: str,
    *,
    pixels: int,
    normalize: dict,
    flip: bool = True,
    weight_decay: float = 5e-4,
    **network,
) -> ConfigDict:
    """Returns a configuration of 2^20 steps.

    Args:
      data: as ``data.load`` takes it.
      method: name in the catalogue.
      pixels: that a weak view moves by at most: an eighth of the side.
      normalize: mean and std of the colours.
      flip: whether left and right may change places.
      weight_decay: 1e-3 for CIFAR-100.
      **network: arguments of ``models.wide_resnet``.
    """
    network = {'name': 'wide_resnet', 'depth': 28, 'width': 2, **network}
    config = _pictures(data, method, network, pixels, normalize, flip)
    config.steps = 2**20
    config.batch_size = 64
    config.ema = 0.999
    config.optimizer = ConfigDict(
        {'name': 'sgd', 'lr': 0.03, 'weight_decay': weight_decay, 'warmup': 0}
    )
    config.eval_every = config.checkpoint_every = 5120
    return config


def fine_tuned(
    data: str,
    method: str,
    *,
    pixels: int,
    normalize: dict,
    lr: float,
    layer_decay: float,
    **network,
) -> ConfigDict:
    """Returns a configuration of 204800 steps of AdamW.

    Args:
      data: as ``data.load`` takes it.
      method: name in the catalogue.
      pixels: that a weak view moves by at most.
      normalize: mean and std of the colours.
      lr: of the head; 5120 steps of warm-up.
      layer_decay: of each layer below it, see ``models.layerwise``.
      **network: arguments of ``models.vit``.
    """
    network = {'name': 'vit', 'image_size': 32, 'patch': 2, **network}
    config = _pictures(data, method, network, pixels, normalize, True)
    if method != 'supervised':
        config.args.ratio = 1.0
    config.steps = 204_800
    config.batch_size = 8
    config.ema = 0.999 if method in ('mean_teacher', 'comatch', 'simmatch') else 0.0
    config.optimizer = ConfigDict(
        {'name': 'adam', 'lr': lr, 'weight_decay': 5e-4, 'warmup': 5120}
    )
    config.optimizer.layer_decay = layer_decay
    config.eval_every = config.checkpoint_every = 2048
    return config


def _pictures(data, method, network, pixels, normalize, flip):
    weak = {'crop_pad': {'pixels': pixels}, 'normalize': normalize}
    if flip:
        weak['flip_horizontal'] = {}
    config = base(
        data,
        method,
        network=network,
        views={
            'weak': weak,
            'strong': {**weak, 'randaugment': {'n': 3}},
            'plain': {'normalize': normalize},
        },
        **ARGUMENTS.get(method, {}),
    )
    config.ramp = RAMPS.get(method, 0.0)
    config.networks.update(NETWORKS.get(method, {}))
    # As published: nothing is kept to choose by, and the last checkpoint counts.
    config.reading = {'validation': 0}
    config.log_every = 256
    return config
