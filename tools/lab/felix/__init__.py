"""Stands in for Calico's Felix on a node of the lab: same messages, same pipes, same way to die.

selector         Calico's label selectors: trees, matching          (pure)
selector_parser  their text becomes trees                           (pure)
sets             IP sets: their ids and members                     (pure)
rules            a rule of the API as a rule of the protocol        (pure)
kubernetes       a Kubernetes NetworkPolicy as a policy of Calico   (pure)
policies         policies and tiers, as they are sorted             (pure)
endpoints        workloads, host endpoints, network sets, profiles  (pure)
config           FelixConfiguration as raw values                   (pure)
parsing          the cluster's objects, parsed                      (pure)
dataplane_state  the state of a dataplane                           (pure)
cluster_wide     the part of it that does not depend on endpoints   (pure)
evaluation       whether a flow passes, and who decides that     (pure)
calc             the state that a node's dataplane should have      (pure)
delta            the messages from one state to another, in order   (pure)
wire             messages as bytes, by version of Calico            (pure)
apiwatch         the cluster's objects, by list and watch
driver           the dataplane driver as a child with two pipes
status_file      counters and endpoints' statuses, in a file
standin          watches, calculates, sends, until the end
"""
