# /// script
# dependencies = ["mosec==0.9.8", "onnxruntime==1.32.0", "numpy==2.4.6"]
# ///
"""The model behind mosec, batched as its documentation shows."""

import os

import numpy as np
import onnxruntime
from mosec import Server, Worker


class Model(Worker):
    """One worker: a batch of bodies in, a batch of answers out."""

    def __init__(self):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    def forward(self, data):
        """Bodies are lists with one item each."""
        batch = np.array([items[0] for items in data], np.float32)
        return [[row] for row in self.session.run(None, {"input": batch})[0].tolist()]


if __name__ == "__main__":
    server = Server()
    server.append_worker(Model, max_batch_size=32)
    server.run()
