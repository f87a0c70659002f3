"""The published tables as data, the runner that reproduces them, and the reports of published and measured values.

python -m papers list
python -m papers table2 --scale quick --root DIR
"""
