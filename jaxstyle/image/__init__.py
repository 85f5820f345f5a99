"""Reading, resizing and saving pictures. The table gives the one rule for each kind of input.

A picture is (h, w, 3) float32 in [0, 1], sRGB-encoded, with an optional alpha channel (h, w).

| what comes in                  | what becomes of it                                                               |
|--------------------------------|----------------------------------------------------------------------------------|
| path, binary file              | PNG JPEG (and MPO) WebP TIFF BMP GIF PPM AVIF, by content, never by suffix       |
| text that is a URL             | an error: nothing is ever fetched                                                |
| PIL image                      | as the file that it came from; of an animation the current frame                 |
| uint8, uint16 array            | divided by 255, 65535; (h, w), (h, w, 1), (h, w, 3) or (h, w, 4)                 |
| float array                    | unchanged; NaN, infinity and more than 1e-6 outside [0, 1] are errors            |
| (3, h, w), batches, other types| errors: layouts are never guessed                                                |
| grey, 1 bit                    | three equal channels                                                             |
| palette                        | its colours, its transparency as alpha                                           |
| alpha                          | straight (not premultiplied), kept, put back when saved                          |
| fully transparent pixels       | white: the colours that editors leave hidden there must not affect a transfer    |
| resizing                       | colours weighted by alpha, so that hidden colours leave no fringe                |
| masks                          | see jaxstyle.image.mask                                                          |
| 16-bit grey (PNG, TIFF, PGM)   | full precision: divided by 65535; 12 bit by 4095; white-is-zero is inverted      |
| 16-bit colour                  | read as 8 bits, logged as a warning: Pillow has no 16-bit colour, and the loss   |
|                                | is less than one step of an 8-bit result                                         |
| 32-bit integer grey            | must lie in 0..65535, divided by 65535 (that is how Pillow holds a 16-bit PGM)   |
| 32-bit float grey              | must lie in [0, 1]                                                               |
| TIFF in separate planes        | 8-bit colour is read; 16 bits or two channels are an error                       |
| TIFF of signed, 64-bit or      | an error: Pillow would get the pixels wrong                                      |
| float colour                   |                                                                                  |
| HEIC, JPEG XL, PSD, EXR, films | an error that says what the file is and what to do (jaxstyle.image.foreign)      |
| texts of over 1 MB in PNG      | ignored; the picture is read                                                     |
| ICC profile                    | to sRGB, relative colorimetric with black point compensation                     |
| damaged or mismatched profile  | logged as a warning, then treated as no profile                                  |
| no profile                     | RGB and grey are sRGB; CMYK by Pillow's formula, (1 - c)(1 - k)                  |
| CIE Lab, YCbCr, HSV            | converted; Lab with D50 white                                                    |
| EXIF (or XMP) orientation      | applied; damaged EXIF is logged as a warning and ignored                         |
| animation, several pages       | the first frame or page, and a warning                                           |
| over MAX_PIXELS, _EDGE, _BYTES | an error before anything is decoded                                              |
| damaged, truncated             | an error that names the file, never grey padding                                 |

Warnings go to logging.getLogger("jaxstyle"). Every error is a jaxstyle.errors.ImageError; those of files are
ImageFileError, which is an OSError too. Only NumPy and Pillow are needed: JAX is not imported.
"""

from jaxstyle.image.decode import FORMATS, MAX_BYTES, MAX_EDGE, MAX_PIXELS
from jaxstyle.image.mask import load_mask
from jaxstyle.image.picture import Picture
from jaxstyle.image.read import READABLE, is_picture_name, load_image, pictures_in, read_picture
from jaxstyle.image.recipe import MAX_RECIPE, read_recipe
from jaxstyle.image.size import fit, resize, resize_picture
from jaxstyle.image.write import SUFFIXES, check_fits, check_target, encode_png, save_animation, save_image, to_pil

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_EDGE",
    "MAX_PIXELS",
    "MAX_RECIPE",
    "READABLE",
    "SUFFIXES",
    "Picture",
    "check_fits",
    "check_target",
    "encode_png",
    "fit",
    "is_picture_name",
    "load_image",
    "load_mask",
    "pictures_in",
    "read_picture",
    "read_recipe",
    "resize",
    "resize_picture",
    "save_animation",
    "save_image",
    "to_pil",
]
