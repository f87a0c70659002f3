"""Pictures and tables of a run. Images are float in [0, 1] with 1 channel (grey), 3 (RGB) or others (first as grey)."""
