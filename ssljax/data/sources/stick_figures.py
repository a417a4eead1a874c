"""Drawn people of sticks, with the 16 joints of MPII, clean or in a harder domain.

Source: after the small proof that POST (Raychaudhuri et al. 2023) asks for: clean
drawings with labels, other colours, noise and covers without; the drawing is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import generated, scenes
from ssljax.data.sources.generated import (
    Generated,
    are_integers,
    integers,
    over,
    sides,
    stroke,
    within,
)

NAMES = (
    *('right ankle', 'right knee', 'right hip', 'left hip', 'left knee', 'left ankle'),
    *('pelvis', 'thorax', 'upper neck', 'head top', 'right wrist', 'right elbow'),
    *('right shoulder', 'left shoulder', 'left elbow', 'left wrist'),
)
"""Of the joints, in MPII's order. Right is the person's, on the picture's left."""
MIRROR = (5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10)
"""Which joint each becomes in a mirror."""
LIMBS = (
    *((6, 7), (7, 8), (8, 9), (7, 12), (12, 11), (11, 10), (7, 13), (13, 14)),
    *((14, 15), (6, 2), (2, 1), (1, 0), (6, 3), (3, 4), (4, 5)),
)
"""Joints that a stick links, from the body outwards; a tree with its root at 6."""

_PARTS = (0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 2, 2, 2, 2, 2)  # whose colour a limb has


class _Options(NamedTuple):
    size: tuple[int, int]
    seed: int
    shift: float
    clean: int  # rows of shift 0, before the others


def stick_figures(
    rows: int,
    size: tuple[int, int] = (48, 48),
    *,
    seed: int = 0,
    shift: float = 0.0,
    targets: tuple[int, int, int] | None = None,
) -> Generated:
    """Draws people, one a picture, in poses that joints of people can take.

    Poses have the same distribution in every domain, and the same seed and row the very
    same pose.

    Args:
      rows: of the Source, at least 1.
      size: (H, W), each at least 16.
      seed: of everything, at least 0.
      targets: adds rows of another domain behind these, which are then of shift 0 and
        the training part; so many each to train on without labels, to choose by and to
        test on, or none.
      shift: of the domain, or of that other one, 0 to 1. At 0, light sticks of a few
        hues stand before an even, dark background. Towards 1 hues and contrast become
        arbitrary, backgrounds textured and full of sticks, light uneven, pixels noisy,
        and four in five pictures have a cover that hides joints.

    Returns:
      A Source of ``image`` [H, W, 3] float32 in [0, 1], ``landmarks`` [16, 2] float32
      (x, y) in pixels, ``visible`` [16] bool: in the image and not covered,
      ``annotated`` [] bool, false for those to train on without labels, and with
      targets ``part`` [] int32, by which ``data.read`` parts them.

    Raises:
      InputError: if a number is no integer where one is asked for, or out of its
        range.
    """
    integers(rows=(rows, 1), seed=(seed, 0))
    within(shift=(shift, 0, 1))
    if targets is None:
        options = _Options(sides(size), seed, shift, 0)
        return Generated(
            _row, options, rows, columns={'annotated': np.ones(rows, bool)}
        )
    if not are_integers(targets, 3, 0):
        raise InputError(f'targets is {targets}; give three integers, 0 or more.')
    unlabelled, validation, test = targets
    part = np.repeat([0, 3, 1, 2], [rows, unlabelled, validation, test]).astype(
        np.int32
    )
    columns = {'annotated': part != 3, 'part': part}
    options = _Options(sides(size), seed, shift, rows)
    return Generated(_row, options, len(part), columns=columns)


def _row(row: int, o: _Options) -> dict[str, np.ndarray]:
    joints, side = _pose(np.random.default_rng([o.seed, 0, row]), o.size)
    random = np.random.default_rng([o.seed, 1, row])
    shift = 0.0 if row < o.clean else o.shift
    scene = scenes.scene(
        random,
        o.size,
        texture=0.02 + 0.1 * shift,
        clutter=round(8 * shift),
        occluded=0.8 * shift,
    )
    sites = generated.pixels(o.size)
    clean = [[0.8, 0.6, 0.5], [0.9, 0.75, 0.6], [0.5, 0.6, 0.85], [0.2, 0.22, 0.25]]
    colours = clean + random.uniform(-0.1, 0.1, (4, 3))
    colours += shift * (random.uniform(0, 1, (4, 3)) - colours)
    # The scene is grey; what lies behind gets a colour and keeps its texture.
    grey = scenes.behind(scene, sites)[..., None]
    image = np.clip(grey - scene.grey + colours[3].astype(np.float32), 0, 1)
    thick = 0.09 * side * random.uniform(0.8, 1.3)
    for (a, b), part in zip(LIMBS, _PARTS, strict=True):
        width = 1.6 * thick if (a, b) == (6, 7) else thick
        limb = stroke(sites, joints[a], joints[b], width, 1.0)
        image = over(image, limb[..., None], colours[part].astype(np.float32))
    head = (joints[8] + joints[9]) / 2
    disc = stroke(sites, head, head, float(np.linalg.norm(joints[9] - joints[8])), 1.0)
    image = over(image, disc[..., None], colours[1].astype(np.float32))
    covered, stuff = scenes.cover(scene, sites)
    image = over(image, covered[..., None], stuff[..., None])
    inside = np.all((joints > -0.5) & (joints < np.array(o.size[::-1]) - 0.5), axis=-1)
    noise = 0.01 + 0.09 * shift
    lighting = 0.1 + 0.5 * shift
    return {
        'image': scenes.lit(random, image[None], lighting, noise)[0],
        'landmarks': joints.astype(np.float32),
        'visible': inside & (scenes.cover(scene, joints)[0] < 0.5),
    }


def _pose(
    random: np.random.Generator, size: tuple[int, int]
) -> tuple[np.ndarray, float]:
    """Joints [16, 2] in pixels, and how long a torso is."""
    side = min(size)
    torso = 0.26 * side * random.uniform(0.75, 1.15)
    lean = random.normal(0, 0.2)
    joints = np.zeros((16, 2))

    def step(angle, length):
        """From straight down, towards the picture's right."""
        return torso * length * np.array([np.sin(angle), np.cos(angle)])

    centre = np.array([size[1] - 1, size[0] - 1]) / 2
    joints[6] = centre + random.uniform(-0.08, 0.08, 2) * side + step(lean, 0.1)
    joints[7] = joints[6] - step(lean, 1)
    nod = lean + random.normal(0, 0.2)
    joints[8] = joints[7] - step(lean, 0.2)
    joints[9] = joints[8] - step(nod, 0.5)
    for hand, sign in (((12, 11, 10), -1), ((13, 14, 15), 1)):
        shoulder, elbow, wrist = hand
        joints[shoulder] = joints[7] + step(lean + sign * np.pi / 2, 0.36)
        raised = lean + sign * random.uniform(-0.2, 2.6)
        joints[elbow] = joints[shoulder] + step(raised, 0.56)
        bent = raised + sign * random.uniform(-0.3, 2.0)
        joints[wrist] = joints[elbow] + step(bent, 0.52)
    for leg, sign in (((2, 1, 0), -1), ((3, 4, 5), 1)):
        hip, knee, ankle = leg
        joints[hip] = joints[6] + step(lean + sign * np.pi / 2, 0.2)
        spread = 0.5 * lean + sign * random.uniform(-0.1, 0.8)
        joints[knee] = joints[hip] + step(spread, 0.7)
        joints[ankle] = joints[knee] + step(spread - sign * random.uniform(0, 0.9), 0.7)
    return joints, torso
