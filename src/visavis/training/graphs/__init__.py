"""From torch to ONNX: modules traced, and graphs joined to those of a base."""
