r"""PromptKD (Li et al. 2024) on digits, an encoder of names trained here for CLIP's.

    python -m experiments.train --config=experiments/configs/digits/promptkd.py
    C=experiments/configs/digits/promptkd.py
    python -m experiments.compare --run --seeds=0,1,2 \
        --out=experiments/results/digits_promptkd --cell="labels alone=$C:labels" \
        --cell="PromptKD=$C" --cell="... by vectors of its own=$C:own"

Three disjoint parts of the training rows (parts.json): on the first an encoder of the
classes' names, letter by letter, learns together with images; its vectors stay. On the
second a wide network learns to answer by them. The third has no labels: a narrow
network learns what the wide one answers, in the space of these vectors. After the
colon: ``own`` lets it learn class vectors of its own for that, ``labels`` is the narrow
network on the 40 labels of the split alone.

Time: about 40 s a run on a core of a busy 2-core CPU.
Score: test accuracy 95.6 ± 2.5 %, 3 seeds, 22.9 ± 2.0 points over the 40 labels alone;
  by class vectors of its own 95.8 ± 3.1: with ten classes that both know, that the
  vectors are the teacher's makes no difference
  (experiments/results/digits_promptkd/table.md).
"""

import json
from pathlib import Path

from experiments.configs.digits.common import ConfigDict, digits
from ssljax.methods.parts import check_choice

PARTS = Path(__file__).with_name('parts.json')
NAMES = (
    *('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'),
    'nine',
)


def get_config(name='promptkd'):
    """Returns the configuration of 'promptkd', 'own' or 'labels'."""
    check_choice('name', name, ('promptkd', 'own', 'labels'))
    config = digits('promptkd', channels=(32, 64), norm='group')
    config.ema = 0.0
    config.parts = ConfigDict(json.loads(PARTS.read_text()))
    config.networks.teacher_network = config.networks.network
    config.networks.encoder = ConfigDict(
        {
            'name': 'text_cnn',
            'num_classes': 1,
            'vocabulary': 28,
            'embedding': 32,
            'channels': (64,),
        }
    )
    config.networks.projector = ConfigDict(
        {'name': 'mlp', 'outputs': 64, 'hidden': (64,)}
    )
    narrow = {'channels': (8, 16)}
    config.stages = ConfigDict(
        {
            'names': {
                'method': 'named_classes',
                'steps': 300,
                'args': {'names': NAMES},
                'rows': {'labelled': ('encoder',)},
            },
            'vectors': {
                'sweep': 'class_vectors',
                'by': 'names',
                'of': 'validation',
            },
            'teacher': {
                'method': 'named_classes',
                'steps': 400,
                'given': {'class_vectors': 'vectors'},
                'rows': {'labelled': ('teacher',)},
            },
            'student': {
                'method': 'promptkd',
                'steps': 800,
                'network': narrow,
                'args': {'scale': 20.0, 'teacher_scale': 20.0, 'ratio': 4.0},
                'teacher_from': 'teacher',
                'given': {'class_vectors': 'vectors'},
                'rows': {'unlabelled': ('student',)},
            },
            'alone': {
                'method': 'supervised',
                'steps': 800,
                'network': narrow,
                'args': {'view': 'weak'},
            },
        }
    )
    config.order = ('names', 'vectors', 'teacher', 'student')
    if name == 'own':
        student = config.stages.student
        student.method, student.answers_from = 'distil', 'teacher'
        student.args = {'target_from': 'answers', 'temperature': 1.0, 'ratio': 4.0}
        del student.given, student.teacher_from
    if name == 'labels':
        config.order = ('alone',)
    return config
