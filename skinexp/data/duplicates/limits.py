"""Every threshold of the search, and where it comes from.

Where a line says *measured*, `benchmarks/duplicate_recall.py` did: half of the lesions were looked at to choose the
value, the other half makes the table of docs/audit.md.
"""

NEIGHBOURS = 6  # pairs proposed for an image: measured, 99 % of 80 % cuts among 1,843 images are among the first 3
QUICK_NEIGHBOURS = 3
FARTHEST = 3.0  # in standard deviations of the set's own vectors: measured, 95 % of 80 % cuts lie within 2.3
QUICK_FARTHEST = 1.2  # measured: 95 % of new encodings, lights, flips and turns lie within 0.9, of rotations within 0.5

LEAST_COARSE = 0.6  # correlation of two pictures laid on each other, at 48 px: measured, siblings' is above 0.9
DETAILS = 0.85  # correlation of what is fine in two pictures: measured, planted copies' is above 0.87, and that of
# other lesions mostly below 0.75; but single dark spots on smooth skin reach 0.92
EVERYWHERE = 0.7  # the same with the strongest details held back: measured, 0.81 and more, against 0.55 for such spots
STRONGEST = 1.5  # times the median: where details are held
LEAST_DETAIL = 0.5  # standard deviation of details, in grey levels: below it is what rounding to whole levels leaves
LEAST_OVERLAP = 0.2  # of a picture's area in which both are compared; siblings of two 80 % cuts share more

# What was done to a picture is said where it was at least this much.
NAMED_TURN = 2.0  # degrees
NAMED_SCALE = 0.03  # of the side
NAMED_LIGHT = 6.0  # grey levels of the mean
NAMED_CONTRAST = 0.08  # of the standard deviation
