r"""Distillation on digits: every loss, by one teacher, at all labels and at 40.

    python -m experiments.train --config=experiments/configs/digits/distillation.py:kd
    C=experiments/configs/digits/distillation.py
    for labels in '' _full; do python -m experiments.compare --run --seeds=0,1,2 \
        --out=experiments/results/digits_distillation$labels \
        --cell="alone=$C:alone$labels" --cell="teacher=$C:teacher$labels" \
        --cell="KD=$C:kd$labels" --cell="symmetrised KL=$C:symmetric_kl$labels" \
        --cell="JS=$C:js$labels" --cell="DKD=$C:dkd$labels" \
        --cell="FitNets=$C:hint$labels" --cell="cosine=$C:cosine$labels" \
        --cell="AT=$C:attention$labels" --cell="RKD=$C:relations$labels" \
        --cell="CRD=$C:contrast$labels" --cell="KD and cosine=$C:kd_cosine$labels" \
        --cell="KD++=$C:norm_direction$labels"; done
    for labels in '' _full; do python -m experiments.compare --run \
        --seeds=0,1,2,3,4,5,6,7,8,9 \
        --out=experiments/results/digits_kd_plus_plus$labels \
        --cell="KD=$C:kd$labels" --cell="KD++=$C:norm_direction$labels"; done

After the colon one of ``NAMES``; ``kd_full`` is that at all labels. The teacher learns
from all 1097 training labels, whatever the student has: it stands for a network that
was given. At 40 labels the student is taught on all images, at all labels on the
labelled ones, whose classes DKD and KD++ then know. FitNets, AT, RKD and CRD stand
beside the labels alone, KD++ beside KD. ``kd_kept`` reads what the teacher answered
once on images as they are, ``kd_plain`` runs it on these.

Time: 20 to 50 s a run on a core of a busy 2-core CPU.
Score: the student has 76.9 ± 4.5 % test accuracy by 40 labels alone, 3 seeds, the
  teacher 99.1. KD of its answers on all images gains 20.3 ± 4.5 points, every loss of
  answers 17 or more, RKD 17.3 ± 4.3, CRD 10.3 ± 8.8, features beside the labels 5 to 9.
  With all labels (95.0 ± 2.0) JS gains 1.1 ± 0.6, KD and cosine 1.7 ± 2.2. That KD++ is
  better than KD is not confirmed: 0.0 ± 0.6 points at 40 labels and 0.3 ± 0.7 at all,
  10 seeds (experiments/results/digits_distillation, _full and digits_kd_plus_plus).
"""

from experiments.configs.digits.common import ConfigDict, digits
from ssljax.methods.parts import check_choice

ANSWERS = ('kd', 'symmetric_kl', 'js', 'dkd')
FEATURES = {
    'hint': {'taps': ('stage2',), 'weight': (10.0, 1.0)},
    'cosine': {'weight': (10.0, 1.0)},
    'attention': {'taps': ('stage1', 'stage2'), 'weight': (100.0, 10.0)},
    'relations': {'weight': (1.0, 1.0)},
    'norm_direction': {'weight': (2.0, 2.0)},
    'kd_cosine': {'weight': (1.0, 1.0)},
}
"""Weights at 40 and at all labels, the first three chosen on validation; those of
mdistiller are 100 of FitNets and 1000 of AT, with which both fall below the labels
alone."""
NAMES = ('teacher', 'alone', *ANSWERS, *FEATURES, 'contrast', 'kd_kept', 'kd_plain')
ALL = {'rows': {'labelled': ('unlabelled',)}}
"""Every row of the training part with its label, of 40 that the student has."""


def get_config(name='kd'):
    """Returns the configuration of one of ``NAMES``, '_full' for all labels."""
    full = name.endswith('_full')
    name = name.removesuffix('_full')
    check_choice('name', name, NAMES)
    config = digits('distil', channels=(32, 64), norm='group')
    config.networks.teacher_network = config.networks.network
    config.views.plain = ConfigDict()
    if full:
        config.labels_per_class = 0
    config.stages = ConfigDict(
        {
            'teacher': {
                'method': 'supervised',
                'steps': 400,
                'args': {'view': 'weak'},
                **({} if full else ALL),
            },
            'means': {'sweep': 'class_means', 'by': 'teacher'},
            'student': student(name, full),
        }
    )
    means = ('means',) if name == 'norm_direction' else ()
    config.order = ('teacher', *means, 'student')
    if name == 'teacher':
        config.order = ('teacher',)
    if name == 'alone':
        config.order = ('student',)
    if name in ('hint', 'cosine', 'kd_cosine', 'norm_direction'):
        config.networks.projector = ConfigDict(
            {'name': 'mlp', 'outputs': 64, 'hidden': ()}
        )
    head = {'name': 'mlp', 'outputs': 32, 'hidden': ()}
    config.networks.embedder = ConfigDict(head)
    config.networks.teacher_embedder = ConfigDict(head)
    return config


def student(name, full):
    """Returns the stage of the small network."""
    stage = {'method': 'distil', 'steps': 800, 'network': {'channels': (8, 16)}}
    if name in ('alone', 'teacher'):
        return {**stage, 'method': 'supervised', 'args': {'view': 'weak'}}
    args = {'label_weight': 1.0, 'temperature': 4.0, 'ratio': 4.0}
    if full and name != 'contrast':
        args['on'] = 'labelled'
    stage['teacher_from'] = 'teacher'
    if name in ANSWERS:
        args['loss'] = name
    elif name in FEATURES:
        beside = name in ('norm_direction', 'kd_cosine')
        loss = 'cosine' if name == 'kd_cosine' else name
        args |= {'loss': loss, 'answer_weight': float(beside), **FEATURES[name]}
        args['weight'] = args['weight'][full]
        stage['method'] = 'distil_features'
        if name == 'norm_direction':
            stage['given'] = {'class_means': 'means'}
    elif name == 'contrast':
        args['answer_weight'] = 0.0
        stage['method'] = 'distil_contrast'
    elif name == 'kd_plain':
        args['target_view'] = 'plain'
    else:
        args['target_from'] = 'answers'
        del stage['teacher_from']
        stage['answers_from'] = 'teacher'
    return {**stage, 'args': args}
