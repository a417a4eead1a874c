"""What an image network may be fed."""

from __future__ import annotations

from ssljax.contracts import InputError


def check_images(images, channels: int, smallest: int = 1) -> None:
    """Refuses images that do not fit a network.

    Args:
      images: [B, H, W, channels], anything with a shape.
      channels: that the network was built for.
      smallest: height and width that survive its poolings.

    Raises:
      InputError: if the shape is another, in words that the network's builder knows.
    """
    shape = tuple(images.shape)
    if len(shape) != 4 or shape[-1] != channels:
        raise InputError(
            f'inputs must be images [B, H, W, {channels}], found shape {shape}: '
            'reshape them, or build the network with their image_channels.'
        )
    if min(shape[1:3]) < smallest:
        raise InputError(
            f'inputs must be at least {smallest}x{smallest} for this network, '
            f'found {shape[1]}x{shape[2]}: build it with fewer stages.'
        )
