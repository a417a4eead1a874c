"""What the experiments on masks of scans share; no experiment by itself."""

from typing import Any

from ml_collections import ConfigDict

from ssljax.methods.parts import check_choice


def views_of(weak: dict, strong: dict, labels: str) -> dict[str, Any]:
    """Returns views by name, as an experiment wants labels to be learnt.

    Args:
      weak: the view that teachers are asked on.
      strong: the other one.
      labels: 'strong', on strong views, whatever the method; 'alike', where unlabelled
        rows are seen so as well, for methods that teach on the view that they ask; or
        'published', on weak ones, as in the papers: what a method gains is there in
        part what it alone sees of strong views.

    Raises:
      InputError: if labels is none of these.

    With 'strong' a network can tell the streams apart by their greys: CPS then learnt
    to answer plain images of the left atrium with atrium everywhere, where both of its
    networks agree (Dice 0.24 on validation, one seed).
    """
    check_choice('labels', labels, ('strong', 'alike', 'published'))
    views = {'weak': weak, 'strong': strong}
    if labels == 'published':
        return views
    streams = ['labelled', 'partner_labelled']
    if labels == 'alike':
        streams += ['unlabelled', 'partner_unlabelled']
    return views | {f'{stream}_weak': strong for stream in streams}


def in_two_stages(config: ConfigDict, *, share: float = 0.375) -> ConfigDict:
    """Returns BCP's configuration: it pastes labelled images first.

    Args:
      config: of as many steps as both stages are to have.
      share: of them that the first stage has.
    """
    config.ema = 0.0  # the method has a teacher of its own
    config.order = ('pretrain', 'train')
    pretrain = round(config.steps * share)
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
