import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ssljax import methods
from ssljax.contracts import InputError, Network, Variables
from ssljax.methods.dho import mix
from ssljax.programs.choice import answering, choose


def features_of(case):
    """A network whose features are parameters, one a row, and a head like its own."""
    linear = {name: jnp.float32(case[f'in_{name}']) for name in ('W_ce', 'b_ce')}
    rows = jnp.float32(np.concatenate([case['in_f_l'], case['in_f_u']]))

    def apply(variables, inputs, *, train, key=None):
        p = variables.params
        f = p['f'][inputs[:, 0].astype(jnp.int32)]
        return {'logits': f @ p['W_ce'].T + p['b_ce'][None], 'features': f}, {}

    def head(variables, features, *, train, key=None):
        p = variables.params
        return {'logits': features @ p['W'].T + p['b'][None]}, {}

    own = {'W': jnp.float32(case['in_W_kd']), 'b': jnp.float32(case['in_b_kd'])}
    return (
        Network(lambda key, inputs: Variables({'f': rows, **linear}), apply),
        Network(lambda key, features: Variables(own), head),
    )


@pytest.mark.parametrize('kind, each, joint', [('semi', 1, True), ('few', 0.5, False)])
def test_a_step_of_the_official_code(tiny, golden, kind, each, joint):
    """With rate 1 the parameters move by their gradients."""
    case = golden('kd_dho')
    network, head = features_of(case)
    teacher = np.concatenate([case['in_t_l'], case['in_t_u']])
    method = methods.dho(
        network,
        head,
        tiny.table(teacher),
        optax.sgd(1.0),
        num_classes=5,
        temperature=float(case['hp_T']),
        label_weight=each,
        weight=each,
        cosine=100.0,
        joint=joint,
    )
    labelled, unlabelled = tiny.rows(8, 16)
    batch = tiny.batch(labelled, case['in_y'], {'weak': unlabelled})
    given = {'teacher': Variables({'logits': jnp.float32(teacher)})}
    state = method.init(jax.random.key(0), batch, given)
    new, metrics = jax.jit(method.step)(state, batch)
    for name, recorded in {
        'loss': 'total',
        'loss/supervised': 'ce',
        'loss/distillation_labelled': 'kd_l',
        'loss/distillation': 'kd_u',
    }.items():
        np.testing.assert_allclose(
            metrics[name], case[f'out_{recorded}_{kind}'], rtol=1e-5
        )
    slopes = jax.tree.map(lambda a, b: a - b, state.params, new.params)
    rows = [case[f'grad_total__f_{stream}_{kind}'] for stream in 'lu']
    for got, recorded in [
        (slopes['student']['f'], np.concatenate(rows)),
        (slopes['student']['W_ce'], case[f'grad_total__W_ce_{kind}']),
        (slopes['student']['b_ce'], case[f'grad_total__b_ce_{kind}']),
        (slopes['head']['W'], case[f'grad_total__W_kd_{kind}']),
        (slopes['head']['b'], case[f'grad_total__b_kd_{kind}']),
    ]:
        size = np.abs(recorded).max()
        np.testing.assert_allclose(got / size, recorded / size, atol=2e-6)


def validated(tiny, case):
    """The recorded validation logits as a trained state, its method, and its labels."""
    logits, other = jnp.float32(case['in_val_ce']), jnp.float32(case['in_val_kd'])
    table = tiny.table(logits)

    def apply(variables, inputs, *, train, key=None):
        outputs, stats = table.apply(variables, inputs, train=train)
        return {**outputs, 'features': inputs}, stats

    network = table._replace(apply=apply)
    method = methods.dho(
        network, tiny.table(other), network, optax.sgd(1.0), num_classes=5
    )
    (rows,) = tiny.rows(64)
    batch = tiny.batch(rows, case['in_val_y'], {'weak': rows})
    given = {'teacher': network.init(jax.random.key(0), rows)}
    return method, method.init(jax.random.key(0), batch, given), rows


def test_the_mixture_is_of_probabilities(tiny, golden):
    case = golden('kd_dho')
    method, state, rows = validated(tiny, case)
    for share, temperature, name in [(0.5, 0.5, 'a05_b05'), (0.5, 1.0, 'a05_b1')]:
        one = answering(state, 'mixture', {'share': share, 'temperature': temperature})
        probs = jax.nn.softmax(method.predict(one, rows)['logits'])
        np.testing.assert_allclose(probs, case[f'out_p_{name}'], atol=1e-6)
    assert set(method.answers) == {'student', 'label_head', 'taught_head'}
    for who, values in ('label_head', 'in_val_ce'), ('taught_head', 'in_val_kd'):
        answer = method.answers[who](state, rows)['logits']
        np.testing.assert_allclose(answer, case[values], rtol=1e-6)


def test_alone_at_the_ends_of_the_share():
    one, two = jax.random.normal(jax.random.key(0), (2, 4, 3))
    probs = [jax.nn.softmax(mix(one, two, jnp.float32(a), 2.0)) for a in (0, 1)]
    np.testing.assert_allclose(probs[0], jax.nn.softmax(two / 2), rtol=1e-5)
    np.testing.assert_allclose(probs[1], jax.nn.softmax(one), rtol=1e-5)


def test_chooses_what_the_official_search_chose(tiny, golden):
    case = golden('kd_dho')
    method, state, rows = validated(tiny, case)
    tried = []

    @jax.jit
    def accuracy(state):
        answer = jnp.argmax(method.predict(state, rows)['logits'], -1)
        return jnp.mean(answer == case['in_val_y'], dtype=jnp.float32)

    def score(state):
        tried.append(100 * float(accuracy(state)))
        return tried[-1]

    grid = {
        'temperature': (0.5, 0.75, 1, 1.25, 1.5, 2, 4),
        'share': np.arange(0, 1.05, 0.05),
    }
    found = choose(state, 'mixture', grid, score)
    recorded = case['mid_acc_grid_beta_alpha']
    scale = 100 / max(recorded.max(), 1) if recorded.max() <= 1 else 1
    np.testing.assert_allclose(tried, scale * recorded.ravel(), rtol=1e-5)
    _, share, temperature = case['out_best_acc_alpha_beta']
    assert found == pytest.approx({'share': share, 'temperature': temperature})
    with pytest.raises(InputError, match=r"none called 'scale'"):
        choose(state, 'mixture', {'scale': (1,)}, score)
    with pytest.raises(InputError, match='give values of each'):
        choose(state, 'mixture', {'share': ()}, score)
    with pytest.raises(InputError, match=r"'weights' has the numbers \[\]"):
        choose(state, 'weights', {'share': (1,)}, score)


def test_answers_that_come_with_the_batch_teach_the_same(tiny):
    """All logits, and the top two of three classes, whose rest is one class."""
    network, teacher = tiny.mlp(), tiny.mlp(hidden=4)
    image = jax.random.normal(jax.random.key(1), (6, 5))
    variables = teacher.init(jax.random.key(2), image)
    logits, _ = teacher.apply(variables, image, train=False)
    head = tiny.mlp(hidden=2)
    batch = tiny.batch(image[:2], [0, 2], {'weak': image[2:]})
    from ssljax.targets.top_answers import top_answers

    values, classes = top_answers(logits['logits'], 2)
    for name, rows in ('labelled', slice(0, 2)), ('unlabelled', slice(2, None)):
        batch[name]['teacher_logits'] = logits['logits'][rows]
        batch[name]['top_values'], batch[name]['top_classes'] = (
            values[rows],
            classes[rows],
        )
    moved = {}
    for target_from in ('teacher', 'answers', 'top_answers'):
        if target_from == 'top_answers':
            for stream in batch.values():
                stream['teacher_logits'] = stream.pop('top_values')
                stream['teacher_classes'] = stream.pop('top_classes')
        online = target_from == 'teacher'
        method = methods.dho(
            network,
            head,
            teacher if online else None,
            optax.sgd(0.5),
            num_classes=3,
            temperature=1.0,
            target_from=target_from,
        )
        given = {'teacher': variables} if online else {}
        state = method.init(jax.random.key(0), batch, given)
        assert bool(state.frozen) == online
        for _ in range(2):
            state, _ = jax.jit(method.step)(state, batch)
        moved[target_from] = state.params
    for other in ('answers', 'top_answers'):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6),
            moved['teacher'],
            moved[other],
        )


def test_refuses_a_teacher_of_other_classes(tiny):
    image = jnp.ones((2, 5))
    teacher = tiny.mlp(classes=4)
    method = methods.dho(tiny.mlp(), tiny.mlp(), teacher, optax.sgd(0.1), num_classes=3)
    batch = tiny.batch(image, [0, 2], {'weak': image})
    given = {'teacher': teacher.init(jax.random.key(0), image)}
    state = method.init(jax.random.key(0), batch, given)
    with pytest.raises(InputError, match='teacher answers 4 classes and the student 3'):
        method.step(state, batch)
    with pytest.raises(InputError, match='teacher_network is None'):
        methods.dho(tiny.mlp(), tiny.mlp(), None, optax.sgd(0.1), num_classes=3).init(
            jax.random.key(0), batch
        )
