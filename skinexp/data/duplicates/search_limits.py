"""All thresholds of the search, with their origin.

"Seen" refers to planted copies and to other lesions in the half of the photographs that
`benchmarks/duplicate_recall.py --half chosen` takes (isic9 and ham10000_100x75); the other half makes the table of
docs/concepts/audit.md. The number of proposed pairs was chosen on all photographs of isic9: it affects the time, and
never adds a false pair.
"""

NEIGHBOURS = 6  # pairs proposed for an image; of cuts to 80 %, 99 % were among the nearest 3 of 1,843 images
QUICK_NEIGHBOURS = 3
FARTHEST = 3.0  # in standard deviations of the set's own vectors; 95 % of cuts to 80 % lay within 2.3
QUICK_FARTHEST = 1.2  # 95 % of new encodings, lights, flips and turns lay within 0.9, of rotations within 0.5

LEAST_OVERLAP = 0.2  # of a picture's area in which two are compared
LEAST_COARSE = 0.6  # correlation of pictures laid on each other at 48 px; seen: 0.9 and more, save for dark corners
LEAST_DETAIL = 0.5  # standard deviation of details, in grey levels: below it is what rounding to whole levels leaves
STRONGEST = 1.5  # times the median of the details: where the strongest are held back
DETAILS = 0.85  # correlation of details; seen: planted copies 0.87 and more, others 0.75 in 99 % of pairs, but 0.92 for
# two lesions that are single dark spots on smooth skin
EVERYWHERE = 0.7  # the same with the strongest held back; seen: planted copies 0.81 and more, such spots 0.55 and less

# What was done to a picture is named where it was at least this much.
NAMED_TURN = 2.0  # degrees
NAMED_SCALE = 0.03  # of the side
NAMED_LIGHT = 6.0  # grey levels of the mean
NAMED_CONTRAST = 0.08  # of the standard deviation
