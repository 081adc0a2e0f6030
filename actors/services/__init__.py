"""Services manager: Services and EndpointSlices become translations in VPP.

annotations   what a Service asks of the balancer      (pure)
endpoints     which endpoints take traffic             (pure)
entries       one Service's addresses and ports        (pure)
snat          whose source address changes             (pure)
desired       all of it, and who has an address first  (pure)
healthchecks  HTTP answers for load balancers          (edge)
actor         remembers the facts
"""
