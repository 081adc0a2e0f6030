"""The routing manager: gobgpd configured from Kubernetes' facts, learnt paths as routes in VPP."""
