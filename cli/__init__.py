"""The command line, where everything is wired together."""

import os

# Our matrices are small: on several threads they take ten times the processor time and no less of the clock's, and
# what is worth doing at once is done in processes. Whoever knows better sets these in the environment.
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")
