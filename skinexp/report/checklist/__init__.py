"""The TRIPOD+AI checklist: what a run or a comparison fills in and where, and what people must add."""
