"""The one table of what is built, by what program it runs, and how far it is proven.

Rows name functions as 'module:function', so that reading the table imports no method.
``python -m ssljax.methods.catalogue`` prints README's tables.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import NamedTuple

from ssljax.contracts import InputError
from ssljax.methods.systems import SYSTEMS

LEVELS = ('planned', 'mechanism', 'proof', 'scale', 'reproduced')
"""Evidence, from none to strongest.

mechanism: closed forms, invariants and golden vectors of official codes pass.
proof: beats its baseline and its ablation over at least 3 seeds, on real data; what
  learns from motion, on drawn clips.
scale: the paper-scale config is traced at full shape, memory and FLOPs reported.
reproduced: the paper's number, on an accelerator.
"""


class Row(NamedTuple):
    """One built method."""

    name: str  # what --method takes
    title: str
    source: str  # authors, year, arXiv number
    build: str  # 'module:function' of (network, optimizer, **options) -> Method
    program: str  # 'module:function' of (run, job) -> dict; beside it ``restored``
    config: str  # path from the repository root
    level: str  # one of LEVELS
    system: int | None = None  # its number in SYSTEMS


def _row(
    name: str,
    title: str,
    source: str,
    system: int | None = None,
    *,
    build: str | None = None,
    program: str = 'single:program',
    data: str = 'digits',
    config: str | None = None,
    level: str = 'mechanism',
) -> Row:
    build = build or name
    return Row(
        name=name,
        title=title,
        source=source,
        build=f'ssljax.methods.{build}:{build}',
        program=f'ssljax.programs.{program}',
        config=f'experiments/configs/{data}/{config or name}.py',
        level=level,
        system=system,
    )


ROWS = (
    _row('supervised', 'Supervised baseline', 'labelled rows only'),
    _row('pseudo_label', 'Pseudo-Label', 'Lee 2013', level='scale'),
    _row('pi_model', 'Pi-model', 'Laine & Aila 2016, arXiv 1610.02242', level='scale'),
    _row(
        'mean_teacher',
        'Mean Teacher',
        'Tarvainen & Valpola 2017, arXiv 1703.01780',
        level='scale',
    ),
    _row('vat', 'VAT', 'Miyato et al. 2017, arXiv 1704.03976'),
    _row('deep_co_training', 'Deep Co-Training', 'Qiao et al. 2018, arXiv 1803.05984'),
    _row('fixmatch', 'FixMatch', 'Sohn et al. 2020, arXiv 2001.07685', level='scale'),
    _row(
        'fixmatch_aligned',
        'FixMatch with distribution alignment',
        'Sohn et al. 2020, with arXiv 1911.09785',
        build='fixmatch',
        level='proof',
    ),
    # What the audio comparison alone has; its other methods are rows of their own.
    _row(
        'fixmatch_mixup',
        'FixMatch with MixUp',
        'Cances et al. 2022, arXiv 2102.08183',
        build='fixmatch',
        system=1,
    ),
    _row('mixmatch', 'MixMatch', 'Berthelot et al. 2019, arXiv 1905.02249'),
    _row('remixmatch', 'ReMixMatch', 'Berthelot et al. 2020, arXiv 1911.09785'),
    _row(
        'flexmatch',
        'FlexMatch',
        'Zhang et al. 2021, arXiv 2110.08263',
        level='scale',
    ),
    _row('freematch', 'FreeMatch', 'Wang et al. 2022, arXiv 2205.07246'),
    _row('softmatch', 'SoftMatch', 'Chen et al. 2023, arXiv 2301.10921'),
    _row(
        'adamatch',
        'AdaMatch',
        'Berthelot et al. 2021, arXiv 2106.04732',
        level='scale',
    ),
    _row('dash', 'Dash', 'Xu et al. 2021, arXiv 2109.00650'),
    _row('comatch', 'CoMatch', 'Li et al. 2020, arXiv 2011.11183', level='scale'),
    _row('simmatch', 'SimMatch', 'Zheng et al. 2022, arXiv 2203.06915'),
    _row('uda', 'UDA', 'Xie et al. 2019, arXiv 1904.12848', system=2),
    # How TSAL moves its teacher; system 17 itself also is landmarks and video.
    _row(
        'two_update',
        'Two-update teacher',
        'core of TSAL 2020, arXiv 2012.06711',
        level='proof',
    ),
    _row('fst', 'FST', 'Du et al. 2022, arXiv 2209.06993', system=45),
    # One image in the place of a pixel; no pseudo-labels where the critic is convinced.
    _row(
        'adversarial',
        'Adversarial pair',
        'Hung et al. 2018, arXiv 1802.07934',
        level='proof',
    ),
    # The parts of SimCLRv2, system 27, without its networks and its scale.
    _row(
        'simclr',
        'SimCLR',
        'Chen et al. 2020, arXiv 2002.05709',
        program='stages:stages',
        config='stages',
    ),
    _row(
        'distil',
        'Distillation',
        'Hinton et al. 2015, arXiv 1503.02531',
        program='stages:stages',
        config='stages',
    ),
    _row(
        'distil_features',
        'Distillation of features: FitNets, AT, RKD',
        'arXiv 1412.6550, 1612.03928, 1904.05068',
        program='stages:stages',
        config='distillation',
    ),
    _row(
        'distil_contrast',
        'CRD',
        'Tian et al. 2020, arXiv 1910.10699',
        program='stages:stages',
        config='distillation',
    ),
    _row(
        'kd_plus_plus',
        'KD++',
        'Wang et al. 2023, arXiv 2305.17007',
        32,
        build='distil_features',
        program='stages:stages',
        config='distillation',
    ),
    # The class vectors of system 33, of an encoder that is trained here.
    _row(
        'named_classes',
        'Classes by their names',
        'of CLIP 2021, arXiv 2103.00020',
        program='stages:stages',
        config='promptkd',
    ),
    _row(
        'promptkd',
        'PromptKD',
        'Li et al. 2024, arXiv 2403.02781',
        33,
        program='stages:stages',
    ),
    _row(
        'dho',
        'DHO',
        '2025, arXiv 2505.07675',
        29,
        program='stages:stages',
        level='proof',
    ),
    _row(
        'stages',
        'Pretrain, fine-tune, distil',
        'core of SimCLRv2 2020, arXiv 2006.10029',
        build='distil',
        program='stages:stages',
    ),
    _row(
        'simclrv2',
        'SimCLRv2',
        'Chen et al. 2020, arXiv 2006.10029',
        27,
        build='distil',
        program='stages:stages',
        level='proof',
    ),
    _row(
        'ssld',
        'SSLD',
        'Cui et al. 2021, arXiv 2103.05959',
        28,
        build='distil',
        program='stages:stages',
    ),
    _row('lelp', 'LELP', '2024, arXiv 2409.20449', 41, program='stages:stages'),
    # One of the policies of system 12.
    _row(
        'self_training',
        'Self-training in rounds',
        'Lee 2013, with new weights each round',
        build='supervised',
        program='rounds:rounds',
        level='proof',
    ),
    _row(
        'noisy_student',
        'Noisy Student',
        'Xie et al. 2019, arXiv 1911.04252',
        program='rounds:rounds',
    ),
    _row(
        'active',
        'Active learning by k-centre',
        'choice of PCoreSet 2025, arXiv 2506.00910',
        build='supervised',
        program='rounds:rounds',
        level='proof',
    ),
    _row(
        'active_kd',
        'ActiveKD by PCoreSet',
        '2025, arXiv 2506.00910',
        30,
        build='dho',
        program='rounds:rounds',
    ),
    _row(
        'rad',
        'RAD',
        'Baykal et al. 2023, arXiv 2210.01213',
        34,
        build='supervised',
        program='rounds:rounds',
    ),
    _row(
        'unsupervised_flow',
        'Optical flow without labels',
        'ARFlow of Liu et al. 2020, arXiv 2003.13045',
        data='clips',
    ),
    _row(
        'sbr',
        'Supervision by Registration',
        'Dong et al. 2018, arXiv 1807.00966',
        program='stages:stages',
        level='scale',
        data='clips',
    ),
    _row(
        'tsal',
        'TSAL',
        'TSAL 2020, arXiv 2012.06711',
        17,
        program='stages:stages',
        data='clips',
    ),
    _row(
        'multiaugs',
        'MultiAugs',
        'Zhou et al. 2024, arXiv 2402.11566',
        18,
        data='faces',
    ),
    _row(
        'trs',
        'Teacher-Reviewer-Student',
        '2025, arXiv 2501.09565',
        22,
        data='faces',
    ),
    _row(
        'pose_prior',
        'Prior of poses',
        'of POST 2023, arXiv 2308.13954',
        data='figures',
    ),
    _row(
        'post',
        'POST',
        'Raychaudhuri et al. 2023, arXiv 2308.13954',
        19,
        program='stages:stages',
        data='figures',
    ),
    _row(
        'treeformer',
        'TreeFormer',
        '2023, arXiv 2307.06118',
        21,
        data='dots',
    ),
    _row(
        'mask_autoencoder',
        'Autoencoder of masks',
        'of anatomy-aware uncertainty 2022, arXiv 2203.05682',
        data='left_atrium',
        config='masks',
    ),
    _row(
        'anatomy',
        'Anatomy-aware uncertainty',
        'Adiga et al. 2022/2024, arXiv 2203.05682, 2310.16099',
        51,
        program='stages:stages',
        data='left_atrium',
    ),
    # The baselines that the systems of masks compare with.
    _row('uamt', 'UA-MT', 'Yu et al. 2019, arXiv 1907.07034', data='left_atrium'),
    _row(
        'cps',
        'Cross pseudo supervision',
        'Chen et al. 2021, arXiv 2106.01226',
        data='left_atrium',
    ),
    _row(
        'unimatch',
        'UniMatch',
        'Yang et al. 2022, arXiv 2208.09910',
        data='left_atrium',
    ),
    _row(
        'copy_paste',
        'Copy-paste of labelled examples',
        'of BCP 2023, arXiv 2305.00673',
        program='stages:stages',
        data='left_atrium',
        config='bcp',
    ),
    _row(
        'bcp',
        'Bidirectional copy-paste',
        'Bai et al. 2023, arXiv 2305.00673',
        44,
        program='stages:stages',
        data='left_atrium',
    ),
    _row('c3s3', 'C3S3', '2025, arXiv 2506.07368', 47, data='left_atrium'),
    _row(
        'tracoco',
        'TraCoCo',
        'Liu et al. 2022, arXiv 2203.14523',
        48,
        data='left_atrium',
    ),
    _row('rail', 'RAIL', '2025, arXiv 2505.03538', 46, data='left_atrium'),
    _row(
        'umct',
        'UMCT',
        'Xia et al. 2018/2020, arXiv 1811.12506, 2006.16806',
        50,
        data='hippocampus',
    ),
    _row('cfc_net', 'CFC-Net', '2025, arXiv 2504.11856', 49, data='left_atrium'),
    _row(
        'ds6',
        'DS6',
        'Chatterjee et al. 2020, arXiv 2006.10802',
        52,
        data='tubes',
    ),
    # System 78 without prototypes, source replay and warm-up.
    _row(
        'stream',
        'Mean teacher at test time',
        'core of RMT 2023, arXiv 2211.13081',
        build='adapt',
        program='stream:stream',
        level='proof',
    ),
    _row(
        'federation',
        'FixMatch at clients',
        'FedAvg of McMahan et al. 2017, arXiv 1602.05629',
        build='fixmatch',
        program='federation:federation',
        level='proof',
    ),
)


def find(name: str) -> Row:
    """Returns the row called ``name``.

    Raises:
      InputError: if there is none; the message has the nearest name.
    """
    rows = {row.name: row for row in ROWS}
    if name in rows:
        return rows[name]
    near = difflib.get_close_matches(name, rows, n=1)
    hint = f'did you mean {near[0]!r}?' if near else f'give one of {", ".join(rows)}.'
    raise InputError(f'method is {name!r}, which is not in the catalogue; {hint}')


def resolve(path: str) -> Callable:
    """Imports the function that a row names.

    Args:
      path: 'module:function'.

    Raises:
      InputError: if the module has no such function.
    """
    module, _, function = path.partition(':')
    try:
        return getattr(importlib.import_module(module), function)
    except (AttributeError, ValueError) as error:
        raise InputError(
            f"path is {path!r}; give 'module:function' of a function that exists."
        ) from error


NO_METHOD = {31: ('experiments/benchmarks/self_distillation.py', 'proof')}
"""Systems that train nothing: the file that proves each, from the repository root, and
its level."""


def markdown() -> str:
    """Renders README's tables: the built methods, then the 100 systems."""
    lines = ['| method | paper | level | config |', '|---|---|---|---|']
    for row in ROWS:
        config = f'[{row.name}]({row.config})'
        lines.append(f'| {row.title} | {row.source} | {row.level} | {config} |')
    ranked = sorted(ROWS, key=lambda row: LEVELS.index(row.level))
    reached = {row.system: row.level for row in ranked}  # the highest comes last
    lines += [
        '',
        f'<details><summary>The {len(SYSTEMS)} systems and their level</summary>',
        '',
        '| # | system | what it adds | level |',
        '|--:|---|---|---|',
    ]
    for number, (title, summary) in SYSTEMS.items():
        level = reached.get(number, LEVELS[0])
        if number in NO_METHOD:
            file, level = NO_METHOD[number]
            title = f'[{title}]({file})'
        lines.append(f'| {number} | {title} | {summary} | {level} |')
    return '\n'.join([*lines, '', '</details>'])


if __name__ == '__main__':
    print(markdown())
