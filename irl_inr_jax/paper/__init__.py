"""The published tables as data, the runs that each of them needs, and ours beside theirs.

python -m irl_inr_jax.paper list
python -m irl_inr_jax.paper table2 --scale small --root DIR
"""
