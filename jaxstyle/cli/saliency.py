"""The command `jaxstyle saliency`. Nothing heavy is imported before it is needed."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from jaxstyle.weights.catalogue import default_network

if TYPE_CHECKING:
    import numpy as np


@dataclass
class SaliencyCommand:
    """Show where the network sees an object in a picture, as a heat map; the region loss keeps that part."""

    image: Annotated[Positional[Path], arg(metavar="IMAGE")]
    """The picture."""
    output: Annotated[Path, arg(aliases=("-o",))]
    """Where to write the heat map: .png, .jpg, .webp or .tiff."""
    model: str = field(default_factory=default_network)
    """The feature network, as for `jaxstyle stylize`. Not used with --grad-cam."""
    layers: tuple[str, ...] = ()
    """The layers whose activations are added up; by default relu4_1 relu5_1."""
    grad_cam: str | None = None
    """Ask a classifier instead, by Grad-CAM. Its weights must include the classifier ("with top"): a file, or
    imagenet-top or torchvision (0.6 GB each)."""
    label: int | None = None
    """With --grad-cam: the class to look for, counted from 0; by default the most likely one."""
    size: int | None = None
    """Long edge in pixels; by default the picture's own, at most 512."""
    map: bool = False
    """Write the map alone, as a grey picture, which can serve as a mask."""

    def run(self) -> int:
        """Exit code 0."""
        from jaxstyle.files import refuse_overwriting
        from jaxstyle.image import check_target, fit, load_image, resize, save_image
        from jaxstyle.saliency import overlay, saliency_map
        from jaxstyle.transfer.settings import DEFAULT_SIZE

        check_target(self.output)
        refuse_overwriting(self.output, [self.image, self.model, self.grad_cam])
        self._check()
        picture = load_image(self.image)
        size = min(DEFAULT_SIZE, max(picture.shape[:2])) if self.size is None else self.size
        picture = resize(picture, fit(picture.shape[:2], size))
        model, localizer = self._localizer(picture)
        found = saliency_map(model, picture, localizer)
        print(save_image(self.output, found if self.map else overlay(picture, found)))
        return 0

    def _check(self) -> None:
        from jaxstyle.errors import SettingError

        if self.grad_cam is not None and self.layers:
            raise SettingError("--layers: is for added activations; with --grad-cam it is relu5_4, leave it out")
        if self.grad_cam is None and self.label is not None:
            raise SettingError("--label: only a classifier has classes; give --grad-cam, or leave it out")

    def _localizer(self, picture: "np.ndarray") -> tuple[Any, Any]:
        """The network, and the localizer that finds the object by it."""
        from jaxstyle.cli.downloads import load_weights
        from jaxstyle.saliency import AggregatedActivations, grad_cam, read_classifier
        from jaxstyle.weights.load import locate

        if self.grad_cam is None:
            localizer = AggregatedActivations(self.layers) if self.layers else AggregatedActivations()
            return load_weights(self.model), localizer
        model = load_weights(self.grad_cam)  # downloads it if need be
        found = grad_cam(model, read_classifier(locate(self.grad_cam)[0]), picture, label=self.label)
        print(f"class {found.label}")
        return model, found
