"""MultiAugs (Zhou et al. 2024) on real faces.

One path, ``--config.args.paths="('JC',)"``, is PoseCons, with two networks
(``--config.args.networks=2``) PoseDual; ``--config.args.equal=True`` shows the collapse
without easy views.

    python -m experiments.train --config=experiments/configs/faces/multiaugs.py

Time: 1.6 min on a core of a busy 2-core CPU, PoseCons 0.7, PoseDual 1.3.
Score: 12.4 ± 1.3 % NME, two paths, 3 seeds, PoseCons 12.2 ± 2.1, PoseDual 12.7 ± 2.9,
  the labels alone 12.2 ± 1.1, which so few steps do not exhaust. Equal pairs do no
  worse than easy and hard ones with weight 1 (14.3 ± 1.9, 14.4 ± 2.4): no collapse
  (experiments/results/faces_5/table.md). With 34 labels, a hundredth, 16.4 ± 5.9 %, 2.5
  ± 5.0 less than the labels alone, and one path (JOCO) 15.1 ± 5.1 %: less than two in
  each seed (experiments/results/faces_1/table.md).
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
