"""Services manager: Services and EndpointSlices become translations in VPP.

annotations   what a Service asks of the balancer      (pure)
endpoints     which endpoints take traffic             (pure)
topology      which of them are meant for this node    (pure)
frontends     one Service's addresses and ports        (pure)
relay         routes of pods to nodes that can serve   (pure)
snat          whose source address changes             (pure)
desired       all of them, and which has an address    (pure)
cache         what has changed is worked out again      (pure)
http_answers  one answer to each connection            (edge)
healthchecks  whether Local services have endpoints    (edge)
proxy_health  whether services are served at all       (edge)
actor         the manager: stores facts, decides
"""
