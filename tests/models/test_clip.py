"""CLIP's encoders against numpy in float64, by files with the published names."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ssljax import models
from ssljax.contracts import InputError
from ssljax.models import clip

W, HEADS, OUT = 8, 2, 6  # of the tiny ones


def sized(shapes):
    return sum(int(np.prod(x.shape)) for x in jax.tree.leaves(shapes))


def layer_names(prefix, i):
    at = f'{prefix}.encoder.layers.{i}'
    names = {f'{at}.layer_norm{n}.{x}': (W,) for n in '12' for x in ('weight', 'bias')}
    for part in 'q', 'k', 'v', 'out':
        names[f'{at}.self_attn.{part}_proj.weight'] = (W, W)
        names[f'{at}.self_attn.{part}_proj.bias'] = (W,)
    names[f'{at}.mlp.fc1.weight'], names[f'{at}.mlp.fc1.bias'] = (4 * W, W), (4 * W,)
    names[f'{at}.mlp.fc2.weight'], names[f'{at}.mlp.fc2.bias'] = (W, 4 * W), (W,)
    return names


@pytest.fixture(scope='module')
def tensors():
    """Names and shapes as the published file has them, of two layers each."""
    shapes = {
        'logit_scale': (),
        'vision_model.embeddings.class_embedding': (W,),
        'vision_model.embeddings.patch_embedding.weight': (W, 3, 4, 4),
        'vision_model.embeddings.position_embedding.weight': (5, W),
        'vision_model.pre_layrnorm.weight': (W,),
        'vision_model.pre_layrnorm.bias': (W,),
        'vision_model.post_layernorm.weight': (W,),
        'vision_model.post_layernorm.bias': (W,),
        'visual_projection.weight': (OUT, W),
        'text_model.embeddings.token_embedding.weight': (11, W),
        'text_model.embeddings.position_embedding.weight': (7, W),
        'text_model.final_layer_norm.weight': (W,),
        'text_model.final_layer_norm.bias': (W,),
        'text_projection.weight': (OUT, W),
    }
    for prefix in ('vision_model', 'text_model'):
        for i in range(2):
            shapes |= layer_names(prefix, i)
    rng = np.random.default_rng(0)
    return {
        name: np.asarray(0.5 * rng.normal(size=shape), np.float32)
        for name, shape in shapes.items()
    }


def norm(x, t, name):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return scaled * t[f'{name}.weight'] + t[f'{name}.bias']


def linear(x, t, name):
    return x @ t[f'{name}.weight'].T + t[f'{name}.bias']


def layer(x, t, name, causal):
    """One example [T, W], head by head."""
    seen = norm(x, t, f'{name}.layer_norm1')
    q, k, v = (linear(seen, t, f'{name}.self_attn.{p}_proj') for p in 'qkv')
    heads = []
    for h in range(HEADS):
        part = slice(h * W // HEADS, (h + 1) * W // HEADS)
        score = q[:, part] @ k[:, part].T / np.sqrt(W // HEADS)
        if causal:
            score[np.triu_indices(len(x), 1)] = -np.inf
        weight = np.exp(score - score.max(1, keepdims=True))
        heads.append(weight / weight.sum(1, keepdims=True) @ v[:, part])
    x = x + linear(np.concatenate(heads, 1), t, f'{name}.self_attn.out_proj')
    wide = linear(norm(x, t, f'{name}.layer_norm2'), t, f'{name}.mlp.fc1')
    return x + linear(wide / (1 + np.exp(-1.702 * wide)), t, f'{name}.mlp.fc2')


def vision_by_hand(image, t):
    t = {name: np.float64(x) for name, x in t.items()}
    found, at = [], 'vision_model.embeddings'
    for one in np.float64(image):
        patches = [one[y : y + 4, x : x + 4] for y in (0, 4) for x in (0, 4)]
        kernel = t[f'{at}.patch_embedding.weight']
        tokens = [np.einsum('yxc,dcyx->d', patch, kernel) for patch in patches]
        x = np.stack([t[f'{at}.class_embedding'], *tokens])
        x = norm(
            x + t[f'{at}.position_embedding.weight'], t, 'vision_model.pre_layrnorm'
        )
        for i in range(2):
            x = layer(x, t, f'vision_model.encoder.layers.{i}', False)
        x = norm(x[0], t, 'vision_model.post_layernorm')
        found.append(t['visual_projection.weight'] @ x)
    return np.stack(found)


def text_by_hand(tokens, t):
    t = {name: np.float64(x) for name, x in t.items()}
    found, at = [], 'text_model.embeddings'
    for one in tokens:
        x = t[f'{at}.token_embedding.weight'][one]
        x = x + t[f'{at}.position_embedding.weight'][: len(one)]
        for i in range(2):
            x = layer(x, t, f'text_model.encoder.layers.{i}', True)
        x = norm(x, t, 'text_model.final_layer_norm')[np.argmax(one)]
        found.append(t['text_projection.weight'] @ x)
    return np.stack(found)


def tiny_vision(**options):
    sizes = {'image_size': 8, 'patch': 4, 'width': W, 'depth': 2, 'heads': HEADS}
    return models.clip_vision(**sizes, outputs=OUT, **options)


def tiny_text():
    return models.clip_text(
        vocabulary=11, positions=7, width=W, depth=2, heads=HEADS, outputs=OUT
    )


def test_both_encoders_by_a_file(tmp_path, tensors):
    save_file = pytest.importorskip('safetensors.numpy').save_file
    file = tmp_path / 'model.safetensors'
    save_file(tensors, file)
    rng = np.random.default_rng(1)
    image = rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    tokens = np.array([[3, 5, 10, 0, 0], [1, 10, 2, 9, 4]], np.int32)
    for network, inputs, expected in [
        (tiny_vision(), image, vision_by_hand(image, tensors)),
        (tiny_text(), tokens, text_by_hand(tokens, tensors)),
    ]:
        blank = jax.eval_shape(network.init, jax.random.key(0), inputs)
        variables = clip.load_clip_weights(blank, file)
        answer, _ = jax.jit(network.apply, static_argnames='train')(
            variables, inputs, train=False
        )
        np.testing.assert_allclose(answer['features'], expected, rtol=2e-4, atol=1e-4)
    with pytest.raises(InputError, match="can't be read as .safetensors"):
        clip.load_clip_weights(blank, tmp_path / 'other.safetensors')


def test_sizes_of_the_published_model():
    """ViT-B/16 has 149,620,737 numbers, one of them its scale."""
    vision, text = (
        jax.eval_shape(network.init, jax.random.key(0), None)
        for network in (models.clip_vision(), models.clip_text())
    )
    assert sized(vision) == 86_192_640 and sized(text) == 63_428_096
    large = models.clip_vision(patch=14, width=1024, depth=24, heads=16, outputs=768)
    large = jax.eval_shape(large.init, jax.random.key(0), None)
    assert sized(large) == 303_966_208


def test_prompts_change_the_answer_and_are_in_no_file(tensors):
    network = tiny_vision(prompts=2, prompt_depth=1)
    variables = network.init(jax.random.key(0), None)
    loaded = clip.load_clip_weights(variables, tensors)
    prompts = variables.params['prompts']
    assert prompts.shape == (1, 2, W)
    np.testing.assert_array_equal(loaded.params['prompts'], prompts)
    image = jax.random.normal(jax.random.key(1), (2, 8, 8, 3))
    found, _ = network.apply(loaded, image, train=False)
    plain = {k: x for k, x in loaded.params.items() if k != 'prompts'}
    bare, _ = tiny_vision().apply(loaded._replace(params=plain), image, train=False)
    assert jnp.abs(found['features'] - bare['features']).max() > 1e-4


def test_refuses_what_does_not_fit(tensors):
    network = tiny_vision()
    variables = jax.eval_shape(network.init, jax.random.key(0), None)
    name = 'vision_model.post_layernorm.bias'
    lacking = {k: x for k, x in tensors.items() if k != name}
    with pytest.raises(InputError, match=f'lack 1 of the 40 .*: {name};'):
        clip.load_clip_weights(variables, lacking)
    with pytest.raises(InputError, match=f'{name} must give'):
        clip.load_clip_weights(variables, {**tensors, name: np.zeros(3)})
    with pytest.raises(InputError, match='heads is 3, which does not divide 8'):
        models.clip_text(width=8, heads=3)
    with pytest.raises(InputError, match='must be 8x8'):
        blank = jnp.zeros((1, 12, 12, 3))
        jax.eval_shape(network.init, jax.random.key(0), blank)
        jax.eval_shape(lambda v: network.apply(v, blank, train=False)[0], variables)
    with pytest.raises(InputError, match='T up to 7'):
        text = tiny_text()
        weights = jax.eval_shape(text.init, jax.random.key(0), None)
        long = jnp.zeros((1, 8), jnp.int32)
        jax.eval_shape(lambda v: text.apply(v, long, train=False)[0], weights)
