"""Length of a training run from the number of images, the speed of the machine and the time that it may take."""

import math
from typing import NamedTuple

MIN_STEPS = 3_000  # few images are seen many times: a few hundred steps leave z worse than pixels
NUM_EPOCHS = 20  # many images are seen this often
FEW_STEPS = 1_000  # a run that time cuts below this many steps is reported
WARMUP_STEPS = 100
NUM_CHECKPOINTS = 20
NUM_PICTURES = 4
CPU_MINUTES = 20.0
PATIENCE = 5  # checkpoints, a quarter of the run
MIN_IMAGES = 8  # of which two clusters can be made
HELD_OUT_SHARE = 0.05
MIN_IMAGES_TO_HOLD_OUT = 400  # of fewer, the held-out images would be too few to measure a loss on


class Length(NamedTuple):
    """Length of a run in the keys of `config.train`, and what determined it.

    num_wanted: steps without the bound on time. num_steps: of the whole run; a run has whole epochs, at least one.
    """

    num_epochs: int
    warmup_steps: int
    save_every_epochs: int
    picture_every_epochs: int
    num_wanted: int
    num_steps: int

    @property
    def is_cut(self) -> bool:
        """True if time allows fewer steps than the images need."""
        return self.num_steps < self.num_wanted

    @property
    def is_too_short(self) -> bool:
        """True if the run is cut so far that its clusters may be poor."""
        return self.is_cut and self.num_steps < FEW_STEPS


def choose_batch_size(num_images: int, *, largest: int, num_devices: int) -> int:
    """Return the power of two of at most `largest` and a quarter of the images, raised to a multiple of the devices."""
    size = min(largest, 2 ** int(math.log2(max(num_images // 4, 1))))
    return -(-size // num_devices) * num_devices


def count_epochs(num_images: int, batch_size: int) -> int:
    """Return the epochs that `num_images` need: `NUM_EPOCHS`, and more if these are fewer than `MIN_STEPS` steps."""
    return max(NUM_EPOCHS, math.ceil(MIN_STEPS / count_steps(num_images, batch_size)))


def count_steps(num_images: int, batch_size: int) -> int:
    """Return the steps of an epoch."""
    return max(num_images // batch_size, 1)


def choose_length(
    num_images: int, batch_size: int, *, num_epochs: int, images_per_second: float, max_minutes: float | None
) -> Length:
    """Return a run of `num_epochs`, or of as many as the time allows if there is a bound.

    One epoch is the shortest run, even if it takes longer than `max_minutes`.
    """
    steps_per_epoch = count_steps(num_images, batch_size)
    possible = math.inf if max_minutes is None else 60 * max_minutes * images_per_second / batch_size / steps_per_epoch
    chosen = num_epochs if num_epochs <= possible else max(1, int(possible))
    return Length(
        num_epochs=chosen,
        warmup_steps=min(WARMUP_STEPS, chosen * steps_per_epoch // 10),
        save_every_epochs=max(1, chosen // NUM_CHECKPOINTS),
        picture_every_epochs=max(1, chosen // NUM_PICTURES),
        num_wanted=num_epochs * steps_per_epoch,
        num_steps=chosen * steps_per_epoch,
    )


def choose_holdout(num_images: int) -> float:
    """Return the share of the images that are held out to measure whether the loss still falls."""
    return HELD_OUT_SHARE if num_images >= MIN_IMAGES_TO_HOLD_OUT else 0.0
