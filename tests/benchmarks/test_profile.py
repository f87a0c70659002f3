"""The time of operations by part of the step."""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.profile import CONTAINERS, UNNAMED, name_operations, sum_profile

PROGRAM = """
HloModule jit_many_steps, is_scheduled=true
%body.1 (arg: (s32[], f32[4])) -> (s32[], f32[4]) {
  %fusion.3 = f32[4]{0} fusion(%p), kind=kLoop, metadata={op_name="jit(f)/while/body/jvp(Encoder)/Conv_0/add"}
  ROOT %custom-call.7 = (f32[4]{0}, u8[8]{0}) custom-call(%p), metadata={op_name="jit(f)/transpose(jvp(inr))/dot"}
}
ENTRY %main.9 {
  copy.2 = f32[4]{0} copy(%a)
  ROOT %while.5 = (s32[], /*index=1*/f32[4]{0}) while(%t), condition=%c, body=%body.1, metadata={op_name="jit(f)/while"}
}
"""


def test_operations_have_paths_and_containers_their_kind():
    assert name_operations(PROGRAM) == {
        "fusion.3": "jit(f)/while/body/jvp(Encoder)/Conv_0/add",
        "custom-call.7": "jit(f)/transpose(jvp(inr))/dot",
        "copy.2": "",
        "while.5": "while",
    }


def test_a_profile_attributes_time_to_parts_and_counts_no_loop_twice(tmp_path):
    def loss(weights, x):
        with jax.named_scope("inr"):
            x = jnp.sin(x @ weights)
        with jax.named_scope("views"):
            return (x[:2, :2] ** 2).sum()

    def take(_, weights):
        gradient = jax.grad(loss)(weights, jnp.ones((512, 512)))
        with jax.named_scope("optimizer"):
            return weights - 0.1 * gradient

    num_steps = 4
    compiled = jax.jit(lambda weights: jax.lax.fori_loop(0, num_steps, take, weights)).lower(np.eye(512)).compile()
    compiled(np.eye(512)).block_until_ready()
    with jax.profiler.trace(tmp_path):
        compiled(np.eye(512)).block_until_ready()
    program = compiled.as_text()
    rows, spent = sum_profile(tmp_path, program, num_steps=num_steps)
    by_part = {row["part"]: row for row in rows}
    assert rows[0]["part"] == "INR" and by_part["INR"]["forward ms"] > 0 and by_part["INR"]["backward ms"] > 0
    assert set(by_part) <= {"INR", "views", "optimizer", UNNAMED}
    names = name_operations(program)
    assert spent and not {names.get(operation) for operation in spent} & set(CONTAINERS)
    total = sum(row["forward ms"] + row["backward ms"] for row in rows)
    np.testing.assert_allclose(total, sum(spent.values()), rtol=1e-9)
    assert list(spent.values()) == sorted(spent.values(), reverse=True)
