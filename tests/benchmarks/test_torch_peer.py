"""PyTorch's step is our published step: equal loss and gradient for equal parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from irl_inr_jax.methods import irl_inr
from irl_inr_jax.types import Batch

torch = pytest.importorskip("torch")

from benchmarks.torch_model import Peer, load_params  # noqa: E402

SIDE = 12


@pytest.mark.parametrize("batched", [False, True])
def test_loss_and_gradient_are_ours(batched, monkeypatch):
    from irl_inr_jax.presets import mnist_u

    config = mnist_u.get_config("paper")
    with config.unlocked():
        config.model.latent_dim = 6
        config.model.encoder.update(stage_sizes=(1, 1), width=4, head_widths=(8,))
        config.model.hypernet.widths = (8,)
        config.model.inr.update(widths=(8, 7), num_frequencies=5)
    views = jnp.asarray(np.random.default_rng(0).uniform(size=(2, 4, SIDE, SIDE, 1)), jnp.float32)
    monkeypatch.setattr(irl_inr, "make_views", lambda parts, key, batch: views.reshape(8, SIDE, SIDE, 1))
    method = irl_inr.make_method(config, num_channels=1, low=0.0, axis_name=None)
    params, model_state = method.init(jax.random.key(0), views[0])
    batch = Batch(views[0], jnp.arange(4), jnp.float32(0.5), neighbours=None)
    (expected, _), gradient = jax.value_and_grad(method.loss, has_aux=True)(
        params, model_state, jax.random.key(1), batch
    )

    peer = Peer(config, np.asarray(model_state["frequencies"]), batched=batched)
    load_params(peer, params)
    loss = peer(*(torch.tensor(np.asarray(view)).permute(0, 3, 1, 2) for view in views))
    loss.backward()
    assert loss.item() == pytest.approx(float(expected), rel=1e-5)
    ours = gradient["generator"]["MLP_0"]["Dense_1"]["kernel"]
    np.testing.assert_allclose(peer.hypernet[2].weight.grad.T, ours, atol=1e-4 * float(jnp.abs(ours).max()))
    ours = jnp.transpose(gradient["encoder"]["ResNet_0"]["Conv_0"]["kernel"], (3, 2, 0, 1))
    np.testing.assert_allclose(peer.trunk[0].weight.grad, ours, atol=1e-3 * float(jnp.abs(ours).max()))
