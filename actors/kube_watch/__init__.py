"""The only Kubernetes client: API objects become facts.

actor           reports of the watches become tables of facts
fact_table      the facts of one resource                             (pure)
parse           one object becomes one fact                           (pure)
parse_services  Services and EndpointSlices become facts              (pure)
fields          checked reading of JSON objects                       (pure)
list_watch      the list and watch protocol of Kubernetes as data     (pure)
node_addresses  which of the node's addresses Calico has to be told  (pure)
node_writer     writes annotations of our own Node               (edge)
client          threads that list and watch, over HTTP                (edge)
"""
