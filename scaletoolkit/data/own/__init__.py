"""A learner's own Parquet or CSV files, put in the labs' form. Labs 01 and 02.

sources  the files, each of them looked at before anything is written
form     a batch of rows in the labs' form; what cannot take it is left out, and told
adopted  the folder that the labs read
"""

from scaletoolkit.data.own.adopted import adopt

__all__ = ["adopt"]
