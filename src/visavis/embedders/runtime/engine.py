"""ONNX Runtime, which runs the networks, and is to send nothing to anybody."""

import os
from typing import Any


def engine() -> Any:
    """ONNX Runtime's package; all of visavis imports it here.

    Its official builds from 1.31 on report to Microsoft how they are used, and keep an identifier
    of the machine in the home, unless this variable is there when the package is imported.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime
