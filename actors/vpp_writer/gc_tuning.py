"""Python's cyclic garbage collector, set for a process that holds a hundred thousand objects without cycles.

By default it looks at what is new after every 700 allocations, and now and then at everything: a quarter of the time
that loading many routes takes. What is held here is freed by reference counts; the collector finds only exceptions and
tasks, which may wait.
"""

import gc

# A look at 100,000 new objects takes 15 ms, in which nothing else is done; at 20,000 it takes 4.
_NEW_OBJECTS, _YOUNG_ROUNDS, _OLD_ROUNDS = 20_000, 50, 50


def tune_writer_garbage_collector() -> None:
    """What has been imported lives for ever; the rest is looked at seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _YOUNG_ROUNDS, _OLD_ROUNDS)
