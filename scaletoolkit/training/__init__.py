"""Model scale: one model, trained by several ranks (03), saved (05), or made smaller (06).

models       small models, digits, one training step
gradients    averaged by hand, by DDP, over a slow link; where the time goes
loader       Parquet rows for training, shared among ranks
checkpoint   all that training needs to go on: saved whole, verified, found again
interruptions  what failures and saving cost a long job, on a virtual clock
compression  fewer bits, fewer weights, students; how sure a difference is
int8         8-bit integers and half floats, and how their engines run them
export       models as ONNX files, for the labs that serve them
"""
