"""MultiAugs (Zhou et al. 2024) on real faces.

One path, ``--config.args.paths="('JC',)"``, is PoseCons, with two networks
(``--config.args.networks=2``) PoseDual; ``--config.args.equal=True`` shows the collapse
without easy views.

    python -m experiments.train --config=experiments/configs/faces/multiaugs.py

Time: 1.6 min of a busy 2-core CPU, on one core.
Score: 12.4 ± 1.3 % NME, two paths, 3 seeds, 0.2 ± 0.2 more than the labels alone,
  which so few steps do not exhaust (experiments/results/faces_5/table.md). With
  34 labels, a hundredth, 16.4 ± 5.9 %, 2.5 ± 5.0 less, each of the seeds at least 1.0
  (experiments/results/faces_1/table.md). PoseCons, PoseDual, one path against two, and
  the collapse: not run.
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
