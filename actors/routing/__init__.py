"""The routing manager: gobgpd configured from Kubernetes' facts, learnt paths as routes in VPP.

gobgp        driving one gobgpd over its gRPC API
desired      what BGP and VPP should hold            (pure)
unassigned   own addresses that no pod has: closed   (pure)
reconciler   keeps gobgpd so, over all of its lives  (edge)
actor        the manager: stores facts, decides
"""
