# /// script
# dependencies = ["litserve==0.2.19", "onnxruntime==1.32.0", "numpy>=1.26"]
# ///
"""The model behind LitServe: python litserve_server.py PORT MODEL."""

import sys

import litserve
import numpy as np


class Model(litserve.LitAPI):
    """Dynamic batching is `max_batch_size`; a batch takes what waits, LitServe's default."""

    def setup(self, device):
        """Load the model in a worker."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(sys.argv[2], options)

    def decode_request(self, request):
        """A body is a list of one item."""
        return np.array(request[0], np.float32)

    def predict(self, batch):
        """LitServe has stacked the items of a batch."""
        return self.session.run(None, {"input": np.asarray(batch)})[0]

    def encode_response(self, output):
        """One row, as a list of one."""
        return [output.tolist()]


if __name__ == "__main__":
    server = litserve.LitServer(
        Model(max_batch_size=32, api_path="/predict"), accelerator="cpu", workers_per_device=1
    )
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        generate_client_file=False,
        num_api_servers=1,
    )
