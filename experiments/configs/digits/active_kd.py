r"""ActiveKD with PCoreSet (2025) on digits: 10 labels, 10 more a round, and a teacher.

    python -m experiments.train --config=experiments/configs/digits/active_kd.py

In each round a new student learns what was bought by one head and a teacher's answers
on all images by another (DHO, mixed by halves); then the rows are bought whose mixed
answers are farthest from those on the rows that are known. What stands for the teacher
that knows the classes from elsewhere learnt the 200 validation labels, which choose
nothing here. Behind a colon, what to buy instead: ``random``, ``entropy``, ``margin``,
``coreset`` (k-centre of features), ``class_balanced``, ``badge``.

::

    at=experiments/configs/digits/active_kd.py out=experiments/results/digits_active_kd
    python -m experiments.compare --run --seeds=0,1,2,3,4 --out=$out \
        --cell="random=$at:random" --cell="PCoreSet=$at" --cell="coreset=$at:coreset" \
        --cell="entropy=$at:entropy" --cell="margin=$at:margin" \
        --cell="class-balanced=$at:class_balanced" --cell="BADGE=$at:badge"
    python -m experiments.curves --by_round --results=$out --out=$out/curves
    python -m experiments.compare --run --seeds=0,1,2,3,4,5,6,7,8,9 \
        --out=experiments/results/digits_pcoreset --cell="random=$at:random" \
        --cell="PCoreSet=$at"

Time: about 50 s a run on a core of a busy 2-core CPU.
Score: test accuracy with 50 labels 93.8 ± 2.6 %, 5 seeds; in each above entropy, by 2.2
  ± 2.3 points; coreset, BADGE and margin are as good (93.4, 93.2, 94.4). Over random
  6.3 ± 3.8 points, 10 seeds, with 30 labels 6.0 ± 4.1
  (experiments/results/digits_active_kd and digits_pcoreset).
"""

from experiments.configs.digits.common import ConfigDict, digits


def get_config(policy='k_centre'):
    """Returns the configuration of a policy of ``programs.policies``."""
    config = digits('active_kd', channels=(16, 32), norm='group', ratio=4.0)
    config.networks.teacher_network = ConfigDict(
        {'name': 'small_cnn', 'channels': (16, 32), 'norm': 'group'}
    )
    config.networks.head = ConfigDict({'name': 'mlp', 'outputs': 10, 'hidden': ()})
    config.ema = 0.0
    config.labels_per_class = 1
    config.batch_size = 10
    config.steps = 500  # a round
    config.rounds = ConfigDict({'count': 5, 'policy': policy, 'ask': 10})
    config.rounds.teacher = ConfigDict(
        {'method': 'supervised', 'steps': 200, 'rows': 'validation'}
    )
    return config
