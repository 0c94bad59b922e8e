"""From pixels to a network's outputs: ONNX graphs read, checked, prepared for and run."""
