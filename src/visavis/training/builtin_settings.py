"""The settings of the built-in model's recipe."""

from dataclasses import dataclass, field, replace

from visavis.training.compose import Mixture
from visavis.training.networks import Shape


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that shapes the result. The defaults are what `visavis-s` was made with."""

    shape: Shape = field(default_factory=Shape)
    mixture: Mixture = field(default_factory=Mixture)
    sides: tuple[tuple[float, int], ...] = ((0.55, 96), (0.7, 128), (1.0, 160))
    """Up to which position of the schedule pictures are how large: pixels, both ways."""
    final_side: int = 224  # of the exported network: whole pictures show things smaller than crops
    second_side: int = 128  # at which it looks once more, for what is large
    picture_side: int = 160  # pixels that are kept of a training picture's longest side
    whitening: float = 0.5  # of the teacher's embedding; best of 0, .25, .5, .75, 1 on held-out
    projection_samples: int = 6016  # pictures the projection is fitted to
    capacity: int = 6144  # pictures in the pool: 0.3 GB of pixels
    fresh: int = 16  # pictures the teacher looks at in each step
    originals: int = 88  # pictures taken from the pool in each step
    copies: int = 40  # how many of them are also shown edited
    rate: float = 3e-3  # the learning rate at its highest
    decay: float = 0.05  # of the weights
    warmup: int = 300  # steps until the rate is reached
    hold: float = 0.5  # part of the schedule after which the rate falls, in a line, to zero
    clip: float = 3.0  # largest norm of the gradient
    average: float = 0.998  # of the moving average of the weights, which is what is exported
    map_weight: float = 0.5  # weights of the losses beside the embedding's
    hint_weight: float = 0.5
    relation_weight: float = 8.0
    scores_weight: float = 0.3
    copy_weight: float = 0.15
    edited_weight: float = 0.15  # of an edited copy's embedding, whose target is the original's
    sharpness: float = 14.0  # inverse temperature of the copy loss
    colour: int = 64  # numbers of the colour part
    samples: int = 0  # length of the schedule; 0: it is given in minutes
    minutes: float = 0.0
    seed: int = 20
    threads: int = 2  # of the CPU, for the networks and for making pictures
    device: str = "cpu"  # where student and teacher run; "cuda" wants larger batches (`scaled`)
    save_seconds: float = 240.0  # between checkpoints
    tell_steps: int = 100  # between lines of the log
    measure_steps: int = 1000  # between looks at the held-out pictures
    bfloat16: bool = True  # twice as fast on CPUs that have it

    @property
    def side(self) -> int:
        """Of the pictures in the pool, the largest that are trained on."""
        return max(side for _, side in self.sides)

    def side_at(self, position: float) -> int:
        """Of the pictures trained on at this position of the schedule."""
        return next((side for until, side in self.sides if position < until), self.sides[-1][1])


def scaled(settings: Settings, factor: int) -> Settings:
    """The same recipe in steps `factor` times as large, for machines that are idle otherwise.

    The rate grows with the square root, as the noise of the gradient shrinks with it; warm-up and
    averaging span the same number of pictures as before.
    """
    return replace(
        settings,
        fresh=settings.fresh * factor,
        originals=settings.originals * factor,
        copies=settings.copies * factor,
        rate=settings.rate * factor**0.5,
        warmup=max(1, settings.warmup // factor),
        average=settings.average**factor,
    )
