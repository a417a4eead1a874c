"""BCP (Bai et al. 2023) on slices of the left atrium: copy-paste, then both ways.

    python -m experiments.train --config=experiments/configs/left_atrium/bcp.py

One direction only: ``--config.stages.train.args.inward=False``; every component:
``--config.stages.train.args.largest=False``; unlabelled rows on strong views, too:
``bcp.py:alike``

Time: about 9 min on a core of a busy 2-core CPU.
Score: Dice 0.793 ± 0.043 on the test scans, 3 seeds, -0.010 ± 0.033 over the masks
  alone on the same views (experiments/results/left_atrium/table.md). With one scan
  (--config.labels=1) 0.731 ± 0.056, 0.005 ± 0.055 over them, 5 seeds. The paper's gain,
  after 17000 steps of whole volumes, is not confirmed: its network sees no intact
  slice, and a box of 32 of 48 pixels leaves none far from a seam. Neither 'alike' nor a
  quarter of the rate in the second stage is better on validation, with one scan.
"""

from experiments.configs.left_atrium.common import left_atrium
from experiments.configs.segmentation import in_two_stages


def get_config(labels='strong'):
    """Returns the configuration; labels as ``segmentation.views_of`` has them."""
    return in_two_stages(left_atrium('bcp', labels=labels))
