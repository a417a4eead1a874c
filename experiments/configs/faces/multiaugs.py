"""MultiAugs (Zhou et al. 2024) on real faces.

One path, ``--config.args.paths="('JC',)"``, is PoseCons, with two networks
(``--config.args.networks=2``) PoseDual; ``--config.args.equal=True`` shows the collapse
without easy views.

    python -m experiments.train --config=experiments/configs/faces/multiaugs.py

Time: not measured.
Score: not run.
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
