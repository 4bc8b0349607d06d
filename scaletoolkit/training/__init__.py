"""Model scale: one model, trained by several ranks. Lab 03.

models     small models, digits, one training step
gradients  averaged by hand, by DDP, over a slow link; where the time goes
loader     Parquet rows for training, shared among ranks
export     models as ONNX files, for the labs that serve them
"""
