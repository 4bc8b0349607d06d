"""What a lab runs reports to nobody: said in the environment, before anything is imported.

ONNX Runtime reports its use to Microsoft unless it finds this when it is imported.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
