"""The recipes of the tutorials of TensorFlow, PyTorch and Keras, which most people have run first."""

from jaxstyle.losses import ContentLoss, GramLoss, TotalVariation
from jaxstyle.objective.presets.own import STYLE_LAYERS
from jaxstyle.objective.recipe import Recipe
from jaxstyle.objective.term import absolute
from jaxstyle.optimize.optimizers import LBFGS, SGD, Adam
from jaxstyle.weights.layout import WIDTHS


def tensorflow_tutorial() -> Recipe:
    """TensorFlow's tutorial "Neural style transfer": Gram matrices, Adam with a large epsilon, 1000 steps at 512.

    The content layer is relu5_2. Total variation is a sum over pixels in [0, 1], so its share grows with the picture.
    The tutorial's network is Keras' VGG19 ("imagenet"); it keeps the aspect of both pictures at a long edge of 512.
    """
    return Recipe(
        content=(absolute(ContentLoss("relu5_2"), 1e4),),
        style=tuple(absolute(GramLoss(layer), 1e-2 / 5) for layer in STYLE_LAYERS),
        prior=(absolute(TotalVariation(form="absolute"), 30.0),),
        optimizer=Adam(0.02, b1=0.99, b2=0.999, eps=0.1),
        steps=1000,
        average=0.0,
    )


def pytorch_tutorial() -> Recipe:
    """PyTorch's tutorial "Neural Transfer Using PyTorch": convolutions before their ReLU, L-BFGS, 300 evaluations.

    The style layers are the first five convolutions, the content layer is the fourth. The tutorial's network is
    torchvision's VGG19, and both pictures have the same size. It also clips the picture before each evaluation; ours
    is clipped at the end.
    """
    style = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
    return Recipe(
        content=(absolute(ContentLoss("conv2_2"), 1.0),),
        style=tuple(absolute(GramLoss(layer, per_channel=True), 1e6) for layer in style),
        optimizer=LBFGS(1.0, memory=100, line_search=False, pixels=1.0),
        steps=300,
        average=0.0,
        clip=False,
    )


def keras_example() -> Recipe:
    """Keras' example "Neural style transfer": Gram matrices of sums, SGD with decay, 4000 steps at a height of 400.

    Its style loss is `1e-6 / 5 sum (G - G_s)^2 / (36 (h w)^2)` with Gram matrices that are not divided by the number
    of positions, h w / 4^(k - 1) at block k; so it is `c^2 16^(1 - k) / 36` times our mean. That is exact where the
    edges are multiples of 16. The content loss is a sum over relu5_2, and the total variation a sum too: their shares
    grow with the picture. The example's network is Keras' VGG19 ("imagenet"); it stretches the style to the content's
    size. SGD's learning rate of 100 is for pixels of 0 to 255.
    """
    style = {layer: WIDTHS[f"conv{layer[4:]}"] ** 2 * 16.0 ** (1 - int(layer[4])) / 36 for layer in STYLE_LAYERS}
    return Recipe(
        content=(absolute(ContentLoss("relu5_2", total=True), 2.5e-8),),
        style=tuple(absolute(GramLoss(layer), 1e-6 / 5 * factor) for layer, factor in style.items()),
        prior=(absolute(TotalVariation(form="power"), 1e-6 * 255**2.5),),
        optimizer=SGD(100 / 255**2, decay=0.96, every=100.0),
        steps=4000,
        average=0.0,
        clip=False,
    )
