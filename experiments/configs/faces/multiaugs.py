"""MultiAugs (Zhou et al. 2024) on real faces.

One path, ``--config.args.paths="('JC',)"``, is PoseCons, with two networks
(``--config.args.networks=2``) PoseDual; ``--config.args.equal=True`` is what the paper
shows to collapse, without easy views.

    python -m experiments.train --config=experiments/configs/faces/multiaugs.py

Time: 4.8 min on a core of a busy 2-core CPU, PoseCons 3.6, PoseDual 7.0.
Score: 7.6 ± 0.3 % NME, two paths, 3 seeds, PoseCons 7.6 ± 0.3, PoseDual 7.6 ± 0.2: 0.1
  ± 0.4 less than the labels alone, 0.2 ± 0.3 and 0.1 ± 0.4; neither two paths nor two
  networks are better than one (0.0 ± 0.1 each). With weight 1, the paper's, equal pairs
  have 7.7 ± 0.5, easy and hard ones as much; the peaks of their heatmaps are 0.75 and
  0.77: no collapse (experiments/results/faces_5/table.md). With 338 labels, a tenth,
  two paths (7.0 ± 0.6 %) and PoseCons (7.1 ± 0.4) have more than the labels alone in
  each seed, by 0.2 ± 0.3 and 0.2 ± 0.4 (experiments/results/faces_10/table.md).
  Chosen on validation with half of the channels, one seed, PoseCons: 10.7 % with weight
  0.3, 11.1 with 1.
"""

from experiments.configs.faces.common import faces


def get_config():
    """Returns the configuration."""
    config = faces(
        'multiaugs',
        paths=('JOCO', 'JCCM'),
        networks=1,
        equal=False,
        weight=0.3,
        ratio=1.0,
    )
    config.ramp = 0.4
    return config
