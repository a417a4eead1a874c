"""What the experiments on masks of scans share; no experiment by itself."""

from typing import Any

from ml_collections import ConfigDict


def views_of(weak: dict, strong: dict, *, alike: bool) -> dict[str, Any]:
    """Returns views by name: labels are learnt on strong ones, whatever the method.

    Args:
      weak: the view that teachers are asked on.
      strong: the other one.
      alike: whether unlabelled rows are seen as labelled ones are, for methods that
        teach on the view that they ask. Otherwise a network can tell the streams apart
        by their greys: CPS then learnt to answer plain images of the left atrium with
        atrium everywhere, where both of its networks agree (Dice 0.24 on validation,
        one seed).
    """
    views = {'weak': weak, 'strong': strong}
    views |= {'labelled_weak': strong, 'partner_labelled_weak': strong}
    return views | ({'unlabelled_weak': strong} if alike else {})


def in_two_stages(config: ConfigDict) -> ConfigDict:
    """Returns BCP's configuration, three eighths of its steps to begin by pasting."""
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
