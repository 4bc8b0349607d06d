"""The house style of every picture; every function draws and returns None. Every lab.

pictures  series and their looks; curves, panels below each other, bars
moving    pictures that change: sliders, live pictures
"""

from scaletoolkit.lab.plots.moving import explore, live
from scaletoolkit.lab.plots.pictures import KINDS, Series, bars, curves, panels

__all__ = ["KINDS", "Series", "bars", "curves", "explore", "live", "panels"]
