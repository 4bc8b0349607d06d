# /// script
# dependencies = ["mosec==0.9.8", "onnxruntime==1.32.0", "numpy>=1.26"]
# ///
"""The model behind mosec: python mosec_server.py PORT MODEL [bytes]."""

import os
import sys

import numpy as np
from mosec import Server, Worker


class Model(Worker):
    """Dynamic batching is `max_batch_size`; a batch waits 10 ms at most, mosec's default."""

    def __init__(self):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(os.environ["MODEL"], options)

    def forward(self, data):
        """A list of bodies in, each a list of one item; a list of answers out."""
        batch = np.array([items[0] for items in data], np.float32)
        return [[row] for row in self.session.run(None, {"input": batch})[0].tolist()]


class Bytes(Model):
    """The same with an item's numbers as bytes, there and back: what mosec's users do for speed."""

    def deserialize(self, data):
        """Bytes to one item."""
        return np.frombuffer(data, np.float32)

    def serialize(self, data):
        """One row to bytes."""
        return data.tobytes()

    def forward(self, data):
        """A list of items in, a list of rows out."""
        return list(self.session.run(None, {"input": np.stack(data)})[0])


if __name__ == "__main__":
    port, os.environ["MODEL"], *form = sys.argv[1:]
    sys.argv = [sys.argv[0], "--address", "127.0.0.1", "--port", port, "--log-level", "error"]
    server = Server()
    server.append_worker(Bytes if form else Model, max_batch_size=32)
    server.run()
