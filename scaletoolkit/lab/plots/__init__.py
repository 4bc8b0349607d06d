"""The house style of every picture; every function draws and returns None. Every lab.

series    a series of points, and how each kind looks
guesses   a guess far from all else, at the frame
words     a picture in words: the table of its data, folded below it
pictures  curves, panels below each other, bars
spans     bars from a low end to a high one, below each other: a tornado
moving    pictures that change: sliders, live pictures
"""

from scaletoolkit.lab.plots.moving import explore, live
from scaletoolkit.lab.plots.pictures import bars, curves, panels
from scaletoolkit.lab.plots.series import KINDS, Series
from scaletoolkit.lab.plots.spans import spans

__all__ = ["KINDS", "Series", "bars", "curves", "explore", "live", "panels", "spans"]
