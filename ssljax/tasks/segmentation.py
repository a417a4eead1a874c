"""Segmentation: a class for every pixel of an image or voxel of a volume."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from ssljax import losses, views
from ssljax.contracts import IGNORED, Array, InputError, Outputs, Task
from ssljax.tasks import segmentation_metrics as metrics
from ssljax.tasks.classification import consistent


def segmentation(
    num_classes: int,
    shape: Sequence[int],
    *,
    loss: Literal['dice_ce', 'cross_entropy', 'focal_tversky'] = 'dice_ce',
    background: bool = True,
    class_weights: Sequence[float] | None = None,
    scale_weights: Sequence[float] = (),
    consistency: Callable | None = None,
    spacing: bool = False,
    surfaces: bool = True,
) -> Task:
    """Returns the task of naming the class of every site, of any number of axes S.

    An example has ``image`` [*S, channels] float32 and ``mask`` [*S] int32, ids in
    [0, C), or 255 where nothing is taught and scored; with ``spacing`` [d] float32
    distances are in mm, without it in sites. Networks answer 'logits' [B, *S, C] and
    may answer 'scales', a tuple of logits [B, *S, C] of several depths, the finest
    first. A prediction is the probabilities [B, *S, C] float32; carried to another
    view, they are all 0 at sites that one of the two views did not see, and
    ``targets.from_prediction`` weighs these sites 0.

    Supervised terms, per example, whose means over the batch are the papers' losses:
    'cross_entropy' and 'dice', half of each, over all sites of the batch; or one of
    them, or 'focal_tversky'. The consistency is one number a site. Scores: 'dice',
    'jaccard', 'miou', 'hd95', 'asd', 'assd'.

    Args:
      num_classes: C, with the background, which is class 0.
      shape: (*S, channels) of an image; views of it may be smaller.
      loss: 'dice_ce' is that of SSL4MIS.
      background: whether the mean of 'dice' is over all classes, as in 2D codes, or
        over the foreground, as in the 3D ones. 'focal_tversky' is of the foreground.
      class_weights: [C], of 'cross_entropy'; None is 1.
      scale_weights: of the losses of each of 'scales'; DS6 has (1, 0.66, 0.34). Without
        it only 'logits' are taught.
      consistency: ``(logits [B, *S, C], targets) -> [B, *S]``, as in
        ``tasks.classification``; None leaves it to the method.
      spacing: whether examples have it.
      surfaces: whether to score distances of surfaces, which needs scipy and some time.

    Raises:
      InputError: for impossible numbers; when traced, if the network answers otherwise.

    Source: Dice with cross-entropy as in HiLab-git/SSL4MIS; see ``losses.dice_loss``.
    """
    shape = tuple(shape)
    if not 2 <= num_classes <= IGNORED:
        raise InputError(
            f'num_classes is {num_classes}; give 2 to {IGNORED}, background included.'
        )
    if len(shape) < 2:
        raise InputError(f'shape is {shape}; give the axes of an image and channels.')
    kinds = ('dice_ce', 'cross_entropy', 'focal_tversky')
    if loss not in kinds:
        raise InputError(f'loss is {loss!r}; give one of {kinds}.')
    if class_weights is not None and len(class_weights) != num_classes:
        raise InputError(
            f'class_weights is {tuple(class_weights)}; give {num_classes} numbers.'
        )

    def logits_of(outputs: Outputs) -> Array:
        found = jnp.shape(outputs.get('logits', 0))
        if len(found) != len(shape) + 1 or found[-1] != num_classes:
            sites = ', '.join(map(str, shape[:-1]))
            raise InputError(
                f'The network answers { {n: jnp.shape(x) for n, x in outputs.items()} }'
                f"; this task needs 'logits' [B, {sites}, {num_classes}]."
            )
        return jnp.asarray(outputs['logits'], jnp.float32)

    def supervised(outputs, example):
        logits, mask = logits_of(outputs), jnp.asarray(example['mask'])
        if mask.shape != logits.shape[:-1]:
            raise InputError(
                f'mask has shape {mask.shape} and the logits {logits.shape}; a mask '
                'has the size of its image.'
            )
        if not scale_weights:
            return taught(logits, mask)
        scales = scales_of(outputs, len(scale_weights))
        parts = [taught(jnp.asarray(x, jnp.float32), mask) for x in scales]
        return {
            name: sum(
                weight * part[name]
                for weight, part in zip(scale_weights, parts, strict=True)
            )
            for name in parts[0]
        }

    def taught(logits, mask):
        """Returns the terms [B] of logits."""
        counts = losses.site_weights(mask)
        probs = jax.nn.softmax(logits)

        def rows(statistic):
            """Of a statistic of the batch: the same for each example."""
            return jnp.broadcast_to(statistic, logits.shape[:1])

        if loss == 'focal_tversky':
            found = losses.focal_tversky(probs, mask, counts)
            return {'focal_tversky': rows(found[1:].mean())}
        weighted = losses.site_weights(mask, class_weights=class_weights)
        entropy = losses.site_mean(losses.cross_entropy(logits, mask), weighted)
        if loss == 'cross_entropy':
            return {'cross_entropy': entropy}
        dice = losses.dice_loss(probs, mask, counts)
        dice = dice.mean() if background else dice[1:].mean()
        return {'cross_entropy': 0.5 * entropy, 'dice': 0.5 * rows(dice)}

    def transport(prediction, warp_from, warp_to):
        if warp_from is None and warp_to is None:
            return prediction
        moved, seen = views.align(prediction, warp_from, warp_to, raw=shape[:-1])
        return jnp.where(seen[..., None], moved, 0.0)

    example = {
        'image': jax.ShapeDtypeStruct(shape, jnp.float32),
        'mask': jax.ShapeDtypeStruct(shape[:-1], jnp.int32),
    }
    if spacing:
        example['spacing'] = jax.ShapeDtypeStruct((len(shape) - 1,), jnp.float32)
    scored = {'overlap': metrics.overlap(num_classes)}
    if surfaces:
        scored['surfaces'] = metrics.surfaces(num_classes)
    task = Task(
        example=example,
        inputs=('image',),
        decode=lambda outputs: jax.nn.softmax(logits_of(outputs)),
        supervised=supervised,
        consistency=None,
        transport=transport,
        metrics=scored,
        score='dice',
    )
    return task if consistency is None else consistent(task, consistency)


def scales_of(outputs: Outputs, number: int) -> tuple[Array, ...]:
    """Returns the logits [B, *S, C] of so many scales, the finest first.

    Args:
      outputs: 'scales', or 'logits' of a single one.
      number: of the weights that they are to have.

    Raises:
      InputError: if there are others.
    """
    scales = outputs.get('scales', (outputs['logits'],))
    if len(scales) != number:
        raise InputError(
            f'The network answers {len(scales)} scales, and scale_weights has '
            f'{number}; give as many.'
        )
    return tuple(scales)
