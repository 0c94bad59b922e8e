"""Making model folders: of ONNX files, of folders from the hub, of a classifier and words."""
