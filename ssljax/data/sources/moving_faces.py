"""Drawn faces that move and change, of which everything is known exactly.

A face lives in its own coordinates q: 1 is half its height, the nose is near 0. A frame
shows at pixel p what lies at

    q = W_t(R_t^-1 (p - c_t) / s_t),    W_t(r) = r + sum_j e_j(t) D_j(r),

the rigid motion (place c, turn R, size s) and the expression (smooth bumps D_j) undone.
A landmark l is where q = l; the flow of a pixel leads to where the next frame has the
same q. W has no inverse in closed form, but is close to the identity: repeated
substitution gains a factor of its slope each turn, down to float64.

Source: after the exact clips that the proof of TSAL (arXiv 2012.06711) asks for; the
drawing is our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ssljax.contracts import InputError
from ssljax.data.sources import generated, scenes
from ssljax.data.sources.generated import (
    Generated,
    at_least,
    integers,
    over,
    path,
    sides,
    stroke,
    within,
)

NAMES = (
    *('left eye, outer', 'right eye, outer', 'nose', 'mouth, left', 'mouth, right'),
    *('chin', 'left eye, inner', 'right eye, inner', 'mouth, top', 'mouth, bottom'),
    *('left brow, outer', 'left brow, inner', 'right brow, inner'),
    *('right brow, outer', 'left jaw', 'right jaw'),
)
"""Of the landmarks; a face of K has the first K. Left is the picture's left."""
MIRROR = (1, 0, 2, 4, 3, 5, 7, 6, 8, 9, 13, 12, 11, 10, 15, 14)
"""Which landmark each becomes in a mirror, for all 16. The first K are that of a face
of 8, 9, 10, 14 or 16. Of any other K a landmark lacks its partner, as the left brow
does of 12: there is no mirror."""

_MEAN = np.array(
    [
        *[(-0.52, -0.22), (0.52, -0.22), (0.0, 0.16), (-0.32, 0.5), (0.32, 0.5)],
        *[(0.0, 1.0), (-0.2, -0.2), (0.2, -0.2), (0.0, 0.42), (0.0, 0.6)],
        *[(-0.6, -0.44), (-0.18, -0.5), (0.18, -0.5), (0.6, -0.44)],
        *[(-0.68, 0.53), (0.68, 0.53)],
    ]
)
_OUTLINE = [5, 14, 15]  # the landmarks on the edge of the head
_BUMPS = np.array(
    [
        # centre x, y, width; displacement a unit of expression = (a, b) + (c x, d y)
        [0.0, 0.52, 0.30, 0.0, 0.0, 0.0, 0.5],  # the mouth opens
        [0.0, 0.52, 0.30, 0.0, 0.0, 0.5, 0.0],  # and widens
        [0.0, -0.47, 0.35, 0.0, 0.12, 0.0, 0.0],  # the brows rise
        [0.0, 0.1, 0.60, 0.2, 0.0, 0.0, 0.0],  # the head turns: the nose goes farthest
        [0.0, 0.1, 0.60, 0.0, 0.2, 0.0, 0.0],  # the head nods
    ]
)


class _Options(NamedTuple):
    frames: int
    size: tuple[int, int]
    num_landmarks: int
    seed: int
    identities: int
    speed: float
    expression: float
    pose: float
    texture: float
    clutter: int
    lighting: float
    noise: float
    occluded: float
    annotated_every: int
    flow: bool


def moving_faces(
    clips: int,
    frames: int = 10,
    size: tuple[int, int] = (48, 48),
    *,
    num_landmarks: int = 12,
    seed: int = 0,
    identities: int | None = None,
    speed: float = 1.0,
    expression: float = 1.0,
    pose: float = 1.0,
    texture: float = 0.06,
    clutter: int = 6,
    lighting: float = 0.2,
    noise: float = 0.02,
    occluded: float = 0.0,
    annotated_every: int = 1,
    flow: bool = False,
) -> Generated:
    """Draws clips of faces in front of moving, textured, cluttered backgrounds.

    Few labels do not suffice by default: every clip shows another face, of another
    shape, grey and drawing, turned and sized differently, among strokes that look like
    parts of faces. Row i depends on the seed, the options and i alone.

    Args:
      clips: rows of the Source, at least 1.
      frames: T, at least 1, or 2 with the flow; with 1 the rows are single images,
        without the axis T.
      size: (H, W), each at least 16.
      num_landmarks: K, 8 to 16, in the order of ``NAMES``.
      seed: of everything, at least 0.
      identities: different faces, at least 1; clip i shows face i modulo it. None is
        one a clip.
      speed: of the face, root mean square, in pixels a frame and axis at 48 pixels, at
        least 0; of turns, changes of size and expressions in proportion. 0 holds all
        still.
      expression: size of the non-rigid changes, 0 to 2.
      pose: size of the differences of place, turn and size between clips, 0 to 2.
      texture: standard deviation of the textures' grey, on the face and behind it, at
        least 0.
      clutter: strokes and discs behind the face, at least 0.
      lighting: share by which light differs over the image and changes with time, at
        least 0.
      noise: standard deviation of the noise of each pixel and frame, at least 0.
      occluded: share of the clips in which something passes before the face, 0 to 1.
      annotated_every: only each so many-th frame counts as annotated, from the first;
        at least 1. Single images all do.
      flow: adds the flow; it takes ten times as long.

    Returns:
      A Source of ``image`` [T, H, W, 1] float32 in [0, 1], ``landmarks`` [T, K, 2]
      float32 (x, y) in pixels, ``visible`` [T, K] bool (in the image and not covered),
      ``annotated`` [T] bool, ``person`` [] int32 (the identity), and on request
      ``flow`` [T - 1, H, W, 2] float32: where what a pixel of frame t shows goes until
      frame t + 1, also where it is covered then. Single images have no T and no
      ``flow``.

    Raises:
      InputError: if a number is no integer where one is asked for, or out of its
        range.
    """
    if not isinstance(flow, bool):
        raise InputError(f'flow is {flow}; give True or False.')
    people = clips if identities is None else identities
    within(
        num_landmarks=(num_landmarks, 8, len(NAMES)),
        expression=(expression, 0, 2),
        pose=(pose, 0, 2),
        occluded=(occluded, 0, 1),
    )
    integers(
        clips=(clips, 1),
        frames=(frames, 1 + flow),
        num_landmarks=(num_landmarks, 8),
        seed=(seed, 0),
        annotated_every=(annotated_every, 1),
        identities=(people, 1),
        clutter=(clutter, 0),
    )
    at_least(
        speed=(speed, 0),
        texture=(texture, 0),
        lighting=(lighting, 0),
        noise=(noise, 0),
    )
    options = _Options(
        frames=frames,
        size=sides(size),
        num_landmarks=num_landmarks,
        seed=seed,
        identities=people,
        speed=speed,
        expression=expression,
        pose=pose,
        texture=texture,
        clutter=clutter,
        lighting=lighting,
        noise=noise,
        occluded=occluded,
        annotated_every=annotated_every,
        flow=flow,
    )
    said = np.arange(frames) % annotated_every == 0
    columns = {
        'person': np.arange(clips, dtype=np.int32) % people,
        'annotated': np.tile(said, (clips, 1)) if frames > 1 else np.ones(clips, bool),
    }
    return Generated(_clip, options, clips, columns=columns)


def _clip(row: int, o: _Options) -> dict[str, np.ndarray]:
    face = _face(np.random.default_rng([o.seed, 0, row % o.identities]), o)
    random = np.random.default_rng([o.seed, 1, row])
    motion = _motion(random, o)
    scene = scenes.scene(
        random,
        o.size,
        frames=o.frames,
        speed=o.speed,
        texture=o.texture,
        clutter=o.clutter,
        occluded=o.occluded,
    )
    sites = generated.pixels(o.size)
    own = _own(motion, sites[None])
    landmarks = _places(motion, face.landmarks[None, : o.num_landmarks])
    image = np.empty((o.frames, *o.size), np.float32)
    shows_face, shows_cover = np.empty((2, *image.shape), bool)
    visible = _inside(landmarks, o.size)
    for t, size in enumerate(motion.size):
        head = generated.ellipse(own[t], np.zeros(2), face.radii, 1 / size)
        covered, grey = scenes.cover(scene, sites, t)
        seen = over(
            scenes.behind(scene, sites, t), head, _drawn(face, own[t], 1 / size)
        )
        image[t] = over(seen, covered, grey)
        shows_face[t], shows_cover[t] = head > 0.5, covered > 0.5
        # At the very place, not at the nearest pixel.
        visible[t] &= scenes.cover(scene, landmarks[t], t)[0] < 0.5
    clip = {
        'image': scenes.lit(random, image, o.lighting, o.noise)[..., None],
        'landmarks': landmarks.astype(np.float32),
        'visible': visible,
    }
    if o.frames == 1:
        return {name: value[0] for name, value in clip.items()}
    if o.flow:
        clip['flow'] = _flow(motion, scene, sites, shows_face, shows_cover)
    return clip


def _inside(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Whether points [..., 2] lie on the image."""
    return np.all((points > -0.5) & (points < np.array(size[::-1]) - 0.5), axis=-1)


class _Face(NamedTuple):
    landmarks: np.ndarray  # [16, 2]
    radii: np.ndarray  # [2] of the head
    skin: generated.Waves
    greys: np.ndarray  # [6] skin, eyes, pupils, brows, nose, mouth
    widths: np.ndarray  # [4] eyes, brows, nose, mouth


def _face(random: np.random.Generator, o: _Options) -> _Face:
    free = random.normal(size=_MEAN.shape)
    mirrored = free[list(MIRROR)] * (-1, 1)
    stretch = random.uniform(0.85, 1.15, 2)
    shape = _MEAN * stretch + 0.035 * (free + mirrored) + 0.015 * free
    radii = np.array([0.84, 1.0]) * stretch * random.uniform(0.95, 1.05, 2)
    outline = shape[_OUTLINE] / radii
    shape[_OUTLINE] = outline / np.linalg.norm(outline, axis=1, keepdims=True) * radii
    skin = random.uniform(0.3, 0.8)
    # Dark parts on light skin, mostly; on dark skin some are lighter.
    sign = np.where(random.random(5) < (skin - 0.2) / 0.45, -1, 1)
    parts = skin + sign * random.uniform(0.15, 0.35, 5)
    return _Face(
        shape,
        radii,
        generated.waves(random, 0.25, 1.0, o.texture),
        np.array([skin, *parts]),
        random.uniform([0.1, 0.05, 0.06, 0.06], [0.2, 0.12, 0.12, 0.13]),
    )


def _drawn(face: _Face, q: np.ndarray, soft: float) -> np.ndarray:
    """The face's grey [H, W] at its own coordinates q [H, W, 2]."""
    at = face.landmarks
    skin, eyes, pupils, brows, nose, mouth = face.greys
    image = skin + generated.texture(face.skin, q)

    def paint(image, pairs, width, grey):
        lines = [stroke(q, at[a], at[b], width, soft) for a, b in pairs]
        return over(image, np.maximum.reduce(lines), grey)

    image = paint(image, [(0, 6), (7, 1)], face.widths[0], eyes)
    for a, b in ((0, 6), (7, 1)):
        centre = (at[a] + at[b]) / 2
        disc = stroke(q, centre, centre, 0.8 * face.widths[0], soft)
        image = over(image, disc, pupils)
    image = paint(image, [(10, 11), (12, 13)], face.widths[1], brows)
    bridge = (at[6] + at[7]) / 2
    side = np.maximum(
        stroke(q, bridge, at[2], 0.6 * face.widths[2], soft),
        stroke(q, at[2], at[2], 1.8 * face.widths[2], soft),
    )
    image = over(image, side, nose)
    return paint(image, [(3, 8), (8, 4), (4, 9), (9, 3)], face.widths[3], mouth)


class _Motion(NamedTuple):
    place: np.ndarray  # [T, 2] pixels
    turn: np.ndarray  # [T, 2, 2] rotations
    size: np.ndarray  # [T] pixels
    expression: np.ndarray  # [T, 5]


def _motion(random: np.random.Generator, o: _Options) -> _Motion:
    height, width = o.size
    side = min(o.size)
    step = o.speed * side / 48
    roam = o.pose * 0.08 * side * random.uniform(-1, 1, 2)
    middle = np.array([(width - 1) / 2, (height - 1) / 2]) + roam
    angle = o.pose * random.uniform(-0.5, 0.5)
    size = 0.36 * side * 1.25 ** (o.pose * random.uniform(-1, 1))
    held = o.expression * random.uniform(-0.35, 0.35, 5)
    change = np.minimum(0.04 * o.speed, 0.08) * o.expression
    moving = generated.at(path(random, (2,), step * 0.7), o.frames)
    turning = angle + generated.at(path(random, (), 0.02 * o.speed), o.frames)
    growing = generated.at(path(random, (), 0.008 * o.speed), o.frames)
    changing = generated.at(path(random, (5,), change), o.frames)
    c, s = np.cos(turning), np.sin(turning)
    return _Motion(
        # Not out of the picture, however fast.
        middle + 0.2 * side * np.tanh(moving / (0.2 * side)),
        np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2),
        size * np.exp(0.15 * np.tanh(growing / 0.15)),
        # Bounded, so that W stays invertible.
        0.7 * np.tanh((held + changing) / 0.7),
    )


def _bump(expression: np.ndarray, r: np.ndarray) -> np.ndarray:
    """sum_j e_j D_j(r): expression [T, 5], r [T, ..., 2] -> [T, ..., 2]."""
    lead = (-1, *(1,) * (r.ndim - 2))
    x_sum, y_sum = np.zeros(r.shape[:-1], r.dtype), np.zeros(r.shape[:-1], r.dtype)
    for j, (x0, y0, width, a, b, c, d) in enumerate(_BUMPS.astype(r.dtype)):
        x, y = r[..., 0] - x0, r[..., 1] - y0
        near = np.exp((x * x + y * y) * (-0.5 / (width * width)))
        near *= expression[:, j].astype(r.dtype).reshape(lead)
        if a or c:
            x_sum += near * (a + c * x)
        if b or d:
            y_sum += near * (b + d * y)
    return np.stack([x_sum, y_sum], -1)


def _own(motion: _Motion, p: np.ndarray) -> np.ndarray:
    """Pixels [T or 1, ..., 2] to the face's coordinates, in their type."""
    r = _rigid(motion, p, back=True)
    return r + _bump(motion.expression, r)


def _places(motion: _Motion, q: np.ndarray) -> np.ndarray:
    """The face's coordinates [T or 1, ..., 2] to pixels, float64."""
    q = np.broadcast_to(q.astype(np.float64), (len(motion.size), *q.shape[1:]))
    r = q
    for _ in range(100):
        r, old = q - _bump(motion.expression, r), r
        if np.abs(r - old).max() < 1e-12:
            break
    return _rigid(motion, r, back=False)


def _rigid(motion: _Motion, x: np.ndarray, *, back: bool) -> np.ndarray:
    lead = (-1, *(1,) * (x.ndim - 2))
    place, size = motion.place.astype(x.dtype), motion.size.astype(x.dtype)
    turn = motion.turn.astype(x.dtype)
    place, size = place.reshape(*lead, 2), size.reshape(*lead, 1)
    if back:
        return np.einsum('t...i,tij->t...j', (x - place) / size, turn)
    return place + size * np.einsum('t...j,tij->t...i', x, turn)


def _flow(motion, scene, sites, face, before) -> np.ndarray:
    """[T - 1, H, W, 2]: face and before say what a pixel [T, H, W] shows."""
    wide = sites.astype(np.float64)
    first, second = (_Motion(*(x[s] for x in motion)) for s in (np.s_[:-1], np.s_[1:]))
    own = _places(second, _own(first, wide[None])) - wide
    shift = np.diff(scene.shift, axis=0)[:, None, None]
    passing = np.diff(scene.passing, axis=0)[:, None, None]
    flow = np.where(face[:-1, ..., None], own, shift)
    return np.where(before[:-1, ..., None], passing, flow).astype(np.float32)
