# /// script
# dependencies = ["bentoml==1.4.39", "onnxruntime==1.32.0", "numpy>=1.26"]
# ///
"""The model behind BentoML: python bentoml_server.py PORT MODEL."""

import os
import sys
from pathlib import Path

import bentoml
import numpy as np


@bentoml.service(workers=1, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Model:
    """Dynamic batching is `batchable`: how long a batch waits adapts to the load."""

    def __init__(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    @bentoml.api(batchable=True, max_batch_size=32)
    def predict(self, items: np.ndarray) -> np.ndarray:
        """Bodies are {"items": [one item]}; BentoML joins them along the first axis."""
        return self.session.run(None, {"input": items.astype(np.float32)})[0]


if __name__ == "__main__":
    port, os.environ["MODEL"] = sys.argv[1:]
    serve = [sys.executable, "-m", "bentoml", "serve", "bentoml_server:Model"]
    where = ["--working-dir", str(Path(__file__).parent), "--host", "127.0.0.1", "--port", port]
    os.execv(sys.executable, serve + where)
