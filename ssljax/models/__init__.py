"""Networks: adapters for flax modules, and the few nets that the papers start from."""

try:
    import flax as _  # noqa: F401
except ImportError:
    raise ImportError(
        "ssljax.models needs flax, which comes with pip install 'ssljax[train]'."
    ) from None

from ssljax.models.adapters import from_linen, from_nnx
from ssljax.models.clip import clip_text, clip_vision, load_clip_weights
from ssljax.models.cnn import small_cnn
from ssljax.models.counting import pyramid_counter
from ssljax.models.deeplab import deeplab_small
from ssljax.models.flow import flow_cnn
from ssljax.models.frames import per_frame
from ssljax.models.heatmaps import hourglass, landmark_cnn
from ssljax.models.mask_autoencoder import mask_autoencoder
from ssljax.models.mlp import mlp
from ssljax.models.pose import hrnet_small, simple_baseline
from ssljax.models.pose_prior import pose_prior
from ssljax.models.projected import projected
from ssljax.models.resnet import resnet
from ssljax.models.series import series_cnn
from ssljax.models.text import text_cnn
from ssljax.models.unet import unet, vnet
from ssljax.models.vit import layerwise, vit
from ssljax.models.wrn import load_usb_weights, wide_resnet

__all__ = [
    'clip_text',
    'clip_vision',
    'deeplab_small',
    'flow_cnn',
    'from_linen',
    'from_nnx',
    'hourglass',
    'hrnet_small',
    'landmark_cnn',
    'layerwise',
    'load_clip_weights',
    'load_usb_weights',
    'mask_autoencoder',
    'mlp',
    'per_frame',
    'pose_prior',
    'projected',
    'pyramid_counter',
    'resnet',
    'series_cnn',
    'simple_baseline',
    'small_cnn',
    'text_cnn',
    'unet',
    'vit',
    'vnet',
    'wide_resnet',
]
