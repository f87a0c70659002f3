"""Random views and photometric augmentation, on the device."""
