"""STL-10 by a ViT-B/16 as in USB, 40 labels; FixMatch, or what is named.

    python -m experiments.train --config=experiments/configs/stl10/vit_base.py

FreeMatch: ``--config=experiments/configs/stl10/vit_base.py:freematch``. USB starts from
weights of a masked autoencoder, this from nothing: its numbers are not comparable.

Time: not measured; memory and FLOPs in experiments/results/traced.md.
Score: not run.
"""

from experiments.configs.classic import fine_tuned
from experiments.configs.stl10.common import DATA, NORMALIZE


def get_config(method='fixmatch'):
    """Returns the configuration of a method."""
    config = fine_tuned(
        DATA,
        method,
        pixels=12,
        normalize=NORMALIZE,
        lr=1e-4,
        layer_decay=0.95 if method == 'freematch' else 0.65,
        image_size=96,
        patch=16,
        width=768,
        heads=12,
    )
    config.labels_per_class = 4
    return config
