import numpy as np

from ssljax import methods


def softmax(z):
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_12_steps_of_the_card_in_float64(tiny):
    rng = np.random.default_rng(1)
    shapes = {'lb': (12, 3, 4), 'ulb_w': (12, 9, 4), 'ulb_s': (12, 9, 4)}
    case = {
        f'in_logits_{name}': (2 * rng.normal(size=shape) + [1, 0, 0, 0]).astype('f')
        for name, shape in shapes.items()
    }
    case['in_y_lb'] = rng.integers(0, 4, (12, 3))
    m, mu, variance, model, moved_labels = 0.9, 0.25, 1.0, None, 0

    def build(network, optimizer):
        return methods.softmatch(network, optimizer, num_classes=4, momentum=m)

    for t, _, moved, metrics in tiny.replay(case, build):
        weak, strong = (case[f'in_logits_ulb_{v}'][t].astype(float) for v in 'ws')
        p = softmax(weak)
        model = p.mean(0) if model is None else m * model + (1 - m) * p.mean(0)
        aligned = p * (0.25 + 1e-6) / (model + 1e-6)
        aligned /= aligned.sum(-1, keepdims=True)
        best = aligned.max(-1)
        mu = m * mu + (1 - m) * best.mean()
        variance = m * variance + (1 - m) * best.var(ddof=1)
        weight = np.exp(-2 * np.minimum(best - mu, 0) ** 2 / variance)
        label = np.eye(4)[p.argmax(-1)]  # of the answer that is not aligned
        moved_labels += np.sum(p.argmax(-1) != aligned.argmax(-1))

        loss = np.mean(weight * -(label * np.log(softmax(strong))).sum(-1))
        np.testing.assert_allclose(metrics['loss/consistency'], loss, rtol=1e-5)
        gradient = weight[:, None] * (softmax(strong) - label) / len(weight)
        np.testing.assert_allclose(moved['ulb_s'], -gradient, atol=1e-6)
        np.testing.assert_array_equal(moved['ulb_w'], 0)
        assert metrics['utilisation'] == 1
    assert moved_labels > 5
