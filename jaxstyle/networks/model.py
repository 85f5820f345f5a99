"""What a network must offer to be optimised against."""

from typing import Any, Protocol, runtime_checkable

from jaxtyping import Array, Float


@runtime_checkable
class FeatureModel(Protocol):
    """Anything that gives activations by name, as `VGG19` does; a pytree."""

    def features(self, image: Float[Array, "h w 3"], layers: Any) -> dict[str, Array]:
        """{layer: (h', w', c)} of one RGB picture in [0, 1]."""
        ...
