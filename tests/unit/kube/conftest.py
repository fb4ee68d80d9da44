"""Property tests here are about laws, not about speed on a busy machine."""

from hypothesis import HealthCheck, settings

settings.register_profile("kube", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kube")
