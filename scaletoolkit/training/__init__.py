"""Model scale: one model, trained by several ranks (03), cut (04), saved (05), smaller (06).

models           small models, digits, one training step
normalization    BatchNorm over the examples of all ranks
gradients        averaged over ranks, over a slow link, in fewer bits
times            seconds of a step, of its parts and of exchanges
loader           batches from Parquet files, shared among ranks; positions to go on from
rows             the rows of Parquet files in a shuffled order
tensor_parallel  each layer cut among ranks
pipeline         layers cut into stages: schedules on a virtual clock
sharded          each rank keeps a part of every weight, and borrows the rest
counting         bytes of state, activations and messages, one tensor after the other
checkpoint       all that training needs to go on: saved whole, verified, found again
saves            the folders of checkpoints: names, manifests, which may go
interruptions    what failures and saving cost a long job, on a virtual clock
small_job        a job that is begun, ended and begun anew within an answer
compression      fewer bits, fewer weights, students; how sure a difference is
int8             8-bit integers and half floats, and how their engines run them
export           models as ONNX files, for the labs that serve them
"""
