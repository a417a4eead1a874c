"""Views: ``view(key, example) -> example``, weak for teachers, strong for students."""

from ssljax.views import (
    adversarial,
    joints,
    mixing,
    regions,
    series,
    sound,
    spectra,
    text,
)
from ssljax.views.align import align
from ssljax.views.augmix import augmix
from ssljax.views.axis_frames import AXES_FIRST, AxisFrame, into_frame, out_of_frame
from ssljax.views.bspline import bspline, deform, diffeomorphism
from ssljax.views.clips import clip
from ssljax.views.corruptions import corrupt
from ssljax.views.crops import overlap, overlapping_crops, random_crop
from ssljax.views.ctaugment import ctaugment
from ssljax.views.elastic import elastic
from ssljax.views.erasing import random_erasing
from ssljax.views.framing import perspective, resized_crop
from ssljax.views.frequencies import split_frequencies
from ssljax.views.geometry import (
    affine,
    crop_pad,
    flip_horizontal,
    flip_vertical,
    normal_affine,
    rotate90,
    shift,
)
from ssljax.views.images import as_float, normalize, standardize, to_float
from ssljax.views.intensity import cutout, jitter, noise
from ssljax.views.mask_damage import damage_mask
from ssljax.views.points import (
    drop_points,
    flip_points,
    rotate_points,
    scale_points,
    shuffle_patches,
    unshuffle_patches,
)
from ssljax.views.prepare import (
    compose,
    identity,
    maybe,
    plain,
    prepare,
    step_key,
)
from ssljax.views.randaugment import Pool, randaugment
from ssljax.views.tones import (
    colour_jitter,
    random_blur,
    random_grayscale,
    tone,
    unimatch,
)
from ssljax.views.turns import turn
from ssljax.views.usual import usual
from ssljax.views.volumes import affine3d, flip3d, intensity3d, turn3d
from ssljax.views.warp import displace, move, resample

__all__ = [
    'AXES_FIRST',
    'AxisFrame',
    'Pool',
    'adversarial',
    'affine',
    'affine3d',
    'align',
    'as_float',
    'augmix',
    'bspline',
    'clip',
    'colour_jitter',
    'compose',
    'corrupt',
    'crop_pad',
    'ctaugment',
    'cutout',
    'damage_mask',
    'deform',
    'diffeomorphism',
    'displace',
    'drop_points',
    'elastic',
    'flip3d',
    'flip_horizontal',
    'flip_points',
    'flip_vertical',
    'identity',
    'intensity3d',
    'into_frame',
    'jitter',
    'joints',
    'maybe',
    'mixing',
    'move',
    'noise',
    'normal_affine',
    'normalize',
    'out_of_frame',
    'overlap',
    'overlapping_crops',
    'perspective',
    'plain',
    'prepare',
    'randaugment',
    'random_blur',
    'random_crop',
    'random_erasing',
    'random_grayscale',
    'regions',
    'resample',
    'resized_crop',
    'rotate90',
    'rotate_points',
    'scale_points',
    'series',
    'shift',
    'shuffle_patches',
    'sound',
    'spectra',
    'split_frequencies',
    'standardize',
    'step_key',
    'text',
    'to_float',
    'tone',
    'turn',
    'turn3d',
    'unimatch',
    'unshuffle_patches',
    'usual',
]
