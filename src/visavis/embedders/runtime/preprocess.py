"""Pictures to a model's input, in the way that its PreprocessSpec says.

The geometry follows the processors that published models were trained with: "shortest" then
"center" is torchvision's Resize + CenterCrop and the hub's CLIP and DINO image processors. All
interpolation is Pillow's, which widens its filter when shrinking (antialiasing), as theirs does.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from visavis.embedders.spec import PreprocessSpec
from visavis.types import RGB

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


class Preprocess:
    """Fills model inputs of one shape and element type.

    Args:
        spec: Geometry and normalisation.
        dtype: The graph's input type: float32, float16 or uint8. A graph that takes uint8
            normalises by itself, so `mean` and `std` do not touch its pixels.
    """

    def __init__(self, spec: PreprocessSpec, dtype: type[np.generic] = np.float32) -> None:
        self.spec = spec
        self.dtype = np.dtype(dtype)
        self.shape = (3, spec.size, spec.size) if spec.layout == "NCHW" else (spec.size,) * 2 + (3,)
        mean, std = np.array(spec.mean), np.array(spec.std)
        # (x / 255 - mean) / std as one product and one sum
        scale, shift = 1.0 / (255.0 * std), -mean / std
        self._scale, self._shift = (self._spread(numbers) for numbers in (scale, shift))
        in_rgb_order = spec.mean if spec.channels == "RGB" else spec.mean[::-1]
        red, green, blue = (round(255 * min(max(value, 0.0), 1.0)) for value in in_rgb_order)
        self._background = (red, green, blue)

    def __call__(self, images: Sequence[RGB]) -> NDArray[np.generic]:
        """The model's input for these pictures: (n, 3, size, size), or (n, size, size, 3)."""
        batch = np.empty((len(images), *self.shape), dtype=self.dtype)
        for image, out in zip(images, batch, strict=True):
            self._fill(out, np.asarray(self.resized(image)))
        return batch

    def resized(self, image: RGB) -> Image.Image:
        """The size × size picture that the model will look at, before normalisation."""
        picture = Image.fromarray(image)
        if self.spec.resize == "letterbox":
            return self._letterboxed(picture)
        size = self.spec.size
        if picture.size == (size, size) and self.spec.side == size:
            return picture
        box = self._crop_box(picture.width, picture.height)
        return picture.resize((size, size), _FILTERS[self.spec.interpolation], box=box)

    def _spread(self, numbers: NDArray[np.float64]) -> NDArray[np.float32]:
        """One number for each channel, in a shape that numpy goes through fast (three times)."""
        single = numbers.astype(np.float32)
        if self.spec.layout == "NCHW":
            return single.reshape(3, 1, 1)
        return np.tile(single, (self.spec.size, 1))

    def _crop_box(self, width: int, height: int) -> tuple[float, float, float, float]:
        """The part of the picture, in its own pixels, that the crop of the resized one shows.

        Resizing only that part gives what resizing all and cropping gives (but for rounding),
        because the filter still reaches over the box's edges. It saves the work on what would be
        cut away, which has no bound: a line of pixels would be a million wide.
        """
        side, size = self.spec.side, self.spec.size
        wide, high = side, side
        if self.spec.resize == "shortest":  # the longer side is rounded down, as torchvision does
            shorter = min(width, height)
            wide, high = side * width // shorter, side * height // shorter
        left, top = (wide - size) // 2, (high - size) // 2
        across, down = width / wide, height / high
        # min: a rounding error must not put the edge outside, which Pillow refuses
        return (
            left * across,
            top * down,
            min((left + size) * across, width),
            min((top + size) * down, height),
        )

    def _letterboxed(self, picture: Image.Image) -> Image.Image:
        size = self.spec.size
        longer = max(picture.size)
        width = max(1, round(picture.width * size / longer))
        height = max(1, round(picture.height * size / longer))
        canvas = Image.new("RGB", (size, size), self._background)
        small = picture.resize((width, height), _FILTERS[self.spec.interpolation])
        canvas.paste(small, ((size - width) // 2, (size - height) // 2))
        return canvas

    def _fill(self, out: NDArray[np.generic], pixels: RGB) -> None:
        if self.spec.channels == "BGR":
            pixels = pixels[:, :, ::-1]
        if self.spec.layout == "NCHW":
            pixels = pixels.transpose(2, 0, 1)
        if self.dtype == np.uint8:
            out[...] = pixels
        elif self.dtype == np.float32:
            np.multiply(pixels, self._scale, out=out)
            np.add(out, self._shift, out=out)
        else:  # rounded to float16 once, at the end
            out[...] = pixels * self._scale + self._shift
