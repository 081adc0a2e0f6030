"""What VPP hands to the host (VPP: punt.api)."""

DEFINITIONS = r"""
enum punt_type u32: PUNT_API_TYPE_L4 0, PUNT_API_TYPE_IP_PROTO 1, PUNT_API_TYPE_EXCEPTION 2
type punt_exception: u32 id
enum ip_proto u8: IP_API_PROTO_HOPOPT 0, IP_API_PROTO_ICMP 1, IP_API_PROTO_IGMP 2, IP_API_PROTO_TCP 6, \
        IP_API_PROTO_UDP 17, IP_API_PROTO_GRE 47, IP_API_PROTO_ESP 50, IP_API_PROTO_AH 51, \
        IP_API_PROTO_ICMP6 58, IP_API_PROTO_EIGRP 88, IP_API_PROTO_OSPF 89, IP_API_PROTO_SCTP 132, \
        IP_API_PROTO_RESERVED 255
type punt_l4: address_family af, ip_proto protocol, u16 port
type punt_ip_proto: address_family af, ip_proto protocol
union punt_union: punt_exception exception, punt_l4 l4, punt_ip_proto ip_proto
type punt: punt_type type, punt_union punt
type punt_reason: u32 id, string[] name

call set_punt 47d0e347: bool is_add, punt punt
  reply e8d4e804:
dump punt_reason_dump 5c0dd4fe: punt_reason reason
  details punt_reason_details 2c9d4a40: punt_reason reason
"""
