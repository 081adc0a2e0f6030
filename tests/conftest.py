"""How many examples property tests try: profile `default` or `thorough` (`make test PROFILE=thorough`).

A profile is the only place that says so: a test says it itself only with its reason beside it.
"""

from hypothesis import HealthCheck, settings

# No deadlines, and no complaint that making examples is slow: a busy machine is not a failure.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
# By default every run tries the same examples, so that what fails is the change's doing; `thorough` looks for new ones.
settings.register_profile("default", _PATIENT, max_examples=25, derandomize=True)
settings.register_profile("thorough", _PATIENT, max_examples=1000)
settings.load_profile("default")
