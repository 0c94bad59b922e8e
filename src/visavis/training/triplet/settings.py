"""The settings of the triplet recipe."""

from dataclasses import dataclass, field

from visavis.errors import UsageError
from visavis.training.data.splits import By
from visavis.training.loop.learner import Rates
from visavis.training.networks.residual import Shape
from visavis.training.triplet.losses import LossSettings


@dataclass(frozen=True, slots=True)
class TripletSettings:
    """Everything that shapes the result, besides the base and the pictures."""

    loss: LossSettings = field(default_factory=LossSettings)
    layers: tuple[int, ...] = (512, 512, 0)  # of the head, the last one the embedding's width;
    # 0: as wide as its input, since each direction that is left out costs on labels never seen
    straight: bool = True  # whether a linear path beside the dense layers starts from the base
    pixels: bool = False  # a shallow branch on the pixels beside the base
    unfreeze: bool = False  # a base of its own, from chance, is trained as well
    shape: Shape = field(default_factory=Shape)  # of this base
    side: int = 128  # pixels that it looks at
    p: int = 16  # labels in a batch
    k: int = 4  # pictures of each
    rates: Rates = field(default_factory=lambda: Rates(rate=1e-4))  # a head begins near its end
    across: str | None = None  # a field: pictures of a label that differ in it are to be found
    split: By = "auto"  # whole labels are kept for validation where there are enough, or pictures
    validation: float = 0.2  # share of them

    def __post_init__(self) -> None:
        inner = self.layers[:-1] or (1,)
        if not self.layers or min(*inner, self.layers[-1] + 1) < 1 or max(self.layers) > 65536:
            raise UsageError(
                "--layers wants whole numbers from 1 joined by commas, the last may be 0: 512,512,0"
            )
        if self.p < 2 or self.k < 2:
            raise UsageError("a batch needs 2 labels (-p) and 2 pictures of each (-k) at least")
        if not 0 <= self.validation <= 0.9:
            raise UsageError(f"--validation is a share from 0 to 0.9, not {self.validation:g}")
        if self.split not in ("auto", "label", "image"):
            raise UsageError(f"--split is one of auto, label, image, not {self.split!r}")
