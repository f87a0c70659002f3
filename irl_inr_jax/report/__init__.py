"""Tables, logs and figures of a run.

Images are float in [0, 1]. 3 channels are shown as RGB, otherwise the first channel as grey.
"""
