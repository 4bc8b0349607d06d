# The model server in a container, for an ONNX file of your own:
#
#   docker build -t scaletoolkit-model-server .
#   docker run --rm -p 127.0.0.1:8000:8000 -v "$PWD/mine.onnx:/models/mine.onnx:ro" \
#       scaletoolkit-model-server /models/mine.onnx
#
# Options of `python -m scaletoolkit serve` follow the file. Only what serving needs is installed:
# no PyTorch, no JupyterLab. `python -m scaletoolkit export` writes an image with the model in it.
FROM python:3.12-slim
WORKDIR /server
COPY constraints.txt pyproject.toml README.md ./
COPY scaletoolkit scaletoolkit
RUN pip install --no-cache-dir --constraint constraints.txt \
        httptools numpy onnxruntime orjson prometheus_client pyyaml starlette uvicorn uvloop \
    && pip install --no-cache-dir --no-deps .
USER 1000
ENV OMP_NUM_THREADS=1 ORT_DISABLE_TELEMETRY=1
EXPOSE 8000
ENTRYPOINT ["python", "-m", "scaletoolkit", "serve", "--host", "0.0.0.0", "--port", "8000"]
