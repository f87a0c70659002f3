"""The verdict on a run, without labels: one finding per question, in a sentence that says what to do if it is bad.

The thresholds separate measured runs. digits(U): IRL-INR on two CPU cores (840 steps, five seeds), whose clusters have
an accuracy of 93 to 94 %, and the same networks without training (40 %). mnist(U): 7,496 steps (91 %).
"""

import math

import numpy as np
from jaxtyping import Float
from ml_collections import ConfigDict

from irl_inr_jax.data.description import sample_images
from irl_inr_jax.evaluation.cluster_verdict import judge_comparison, judge_stability
from irl_inr_jax.evaluation.finding import Finding
from irl_inr_jax.evaluation.orientation import MAX_UNDEFINED, describe_orientation, measure_orientation
from irl_inr_jax.evaluation.pipeline import Evaluation
from irl_inr_jax.methods.pose import make_pose_form
from irl_inr_jax.training.heldout import METRIC, has_converged
from irl_inr_jax.types import Dataset

# Of the loss. Measured: up to 0.007 at the end of these runs; 0.03 to 0.12 at 84 to 168 of the 840 steps.
MAX_LAST_FALL = 0.02
# Half of the variance between images is explained. Measured: 9.8 dB; without training -2.6 dB.
MIN_GAIN_DB = 3.0
# Measured: 0.013 to 0.016; without training 0.08, since the encoder sees images in canonical pose; 0.10 for the
# training-free spectra of plankton; 0.30 after 36 steps on particles.
MAX_SPREAD = 0.2
MAX_SAMPLED = 2_000  # images whose variance is measured


def judge_run(evaluation: Evaluation, dataset: Dataset, config: ConfigDict, *, metrics: list[dict]) -> list[Finding]:
    """Return the findings on a run, in the order in which they matter.

    metrics: the lines of metrics.jsonl. A question that does not apply to the method or was not measured is left out.
    Labels are used only to add accuracies.
    """
    return [
        *judge_training(config, metrics),
        *judge_reconstruction(evaluation),
        *judge_invariance(evaluation, config),
        *judge_orientation(dataset, config),
        *judge_stability(evaluation),
        *judge_comparison(evaluation, is_trained=config.train.num_epochs > 0),
    ]


def judge_training(config: ConfigDict, metrics: list[dict]) -> list[Finding]:
    """Judge from the lines of metrics.jsonl whether the loss still falls; nothing for a training-free method.

    A run that ended since the loss on held-out images no longer fell has converged, whatever the training loss does.
    """
    if config.train.num_epochs == 0:
        return []
    if has_converged([line[METRIC] for line in metrics if METRIC in line], config.train.patience):
        return [Finding("converged", True, "converged: the loss on held-out images no longer falls")]
    more = (
        f"more epochs continue it: irl-inr train with --config.train.num_epochs={2 * config.train.num_epochs} and the "
        f"same --workdir, or irl-inr run with a larger --budget and the same --out"
    )
    losses = np.array([line["loss"] for line in metrics if "loss" in line])
    if not np.isfinite(losses).all():
        text = f"diverged: the loss is not finite; train again with --config.train.learning_rate={_lower_rate(config)}"
        return [Finding("converged", False, text)]
    if len(losses) < 3:
        return [Finding("converged", False, f"not converged: too few steps for a loss curve; {more}")]
    fall, last = measure_fall(losses)
    if fall <= 0:
        text = f"not converged: the loss has not fallen; train with --config.train.learning_rate={_lower_rate(config)}"
        return [Finding("converged", False, text)]
    share = f"{100 * max(last, 0.0):.1f} % of its whole fall came in the last tenth of the steps"
    if last > MAX_LAST_FALL:
        return [Finding("converged", False, f"not converged: the loss still falls ({share}); {more}")]
    return [Finding("converged", True, f"converged: the loss no longer falls ({share})")]


def measure_fall(losses: Float[np.ndarray, "lines"]) -> tuple[float, float]:
    """Return the fall of the loss, and the share of it that came in the last tenth of the lines.

    It falls from the largest value in the first half, since terms of the loss may be ramped up there. Ends are means
    over a tenth of the lines. With fewer than ten lines the fall since the last but one is scaled.
    """
    count = max(1, len(losses) // 10)
    end, before = losses[-count:].mean(), losses[-2 * count : -count].mean()
    fall = losses[: (len(losses) + 1) // 2].max() - end
    return float(fall), float((before - end) / fall * 0.1 * len(losses) / count) if fall > 0 else 0.0


def judge_reconstruction(evaluation: Evaluation) -> list[Finding]:
    """Judge the reconstructions against the mean of all images; nothing for a method without a decoder."""
    if "reconstruction" not in evaluation.results:
        return []
    mse, psnr = (evaluation.results["reconstruction"][name] for name in ("mse", "psnr"))
    images = evaluation.split.images.images
    rows = np.unique(np.linspace(0, len(images) - 1, MAX_SAMPLED).round().astype(int))
    unit = np.asarray(evaluation.task.trained.to_unit(images[rows]), np.float64)
    variance = float(((unit - unit.mean(axis=0)) ** 2).mean())
    gain = 10 * math.log10(variance / mse) if variance > 0 and mse > 0 else 0.0
    good = gain >= MIN_GAIN_DB
    comparison = f"{abs(gain):.1f} dB {'better' if gain >= 0 else 'worse'} than the mean image"
    text = f"reconstruction: {'good' if good else 'poor'}, PSNR {psnr:.1f} dB, {comparison}"
    if not good:
        text += "; train longer (--config.train.num_epochs) or with a larger --config.model.latent_dim"
    return [Finding("reconstruction", good, text)]


def judge_invariance(evaluation: Evaluation, config: ConfigDict) -> list[Finding]:
    """Judge how much rotations and shifts change the latents; nothing if only scores were requested."""
    if "invariance" not in evaluation.results:
        return []
    ratio = evaluation.results["invariance"]["ratio"]
    if math.isnan(ratio):
        text = "invariance: undefined, since all images have the same z; train longer or with another --config.seed"
        return [Finding("invariance", False, text)]
    shifts = " and shifts" if config.evaluation.shift_px > 0 else ""
    text = f"rotations{shifts} change z by {100 * ratio:.1f} % of the difference between images"
    if ratio <= MAX_SPREAD:
        return [Finding("invariance", True, f"invariance: good, {text}")]
    advice = "set --config.data.crop=circle if corners are not background, or train longer"
    return [Finding("invariance", False, f"invariance: poor, {text}; {advice}")]


def judge_orientation(dataset: Dataset, config: ConfigDict) -> list[Finding]:
    """Judge the share of images whose orientation is not recovered after a rotation."""
    share = describe_orientation(measure_orientation(dataset, sample_images(dataset), make_pose_form(config)))
    undefined = share["undefined_share"]
    percent = f"{100 * undefined:.0f} %" if undefined >= 0.01 else "less than 1 %"
    if undefined <= MAX_UNDEFINED:
        return [Finding("orientation", True, f"orientation: defined, except in {percent} of the images")]
    text = f"orientation: undefined in {percent} of the images, which are nearly symmetric or noisy"
    return [Finding("orientation", False, f"{text}; use their clusters, but not their predicted angle")]


def _lower_rate(config: ConfigDict) -> str:
    return f"{config.train.learning_rate / 3:.1g}"
