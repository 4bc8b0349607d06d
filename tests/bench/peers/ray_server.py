# /// script
# dependencies = ["ray[serve]==2.60.0", "onnxruntime==1.32.0", "numpy>=1.26"]
# ///
"""The model behind Ray Serve: python ray_server.py PORT MODEL."""

import signal
import sys
import tempfile
import threading

import numpy as np
import ray
from ray import serve


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 1})
class Model:
    """Dynamic batching is `@serve.batch`; a batch waits 10 ms at most, as in Ray's examples."""

    def __init__(self, path):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options)

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.01)
    async def predict(self, items):
        """A list of items in, a list of rows out."""
        return self.session.run(None, {"input": np.array(items, np.float32)})[0].tolist()

    async def __call__(self, request):
        """A body is a list of one item."""
        items = await request.json()
        return [await self.predict(items[0])]


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that Ray ends what it started
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            object_store_memory=100 << 20,
            _temp_dir=folder,
        )
        serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
        serve.run(Model.bind(sys.argv[2]), route_prefix="/predict")
        threading.Event().wait()
