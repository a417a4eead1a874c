"""What every experiment on one data set says; no experiment by itself."""

from ml_collections import ConfigDict


def base(data: str, method: str, *, network: dict, views: dict, **args) -> ConfigDict:
    """Returns a configuration with all its fields.

    Args:
      data: as ``data.load`` takes it.
      method: name in the catalogue.
      network: name and arguments of a network of ``ssljax.models``.
      views: by name, ``{view: arguments}`` each.
      **args: the builder's arguments; ``weight`` is the peak of a ramp if ``ramp`` > 0.
    """
    config = ConfigDict()
    config.method = method
    config.args = ConfigDict(args)
    config.seed = 0

    config.data = data  # a name, a path, or prefix:path
    config.split = ''  # beside this folder, or a path; none: drawn by the seed
    config.labels_per_class = 0  # 0 for all
    config.reading = ConfigDict()  # further arguments of data.load
    config.feed = ConfigDict({'kind': 'auto', 'workers': 0, 'views': 'step'})

    config.steps = 1500
    config.batch_size = 32
    config.accumulate = 1  # parts of a batch that pass one after the other
    config.ramp = 0.0  # share of the steps over which args.weight rises
    config.ema = 0.99  # decay of the averaged weights; 0 for none
    config.optimizer = ConfigDict(
        {'name': 'adam', 'lr': 2e-3, 'weight_decay': 0.0, 'warmup': 0}
    )

    # So many devices, 0 for all; of them fsdp share parameters as well as rows.
    config.mesh = ConfigDict({'devices': 0, 'fsdp': 1, 'model': 1, 'rules': ()})
    config.partition = 'auto'  # or 'shard_map': the step device by device
    config.dispatch = 1  # steps in one program, on accelerators

    config.precision = 'float32'  # that networks compute in, or 'bfloat16'
    config.networks = ConfigDict({'network': network})
    config.views = ConfigDict(views)

    config.eval_batch_size = 250
    config.log_every = 50
    config.eval_every = 250
    config.checkpoint_every = 500
    config.tensorboard = False
    return config
