"""What the parts of the page show, of a view, as plain values of at most some hundred kB, however long the run is.

Times are seconds since the run began. Where there are more runs than a picture can hold, the best are taken, and a
sample of the others, the same at each look.
"""
