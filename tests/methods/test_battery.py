"""What holds for every method. A new one is a line in TRIALS.

One of a file of your own is tried alone, as its ``TRIAL`` says::

    python -m pytest tests/methods/test_battery.py --method=path.py:name

Each runs as ``prepared``, views drawn inside its step, on a network with batch
statistics and noise, so that a key or a statistic that goes astray is seen.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from experiments import own
from ssljax import methods, models, schedules, teachers, views
from ssljax.contracts import Targets
from ssljax.methods import catalogue
from ssljax.methods.copy_paste import copy_paste
from ssljax.methods.mask_autoencoder import mask_autoencoder
from ssljax.methods.pose_prior import pose_prior
from ssljax.methods.unsupervised_flow import unsupervised_flow
from ssljax.solvers.subspaces import Subspaces

B = 8  # labelled rows; ratios are 1, so unlabelled ones too, for 8 devices to share
SGD = optax.sgd(0.05, momentum=0.9, nesterov=True)
RAMP = schedules.linear_ramp(2)
LOW = {'threshold': 0.4}  # some rows pass, some do not
SUBSPACES = Subspaces(np.zeros((3, 6), 'f'), np.ones((3, 6, 1), 'f'))
EXAMPLE = Path(__file__).parents[2] / 'experiments' / 'examples' / 'agree.py'


class Trial(NamedTuple):
    """How a method is tried."""

    build: Callable  # (network, optimizer=, task= or num_classes=, **options) -> Method
    learns: tuple[str, ...] = ()  # the unlabelled views that gradients come from; of a
    # stream of another name, 'partner_unlabelled/strong'
    options: dict[str, Any] = {}
    networks: dict[str, int | str] = {}  # further ones: argument -> answers, or name
    given: dict[str, Any] = {}  # what init can't do without: name -> its network, or it
    kind: str = 'classes'  # of task, or 'boxes', 'landmarks', 'clips', 'masks'...


def at_clients(network, **options):
    local = methods.fixmatch(network, teacher=teachers.ema(0.9), **options)
    return methods.federated(local, clients=2, local_steps=2)


def after_a_teacher(network, **options):
    method = methods.noisy_student(network, **options)

    def init(key, batch, given=None):
        lessons = Targets(jnp.eye(B, 3), jnp.arange(B, dtype=jnp.float32))
        return method.init(key, batch, {'targets': lessons, **(given or {})})

    return method._replace(init=init)


def of_file(method):
    return Trial(own.builder(method), **own.trial(method))


TRIALS = {
    'supervised': Trial(methods.supervised, ()),
    'pseudo_label': Trial(methods.pseudo_label, ('weak',), LOW),
    'pi_model': Trial(methods.pi_model, ('weak',), {'weight': RAMP}),
    'mean_teacher': Trial(methods.mean_teacher, ('weak',), {'weight': RAMP}),
    'mean_teacher_boxes': Trial(methods.mean_teacher, ('weak',), kind='boxes'),
    'mean_teacher_landmarks': Trial(
        methods.mean_teacher, ('weak',), {'weight': RAMP}, kind='landmarks'
    ),
    'fixmatch': Trial(methods.fixmatch, ('strong',), LOW | {'ratio': 1.0}),
    'fixmatch_aligned': Trial(
        methods.fixmatch, ('strong',), LOW | {'ratio': 1.0, 'prior': 'labels'}
    ),
    'fixmatch_mixup': Trial(
        methods.fixmatch, ('strong',), LOW | {'ratio': 1.0, 'mixup': 0.75}
    ),
    'mean_teacher_mixup': Trial(methods.mean_teacher, ('weak',), {'mixup': 1.0}),
    'deep_co_training_mixup': Trial(
        methods.deep_co_training,
        ('weak',),
        {'size': 0.1, 'ratio': 1.0, 'mixup': 1.0},
    ),
    'mixmatch': Trial(methods.mixmatch, ('weak', 'weak2'), {'weight': RAMP}),
    'remixmatch': Trial(
        methods.remixmatch,
        ('strong', 'strong2', 'weak'),
        {'copies': 2},
        networks={'head': 4},
    ),
    'flexmatch': Trial(methods.flexmatch, ('strong',), LOW | {'ratio': 1.0, 'rows': B}),
    'freematch': Trial(methods.freematch, ('strong',), {'ratio': 1.0}),
    'softmatch': Trial(methods.softmatch, ('strong',), {'ratio': 1.0}),
    'adamatch': Trial(methods.adamatch, ('strong',), {'ratio': 1.0}),
    'dash': Trial(
        methods.dash,
        ('strong',),
        {'ratio': 1.0, 'warmup': 1, 'every': 1, 'least': 1.0},
    ),
    'uda': Trial(
        methods.uda,
        ('strong',),
        LOW | {'ratio': 1.0, 'tsa': 'log', 'steps': 9},
    ),
    'vat': Trial(methods.vat, ('weak',), {'size': 1.0, 'ratio': 1.0}),
    'deep_co_training': Trial(
        methods.deep_co_training, ('weak',), {'size': 0.1, 'ratio': 1.0}
    ),
    'comatch': Trial(
        methods.comatch,
        ('strong', 'strong2'),
        LOW | {'ratio': 1.0, 'batches': 1},
        networks={'projector': 4},
    ),
    'simmatch': Trial(
        methods.simmatch,
        ('strong',),
        LOW | {'ratio': 1.0, 'labelled_rows': B},
        networks={'projector': 4},
    ),
    'simmatch_teacher': Trial(
        methods.simmatch,
        ('strong',),
        LOW
        | {'ratio': 1.0, 'labelled_rows': B, 'momentum': 0.0}
        | {'target_from': 'teacher', 'teacher': teachers.ema(0.9)},
        networks={'projector': 4},
    ),
    'noisy_student_first': Trial(  # nobody has answered yet
        methods.noisy_student, (), {'ratio': 1.0, 'rows': B}
    ),
    'noisy_student': Trial(after_a_teacher, ('strong',), {'ratio': 1.0, 'rows': B}),
    'multiaugs': Trial(
        methods.multiaugs, ('weak',), {'paths': ('JC', 'JO')}, kind='landmarks'
    ),
    'trs': Trial(
        methods.trs,
        ('weak',),
        # Not counted up: averages of few steps double what rounding leaves.
        {'decay': lambda step: 0.9, 'reviewer_decay': lambda step: 0.99},
        kind='landmarks',
    ),
    'post': Trial(
        methods.post,
        ('strong',),
        {'teacher': teachers.ema(0.9), 'feature_weight': 0.1, 'still': ('b1',)}
        | {'occluded': 1.0, 'threshold': -9.0, 'bones': ((0, 1),)},
        given={'student': 'student'},
        kind='landmarks',
    ),
    'pose_prior': Trial(
        pose_prior,
        (),
        {
            'poses': np.random.default_rng(0).random((9, 2, 2), np.float32),
            'bones': ((0, 1),),
            'nearest': 2,
            'middle_from': 1,
            'clean_from': 0,
        },
        kind='poses',
    ),
    'treeformer': Trial(
        methods.treeformer, ('weak',), {'crops': (1, 0.5)}, kind='density'
    ),
    'unsupervised_flow': Trial(
        unsupervised_flow, ('weak',), {'scales': (1.0,)}, kind='motion'
    ),
    'sbr': Trial(
        methods.sbr,
        ('weak',),
        {
            'least_score': -9.0,
            'most_error': 99.0,
            'most_move': 99.0,
            'window': 1,
            'tracks': 2,
            'weight': 0.02,  # tracks on noise multiply what float32 rounds
        },
        kind='clips',
    ),
    'tsal': Trial(
        methods.tsal,
        ('weak',),
        {'tracker_weight': 0.1, 'failing': 0.3},
        networks={'tracker': 'flow'},
        kind='clips',
    ),
    'tsal_frozen': Trial(
        methods.tsal,
        ('weak',),
        networks={'tracker': 'flow'},
        given={'tracker': 'tracker'},
        kind='clips',
    ),
    'mean_teacher_masks': Trial(
        methods.mean_teacher, ('weak',), {'weight': RAMP}, kind='masks'
    ),
    'fst_masks': Trial(methods.fst, ('strong',), LOW | {'ahead': 1}, kind='masks'),
    'uamt': Trial(
        methods.uamt,
        ('weak',),
        {'passes': 2, 'threshold': 0.9, 'weight': RAMP},
        kind='masks',
    ),
    'cps': Trial(methods.cps, ('weak',), {'weight': RAMP}, kind='masks'),
    'cps_dice': Trial(methods.cps, ('weak',), {'form': 'dice'}, kind='masks'),
    'unimatch': Trial(
        methods.unimatch,
        ('weak', 'strong', 'strong2')
        + ('partner_unlabelled/strong', 'partner_unlabelled/strong2'),
        LOW | {'boxes': 1.0},
        kind='masks',
    ),
    'copy_paste': Trial(copy_paste, (), kind='masks'),
    'bcp': Trial(
        methods.bcp,
        ('weak', 'partner_unlabelled/weak'),
        {'teacher': teachers.ema(0.9, stats='average')},
        kind='masks',
    ),
    'mask_autoencoder': Trial(mask_autoencoder, (), kind='masks'),
    'anatomy': Trial(
        methods.anatomy,
        ('weak',),
        networks={'autoencoder': 'autoencoder'},
        given={'autoencoder': 'autoencoder'},
        kind='masks',
    ),
    'c3s3': Trial(
        methods.c3s3,
        ('weak',),
        {'contrast_weight': 0.02},  # at 1 its slopes multiply what float32 rounds
        networks={'projector': 4},
        kind='masks',
    ),
    'tracoco': Trial(
        methods.tracoco, ('crops',), {'threshold': 0.4, 'lowest': 0.3}, kind='masks'
    ),
    'rail': Trial(methods.rail, ('weak',), {'turn': 1}, kind='masks'),
    'umct': Trial(methods.umct, ('weak',), {'passes': 2}, kind='masks'),
    'cfc_net': Trial(
        methods.cfc_net, ('weak',), {'side': 4, 'threshold': 0.4}, kind='masks'
    ),
    'ds6': Trial(
        methods.ds6,
        ('weak',),
        {'scale_weights': (1.0,), 'spacing': (1,), 'most': (0.1, 0.2)},
        kind='masks',
    ),
    'two_update': Trial(methods.two_update, ('strong', 'weak2'), LOW),
    'fst_deep': Trial(methods.fst, ('strong',), LOW | {'ahead': 1}),
    'fst_wide': Trial(methods.fst, ('strong',), LOW | {'ahead': 2, 'look': 'wide'}),
    'adversarial': Trial(methods.adversarial, ('weak',), networks={'critic': 1}),
    'simclr': Trial(methods.simclr, ('strong', 'strong2'), networks={'projector': 4}),
    'distil': Trial(
        methods.distil,
        ('weak',),
        networks={'teacher_network': 3},
        given={'teacher': 'teacher_network'},
    ),
    'distil_labelled': Trial(
        methods.distil,
        (),
        {'on': 'labelled', 'loss': 'dkd', 'label_weight': RAMP},
        networks={'teacher_network': 3},
        given={'teacher': 'teacher_network'},
    ),
    'distil_features': Trial(
        methods.distil_features,
        ('weak',),
        {'loss': 'relations', 'weight': 0.01},
        networks={'projector': 4, 'teacher_network': 3},
        given={'teacher': 'teacher_network'},
    ),
    'distil_contrast': Trial(
        methods.distil_contrast,
        ('weak',),
        {'rows': B, 'negatives': 4, 'weight': 0.01},
        networks={'embedder': 4, 'teacher_embedder': 4, 'teacher_network': 3},
        given={'teacher': 'teacher_network'},
    ),
    'promptkd': Trial(
        methods.promptkd,
        ('weak',),
        {'weight': 1.0, 'scale': 5.0, 'teacher_scale': 5.0},
        networks={'projector': 6, 'teacher_network': 3},
        given={'teacher': 'teacher_network', 'class_vectors': np.eye(3, 6, 1, 'f')},
    ),
    'named_classes': Trial(
        methods.named_classes,
        (),
        {
            'encoder': models.text_cnn(1, vocabulary=28, embedding=6, channels=()),
            'names': ('one', 'two', 'three'),
        },
    ),
    'dho': Trial(
        methods.dho,
        ('weak',),
        networks={'head': 3, 'teacher_network': 3},
        given={'teacher': 'teacher_network'},
    ),
    'lelp': Trial(
        methods.lelp,
        ('weak',),
        networks={'teacher_network': 3},
        given={'teacher': 'teacher_network', 'subspaces': SUBSPACES},
    ),
    'adapt': Trial(methods.adapt, ('weak', 'strong'), {'decay': 0.9}),
    'federated': Trial(at_clients, ('strong',), LOW | {'ratio': 1.0}),
    'own': of_file(f'{EXAMPLE}:agree'),
}


@pytest.mark.parametrize('row', catalogue.ROWS, ids=lambda row: row.name)
def test_every_row_is_tried(row):
    tried = [trial.build for trial in TRIALS.values()]
    assert row.level == 'planned' or catalogue.resolve(row.build) in tried


class Case:
    """A trial, and what is compiled once for several tests."""

    def __init__(self, trial, tiny, kind):
        self.trial, self.kind = trial, kind
        self.networks = {
            name: tiny.mlp(classes=one) if isinstance(one, int) else kind.networks[one]
            for name, one in trial.networks.items()
        }
        self.networks['student'] = self.student(statistics=True, noise=0.1)
        self.bare = self.build(self.networks['student'])
        self.prepare = views.prepare(self.bare.needs, kind.views)
        self.method = methods.prepared(self.bare, self.prepare)
        self.init = jax.jit(self._init)
        self.step = jax.jit(self._step, donate_argnums=0)
        self.traces = 0

    def _init(self, key, raw):
        return self.method.init(key, raw, self.given())

    def _step(self, state, raw):
        self.traces += 1
        return self.method.step(state, raw)

    def student(self, **kind):
        return self.kind.network(**kind)

    def build(self, student):
        options = {'optimizer': SGD, **self.trial.options, **self.kind.options}
        more = {name: self.networks[name] for name in self.trial.networks}
        return self.trial.build(student, **options, **more)

    def given(self, **more):
        """Variables for init: what it can't do without, and more of the kind."""
        key, image = jax.random.key(9), self.example(0, 1)['image']
        return {
            name: self.networks[one].init(key, image) if isinstance(one, str) else one
            for name, one in {**self.trial.given, **more}.items()
        }

    def raw(self, seed=0):
        """A batch as a feed gives it: fields and index of every stream needed."""
        raw = {}
        for i, (name, stream) in enumerate(self.method.needs.items()):
            rows = round(B * stream.ratio)
            fields = self.example(100 * seed + i, rows)
            raw[name] = {field: fields[field] for field in stream.fields}
            raw[name]['index'] = np.arange(rows, dtype=np.int32)
        return raw

    def blank(self):
        """A batch with its views, of which only shapes and types are right."""
        shapes = jax.eval_shape(self.prepare, jax.random.key(0), self.raw())
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def example(self, seed, rows):
        """The fields of task.example, with a batch axis."""
        return self.kind.example(np.random.default_rng(seed), rows)

    def run(self, state, steps=3):
        for i in range(steps):
            state, metrics = self.step(state, self.raw(i))
        return state, metrics


def pytest_generate_tests(metafunc):
    if 'case' in metafunc.fixturenames:
        method = metafunc.config.getoption('--method', None)
        names = [method] if method else TRIALS
        metafunc.parametrize('case', names, indirect=True, scope='module')


@pytest.fixture(scope='module')
def case(request, tiny, kinds):
    trial = TRIALS.get(request.param) or of_file(request.param)
    return Case(trial, tiny, kinds[trial.kind])


def student_of(state):
    return state.params['student']


def teacher_of(state):
    """What moves as a teacher, wherever the method keeps it; [] for none."""
    return state.params.get('teacher', state.memory.get('teacher', []))


def words(x):
    """An array as numpy, a key as the words that it is."""
    key = jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    return np.asarray(jax.random.key_data(x) if key else x)


def arrays(tree):
    return [words(x) for x in jax.tree.leaves(tree)]


def assert_same(a, b):
    for x, y in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_array_equal(x, y)


def assert_close(a, b):
    for x, y in zip(arrays(a), arrays(b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-5)


def test_three_donated_steps(case):
    def begin():
        # By hand and from given variables, as a user starts: jit might hide an alias.
        handed = jax.random.key(0), case.blank(), case.given(student='student')
        return handed, case.bare.init(*handed)

    # Two of a kind: an array that numpy has seen is not donated, only copied.
    before, first = begin()
    handed, start = begin()
    state, metrics = case.run(start)
    assert all(x.is_deleted() for x in jax.tree.leaves(start.params))
    # Nothing that was handed in has gone with the donated state.
    assert_same(handed, before)
    assert case.traces == 1
    assert int(state.step) == 3
    assert all(np.isfinite(x).all() for x in arrays((state, metrics)))
    assert 'loss' in metrics and any(name.startswith('loss/') for name in metrics)
    for who in student_of, teacher_of:
        pairs = zip(arrays(who(first)), arrays(who(state)), strict=True)
        moves = [abs(new - old).max() for old, new in pairs]
        assert not moves or max(moves) > 1e-4


def test_numbers_keep_their_types(case):
    method = case.build(case.student(statistics=True, dtype=jnp.bfloat16))
    batch, given = case.blank(), case.given()
    state = jax.eval_shape(method.init, jax.random.key(0), batch, given)
    new, metrics = jax.eval_shape(method.step, state, batch)
    kinds = lambda tree: jax.tree.map(lambda x: (x.dtype, x.weak_type), tree)  # noqa: E731
    assert kinds(state) == kinds(new)
    remembered = {x.dtype for x in jax.tree.leaves(state.memory)}
    assert remembered <= {jnp.dtype('float32'), jnp.dtype('int32')}  # ids in tables
    assert all(x.dtype == jnp.float32 for x in jax.tree.leaves(metrics))
    if case.trial.kind not in ('boxes', 'motion'):
        assert state.params['student']['W1'].dtype == jnp.bfloat16


def test_a_restart_goes_on_with_the_same_bits(case):
    state, _ = case.run(case.init(jax.random.key(1), case.raw()), 2)
    stored = jax.tree.map(words, state)  # plain numpy, as in a file
    again = jax.tree.map(jnp.asarray, stored)
    again = again._replace(key=jax.random.wrap_key_data(stored.key))
    straight, restored = (case.step(s, case.raw(2)) for s in (state, again))
    assert_same(straight, restored)
    assert case.traces == 1


def test_seeds_are_a_batch_axis(case):
    keys = jax.random.split(jax.random.key(2), 4)
    raws = jax.tree.map(lambda *x: np.stack(x), *(case.raw(i) for i in range(3)))

    @jax.jit
    @jax.vmap
    def train(key):
        state = case.method.init(key, case.raw(), case.given())
        return jax.lax.scan(case.method.step, state, raws)

    states, metrics = jax.tree.map(words, train(keys))
    for i, key in enumerate(keys):
        state, last = case.run(case.init(key, case.raw()))
        assert_close(jax.tree.map(lambda x, i=i: x[i], states), state)
        assert_close(jax.tree.map(lambda x, i=i: x[i, -1], metrics), last)


def test_eight_devices_are_one(case):
    mesh = jax.make_mesh((8,), ('data',), axis_types=(AxisType.Auto,))
    everywhere = NamedSharding(mesh, PartitionSpec())
    by_row = NamedSharding(mesh, PartitionSpec('data'))
    step = jax.jit(case.method.step)
    one = case.init(jax.random.key(3), case.raw())
    many = jax.device_put(one, everywhere)
    for i in range(3):
        many, metrics = step(many, jax.device_put(case.raw(i), by_row))
    assert_close((many, metrics), case.run(one))


def test_eight_devices_by_shard_map_are_one(case):
    """In a mesh of the user's own: each device runs the step on its own rows."""
    one = case.init(jax.random.key(3), case.raw())
    _, metrics = jax.eval_shape(case.method.step, one, case.raw())
    all_alike, by_row = PartitionSpec(), PartitionSpec(('hosts', 'chips'))
    auto = (AxisType.Auto, AxisType.Auto)
    mesh = jax.make_mesh((2, 4), ('hosts', 'chips'), axis_types=auto)
    step = jax.shard_map(
        case.method.step,
        mesh=mesh,
        in_specs=(all_alike, by_row),
        out_specs=(
            all_alike,
            jax.tree.map(lambda x: by_row if x.ndim else all_alike, metrics),
        ),
    )
    step, rows = jax.jit(step), NamedSharding(mesh, by_row)
    many = jax.device_put(one, NamedSharding(mesh, all_alike))  # as it comes back
    for i in range(3):
        many, metrics = step(many, jax.device_put(case.raw(i), rows))
    assert_close((many, metrics), case.run(one))


def test_only_the_taught_views_carry_gradient(case):
    # Without batch statistics: through those, rows do touch each other.
    method = case.build(case.student())
    batch = jax.jit(case.prepare)(jax.random.key(4), case.raw())
    state = case.init(jax.random.key(4), case.raw())
    # Past step 0, where a ramped weight is 0.
    state = state._replace(step=jnp.ones((), jnp.int32))

    @jax.jit
    @jax.grad
    def gradient(images):
        full = jax.tree.map(lambda x: x, batch)
        for (stream, view), image in images.items():
            full[stream][view]['image'] = image
        return method.step(state, full)[1]['loss']

    images = {
        (stream, view): batch[stream][view]['image']
        for stream, need in method.needs.items()
        for view in need.views
        if 'unlabelled' in stream
    }
    for (stream, view), slope in gradient(images).items():
        place = view if stream == 'unlabelled' else f'{stream}/{view}'
        taught = place in case.trial.learns
        size = np.abs(slope).max()
        assert (size > 1e-7) == taught, f'{stream}/{view} has gradient {size}'


def test_lowers_for_tpu(case):
    state = case.init(jax.random.key(5), case.raw())
    traced = jax.jit(case.method.step, donate_argnums=0).trace(state, case.raw())
    assert 'stablehlo' in traced.lower(lowering_platforms=('tpu',)).as_text()
