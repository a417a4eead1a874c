"""MultiAugs: one network, or two, taught on several hard views of an easy one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import jax

from ssljax import losses, shards, views
from ssljax.contracts import (
    Array,
    InputError,
    Method,
    Network,
    Schedule,
    Stream,
    Task,
    Variables,
)
from ssljax.methods.learner import Aux, Optimizer, learner, start
from ssljax.methods.parts import (
    answer_of,
    check_choice,
    choose,
    consistency_terms,
    forward,
    loss_metrics,
    supervised_terms,
)
from ssljax.schedules import value
from ssljax.targets import from_prediction
from ssljax.views import joints
from ssljax.views.prepare import row_keys

PATHS: Mapping[str, joints.BatchView] = MappingProxyType(
    {
        'A60': joints.in_turn(),  # nothing but the second affine
        'JC': joints.joint_cutout(),
        'JO': joints.cut_occlude(),
        'CO': joints.cutout(),
        'CM': joints.cutmix(),
        'MU': joints.mixup(),
        'JOCO': joints.joco(),
        'JCCM': joints.jccm(),
    }
)
"""The hard views of the paper, by its names; every one is moved by the affine after."""

WHO = ('student', 'partner')


def multiaugs(
    network: Network,
    optimizer: Optimizer,
    *,
    task: Task,
    paths: Sequence[str | joints.BatchView] = ('JOCO', 'JCCM', 'JC', 'JO'),
    networks: int = 1,
    degrees: float = 30.0,
    scale: float = 0.25,
    equal: bool = False,
    weight: float | Schedule = 1.0,
    ratio: float = 1.0,
    joint: bool = False,
    ship: str = 'student',
) -> Method:
    r"""A network answers an easy view and is taught on hard versions of it.

    .. math:: L = L_\mathrm{sup} + \lambda \sum_{i=1}^n
        \ell\big(f(A h_i(x)), A f(x)\big)

    with x the easy view, the hard versions h of it, which know where the network sees
    its joints, and one more affine A for each image, which moves all hard versions and
    the answer alike. The weights that answer are those that are taught, there is no
    average; no gradient passes through the answer, and nothing of it is left out.

    Two networks teach each other: each is taught the other's answer, on hard versions
    about the other's joints, and :math:`L_\mathrm{sup}` is the mean of theirs. With
    ``paths=('JC',)`` one network is PoseCons and two are PoseDual.

    Args:
      network: of each; two start from different random weights.
      optimizer: one transformation, or {'student': ..., 'partner': ...}.
      task: ``tasks.landmarks``. Its losses are sums over the cells of a heatmap, where
        the paper has means: both terms are h w times the paper's, which Adam does not
        see.
      paths: hard versions, by their names in ``PATHS``, or batch views of
        ``views.joints``; one that comes twice is drawn twice. The paper's are these for
        1000 labels, the first two for all of COCO; ('A60',) moves and hides nothing.
      networks: 1 or 2.
      degrees: of the affine A, as ``views.normal_affine`` has it; 0, and a scale of 0,
        for none.
      scale: of the affine A.
      equal: whether the network answers on a view moved by such an affine, too, as hard
        as those that are taught: not the method, but the demonstration that it
        collapses without easy views.
      weight: lambda of the sum over the paths; not divided by their number.
      ratio: unlabelled rows for each labelled one.
      joint: one forward pass for all taught views of a network, or one each, as in the
        official code.
      ship: whose weights ``predict`` uses: 'student' or 'partner'.

    Returns:
      A Method; its metric 'peak' is the mean score of the answers, which a collapse
      brings to 0.

    Raises:
      InputError: for other numbers of networks, unknown paths, or none.

    Source: Zhou et al. 2024, arXiv 2402.11566; Xie et al. 2021, arXiv 2011.12498.
    Departs from the code in that the affine keeps angles, and in that cells of which
    the easy view shows nothing are not taught.
    """
    if networks not in (1, 2):
        raise InputError(f'networks is {networks}; give 1 or 2.')
    hard: dict[str, joints.BatchView] = {}
    for i, path in enumerate(paths):
        name = _name(path, i)
        hard[f'{name}_{i}' if name in hard else name] = _path(path)
    if not hard:
        raise InputError('paths is empty; give one hard view at least.')
    names = WHO[:networks]
    found = {name: answer_of(network, name) for name in names}
    ship = choose(ship, found)
    move = moving(degrees, scale)

    def init(key, batch, given=None):
        example = batch['labelled']['weak']['image']
        return start(
            key, {name: (network, example) for name in names}, optimizer, given or {}
        )

    def objective(params, state, batch, key):
        labelled, easy = batch['labelled']['weak'], batch['unlabelled']['weak']['image']
        own_key, easy_key, hard_key, move_key = jax.random.split(key, 4)

        def variables(name):
            return Variables(params[name], state.stats[name])

        seen, warp_from = move(easy_key, easy) if equal else (easy, None)
        opinions = []
        for i, name in enumerate(names):
            answer, _ = network.apply(
                variables(name),
                seen,
                train=True,
                key=jax.random.fold_in(own_key, i),
            )
            opinions.append(jax.lax.stop_gradient(task.decode(answer)))

        supervised, unsupervised, stats = {}, {}, {}
        # From the other network where there are two, else from itself.
        for i, (name, opinion) in enumerate(zip(names, opinions[::-1], strict=True)):
            known = task.transport(opinion, warp_from, None)
            shown = [labelled['image']]
            warp_to = None
            for path in hard.values():
                hard_key, path_key = jax.random.split(hard_key)
                version = path(path_key, easy, known['landmarks'], known['score'])
                version, warp_to = move(move_key, version)
                shown.append(version)
            outputs, stats[name] = forward(
                network,
                variables(name),
                shown,
                joint=joint,
                train=True,
                key=jax.random.fold_in(own_key, len(names) + i),
            )
            who = f'{name}_' if networks == 2 else ''
            for term, x in supervised_terms(task, outputs[0], labelled).items():
                supervised[who + term] = x / networks
            lesson = from_prediction(task.transport(opinion, warp_from, warp_to))
            for path_name, taught in zip(hard, outputs[1:], strict=True):
                terms = consistency_terms(task, taught, lesson, 'all')
                for term, x in terms.items():
                    unsupervised[f'{who}{term}_{path_name}'] = x

        ramp = value(weight, state.step)
        loss = sum(supervised.values()) + ramp * sum(unsupervised.values())
        metrics = {
            **loss_metrics(supervised, unsupervised),
            'peak': losses.masked_mean(opinions[0]['score']),
            'weight': ramp,
        }
        return loss, Aux(metrics, stats)

    return Method(
        init=init,
        step=learner(objective, optimizer),
        predict=found[ship],
        needs={
            'labelled': Stream(tuple(task.example), ('weak',)),
            'unlabelled': Stream(task.inputs, ('weak',), ratio),
        },
        answers=found,
        ship=ship,
    )


def moving(degrees: float, scale: float) -> Callable:
    """Returns ``(key, images) -> (images, warps)``: an affine for each image.

    The same key moves other images alike, on however many devices they lie. Without
    degrees and scale nothing moves, and the warps are None.
    """
    if degrees == 0 and scale == 0:
        return lambda key, images: (images, None)
    view = views.normal_affine(degrees=degrees, scale=scale)

    def one(key: Array, image: Array) -> dict:
        return view(key, {'image': image})

    def move(key, images):
        keys = row_keys(key, shards.row_numbers(len(images), like=images))
        seen = shards.by_rows(jax.vmap(one), keys, images)
        return seen['image'], seen['warp']

    return move


def _name(path: str | joints.BatchView, number: int) -> str:
    return path if isinstance(path, str) else f'path{number}'


def _path(path: str | joints.BatchView) -> joints.BatchView:
    if not isinstance(path, str):
        return path
    check_choice('A path', path, PATHS)
    return PATHS[path]
