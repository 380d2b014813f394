"""Images of another shape are brought to the store's, by Pillow."""

from __future__ import annotations

from PIL import Image, ImageColor, ImageOps

from notmnist_store.schema.fit import Fit
from notmnist_store.schema.shape import Shape


def fitted(image: Image.Image, shape: Shape, fit: Fit) -> Image.Image | None:
    """The image, of mode L or RGB, at the height and width of a shape.

    None where `pad` would leave no pixel of it: it is more than twice as long as the shape has
    pixels across its short side.
    """
    size = (shape.width, shape.height)
    resample = Image.Resampling[fit.filter.upper()]
    if fit.rule == "resize":
        return image.resize(size, resample)
    if fit.rule == "crop":
        return ImageOps.fit(image, size, resample)
    if not all(ImageOps.contain(image, size, resample).size):
        return None
    background = ImageColor.getcolor(fit.background, image.mode)
    return ImageOps.pad(image, size, resample, background)
