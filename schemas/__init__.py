"""The words of vppd's bus, and the configuration that its processes share.

words             which word carries which struct, and which process owns it
facts             what is so: published by the process that observes it
intents           what VPP should hold: published by the manager that owns it
cnat              intents: translation of service addresses, source NAT
npol              intents: IP sets, policies of rules
uplinks           intents: an uplink's interface, one for each driver
urpf              intents: from which sources an interface may send
intent_base       the base class of all intents
statuses          what became of an intent: published by the VPP writer
requests          questions to one process, each with one reply
codec             bytes <-> structs, with errors that name the object and the field
checksummed_json  records on disk: a line of JSON with its checksum
config            a node's configuration, read from environment variables
calico_vpp        the JSON in some of these variables, as users of Calico/VPP know it
config_notices    what of a configuration is accepted and changes nothing, or is not known
spelling          what is said of a name that nobody knows
own_addresses     a node's own addresses, as its uplinks have them
addresses         how the text of an address is read: as Kubernetes and Calico read it
env_readers       how the text of a variable is read
lenient_json      how its JSON is read: as Go reads it
proto/            protocols of others: gobgpd's, Felix's, the CNI plugin's
"""
