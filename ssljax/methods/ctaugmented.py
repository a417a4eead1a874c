"""Strong views that the method itself learns to choose: CTAugment."""

from __future__ import annotations

import zlib

import jax
import jax.numpy as jnp

from ssljax import shards
from ssljax.contracts import Method, View
from ssljax.views import compose, ctaugment, identity, plain, prepare, step_key
from ssljax.views.ctaugment import CTAugment
from ssljax.views.prepare import row_keys


def ctaugmented(
    method: Method,
    weak: View,
    *,
    policy: CTAugment | None = None,
    after: View = identity,
) -> Method:
    """Returns a classifier's method on raw batches, its strong views by CTAugment.

    In the place of ``prepared``: 'weak' is ``weak``, 'strong' is ``weak`` and then the
    policy's operations. Each step also draws a probe of every labelled image, whose
    answer by the shipped weights moves the bins, ``State.memory['ctaugment']``. ::

        method = methods.fixmatch(network, optimizer, num_classes=10, ratio=7)
        method = methods.ctaugmented(
            method, views.crop_pad(4), after=views.normalize(mean, std)
        )

    Args:
      method: whose streams 'labelled' (with 'image' and 'label') and 'unlabelled' need
        no other views than 'weak' and 'strong'.
      weak: crops and flips, of images in [0, 1] or bytes.
      policy: default ``views.ctaugment()``.
      after: what comes last in every view, such as ``views.normalize``.

    Source: Berthelot et al. 2020 (ReMixMatch), arXiv 1911.09785, section 3.2; in
    FixMatch (CTA). As there the probe is answered with running statistics, and its
    closeness is 1 - |p - y| / 2; they draw it of another labelled batch, we of the
    step's own.
    """
    chosen = policy or ctaugment()
    probe = zlib.crc32(b'probe')

    def seen(bins):
        def learnt(key, example):
            return chosen.view(key, example, bins)[0]

        return {
            'weak': compose(weak, after),
            'strong': compose(weak, learnt, after),
        }

    def init(key, batch, given=None):
        bins = chosen.init()
        views = prepare(method.needs, seen(bins))(key, batch)
        state = method.init(key, views, given or {})
        return state._replace(memory={**state.memory, 'ctaugment': bins})

    def step(state, batch):
        bins = state.memory['ctaugment']
        key = step_key(state.key, state.step)
        views = prepare(method.needs, seen(bins))(key, batch)
        own = jax.random.fold_in(jax.random.fold_in(state.key, state.step), probe)
        error, choice = probed(state, views['labelled'], own)
        new, metrics = method.step(state, views)
        moved = chosen.update(bins, choice, error)
        metrics = {**metrics, 'probe_error': shards.mean(jnp.mean(error))}
        return new._replace(memory={**new.memory, 'ctaugment': moved}), metrics

    def probed(state, labelled, key):
        def one(key, image):
            first, second = jax.random.split(key)
            return chosen.probe(second, weak(first, {'image': image}))

        images = labelled['image']
        keys = row_keys(key, shards.row_numbers(len(images), like=images))
        example, choice = shards.by_rows(jax.vmap(one), keys, images)
        example = plain(after)({'image': example['image']})
        probs = jax.nn.softmax(method.predict(state, example['image'])['logits'])
        truth = jax.nn.one_hot(labelled['label'], probs.shape[-1])
        error = 0.5 * jnp.sum(jnp.abs(probs.astype(jnp.float32) - truth), axis=-1)
        return jax.lax.stop_gradient(error), choice

    return method._replace(init=init, step=step)
