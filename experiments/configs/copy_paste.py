"""BCP's two stages, which the experiments on masks share; no experiment by itself."""

from ml_collections import ConfigDict


def in_two_stages(config: ConfigDict) -> ConfigDict:
    """Returns the configuration with three eighths of its steps to begin by pasting.

    One direction only: ``--config.stages.train.args.inward=False``; every component:
    ``--config.stages.train.args.largest=False``
    """
    config.ema = 0.0  # the method has a teacher of its own
    config.order = ('pretrain', 'train')
    pretrain = config.steps * 3 // 8
    args = {'weight': 0.5, 'largest': True, 'outward': True, 'inward': True}
    config.stages = ConfigDict(
        {
            'pretrain': {'method': 'copy_paste', 'steps': pretrain, 'args': {}},
            'train': {
                'method': 'bcp',
                'steps': config.steps - pretrain,
                'start_from': 'pretrain',
                'args': args,
            },
        }
    )
    return config
