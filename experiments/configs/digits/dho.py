r"""DHO (2025) on digits: 40 labels, and a teacher that contradicts some of them.

    python -m experiments.train --config=experiments/configs/digits/dho.py
    C=experiments/configs/digits/dho.py
    python -m experiments.compare --run --seeds=0,1,2 \
        --out=experiments/results/digits_dho_eight --cell="one head=$C:one_head_eight" \
        --cell="DHO=$C:dho_eight" --cell="DHO, by halves=$C:even_eight"
    python -m experiments.compare --run --seeds=0,1,2,3,4,5,6,7,8,9 \
        --out=experiments/results/digits_dho --cell="one head=$C:one_head" \
        --cell="DHO=$C:dho"

A narrow network learns labels by one head and a wide one's answers by another. How they
are mixed is chosen on the validation labels. ``dho.py:one_head`` learns both by one
head, ``dho.py:even`` mixes by halves. The teacher learnt the same 40 labels, half of
its images mirrored, and so takes some classes for others; or, with ``_eight``, all
images of eight classes (eight.json), and takes the two that it never saw for them.

Time: about 40 s a run on a core of a busy 2-core CPU.
Score: beside the teacher of eight classes 89.6 ± 5.2 % test accuracy, 3 seeds, 9.5 ±
  5.7 points over one head, which has 80.1 ± 0.8 as the teacher has, and 5.5 ± 7.0 over
  a mixture by halves (experiments/results/digits_dho_eight/table.md). Beside the
  teacher of mirrored images 84.2 ± 1.4, 10 seeds, -0.2 ± 1.5 over one head
  (experiments/results/digits_dho/table.md): two heads pay where labels and answers
  disagree on whole classes.
"""

import json
from pathlib import Path

from experiments.configs.digits.common import ConfigDict, digits
from ssljax.methods.parts import check_choice

EIGHT = Path(__file__).with_name('eight.json')
SHARES = tuple(round(0.05 * i, 2) for i in range(21))
TEMPERATURES = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 4.0)


def get_config(name='dho'):
    """Returns the configuration of 'dho', 'one_head' or 'even', '_eight' or not."""
    eight = name.endswith('_eight')
    name = name.removesuffix('_eight')
    check_choice('name', name, ('dho', 'one_head', 'even'))
    config = digits('dho', channels=(32, 64), norm='group')
    config.networks.teacher_network = config.networks.network
    config.networks.head = ConfigDict({'name': 'mlp', 'outputs': 10, 'hidden': ()})
    config.views.mirrored = ConfigDict({'flip_horizontal': {}, 'shift': {'pixels': 1}})
    config.ema = 0.0
    args = {'temperature': 2.0, 'ratio': 4.0}
    student = {
        'method': 'dho',
        'steps': 1000,
        'args': args,
        'network': {'channels': (8, 16)},
        'teacher_from': 'teacher',
    }
    if name == 'dho':
        student['choose'] = {'mixture': {'share': SHARES, 'temperature': TEMPERATURES}}
    if name == 'one_head':
        student |= {'method': 'distil', 'args': {**args, 'label_weight': 1.0}}
    teacher = {'method': 'supervised', 'steps': 500, 'args': {'view': 'mirrored'}}
    if eight:
        config.parts = ConfigDict(json.loads(EIGHT.read_text()))
        teacher |= {'args': {'view': 'weak'}, 'rows': {'labelled': ('eight',)}}
    config.order = ('teacher', 'student')
    config.stages = ConfigDict({'teacher': teacher, 'student': student})
    return config
