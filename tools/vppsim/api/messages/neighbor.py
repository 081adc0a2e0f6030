"""Neighbours, ARP and ND, and answering them for others (VPP: ip_neighbor, ip6_nd, arp)."""

DEFINITIONS = r"""
enum ip_neighbor_flags u8: IP_API_NEIGHBOR_FLAG_NONE 0, IP_API_NEIGHBOR_FLAG_STATIC 1, \
        IP_API_NEIGHBOR_FLAG_NO_FIB_ENTRY 2
type ip_neighbor: interface_index sw_if_index, ip_neighbor_flags flags, mac_address mac_address, \
        address ip_address
type proxy_arp: u32 table_id, ip4_address low, ip4_address hi

call sw_interface_ip6nd_ra_config 3eb00b1c: interface_index sw_if_index, u8 suppress, u8 managed, \
        u8 other, u8 ll_option, u8 send_unicast, u8 cease, bool is_no, u8 default_router, \
        u32 max_interval, u32 min_interval, u32 lifetime, u32 initial_count, u32 initial_interval
  reply e8d4e804:
call ip6nd_proxy_enable_disable 7daa1e3a: interface_index sw_if_index, bool is_enable
  reply e8d4e804:
call ip6nd_proxy_add_del c2e4a686: interface_index sw_if_index, bool is_add, ip6_address ip
  reply e8d4e804:
dump ip6nd_proxy_dump 51077d14:
  details ip6nd_proxy_details 30b9ff4a: interface_index sw_if_index, ip6_address ip
call ip_neighbor_add_del 0607c257: bool is_add, ip_neighbor neighbor
  reply 1992deab: u32 stats_index
dump ip_neighbor_dump d817a484: interface_index sw_if_index=4294967295, address_family af
  details ip_neighbor_details e29d79f0: f64 age, ip_neighbor neighbor
call ip_neighbor_config f4a5cf44: address_family af, u32 max_number, u32 max_age, bool recycle
  reply e8d4e804:
call ip_neighbor_config_get a5db7bf7: address_family af
  reply 798e6fdd: address_family af, u32 max_number, u32 max_age, bool recycle
call ip_neighbor_flush 16aa35d2: address_family af, interface_index sw_if_index=4294967295
  reply e8d4e804:
call proxy_arp_add_del 1823c3e7: bool is_add, proxy_arp proxy
  reply e8d4e804:
dump proxy_arp_dump 51077d14:
  details proxy_arp_details 5b948673: proxy_arp proxy
call proxy_arp_intfc_enable_disable ae6cfcfb: interface_index sw_if_index, bool enable
  reply e8d4e804:
dump proxy_arp_intfc_dump 51077d14:
  details proxy_arp_intfc_details f6458e5f: u32 sw_if_index
"""
