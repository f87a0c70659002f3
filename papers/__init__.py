"""The published tables as data, the runs that each of them needs, and ours beside theirs.

python -m papers list
python -m papers table2 --scale small --root DIR
"""
