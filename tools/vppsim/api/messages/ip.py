"""Tables, routes, multicast routes, addresses read back, punt redirection (VPP: ip.api)."""

DEFINITIONS = r"""
type ip_table: u32 table_id, bool is_ip6, string[64] name
type ip_route: u32 table_id, u32 stats_index, prefix prefix, u8 n_paths, fib_path[n_paths] paths
type ip_route_v2: u32 table_id, u32 stats_index, prefix prefix, u8 n_paths, u8 src, \
        fib_path[n_paths] paths
type ip_mroute: u32 table_id, mfib_entry_flags entry_flags, u32 rpf_id, mprefix prefix, u8 n_paths, \
        mfib_path[n_paths] paths
type punt_redirect_v2: interface_index rx_sw_if_index=4294967295, address_family af, u32 n_paths, \
        fib_path[n_paths] paths

call ip_table_add_del 0ffdaec0: bool is_add=true, ip_table table
  reply e8d4e804:
call ip_table_add_del_v2 14e5081f: ip_table table, bool create_mfib=true, bool is_add=true
  reply e8d4e804:
call ip_table_allocate b9d2e09e: ip_table table
  reply 1728303a: ip_table table
call ip_table_flush b9d2e09e: ip_table table
  reply e8d4e804:
dump ip_table_dump 51077d14:
  details ip_table_details c79fca0f: ip_table table
call ip_route_add_del b8ecfe0d: bool is_add=true, bool is_multipath, ip_route route
  reply 1992deab: u32 stats_index
call ip_route_add_del_v2 521ef330: bool is_add=true, bool is_multipath, ip_route_v2 route
  reply 1992deab: u32 stats_index
dump ip_route_dump b9d2e09e: ip_table table
  details ip_route_details bda8f315: ip_route route
dump ip_route_v2_dump d16f72e6: u8 src, ip_table table
  details ip_route_v2_details b09aa6c0: ip_route_v2 route
call ip_route_lookup 710d6471: u32 table_id, u8 exact, prefix prefix
  reply 5d8febcb: ip_route route
call ip_mroute_add_del 0dd7e790: bool is_add=true, bool is_multipath, ip_mroute route
  reply 1992deab: u32 stats_index
dump ip_mroute_dump b9d2e09e: ip_table table
  details ip_mroute_details c5cb23fc: ip_mroute route
dump ip_mtable_dump 51077d14:
  raw ip_mtable_details b9d2e09e -> details: u32 client_index, u32 context, ip_table table
dump ip_address_dump 2d033de4: interface_index sw_if_index, bool is_ipv6
  details ip_address_details ee29b797: interface_index sw_if_index, address_with_prefix prefix
dump ip_unnumbered_dump f9e6675e: interface_index sw_if_index=4294967295
  details ip_unnumbered_details cc59bd42: interface_index sw_if_index, interface_index ip_sw_if_index
dump ip_dump 98d231ca: bool is_ipv6
  details ip_details eb152d07: interface_index sw_if_index, bool is_ipv6
call sw_interface_ip6_enable_disable ae6cfcfb: interface_index sw_if_index, bool enable
  reply e8d4e804:
call add_del_ip_punt_redirect_v2 9e804227: bool is_add=true, punt_redirect_v2 punt
  reply e8d4e804:
dump ip_punt_redirect_v2_dump d817a484: interface_index sw_if_index, address_family af
  details ip_punt_redirect_v2_details 7ba42e1d: punt_redirect_v2 punt
call sw_interface_ip6_get_link_local_address f9e6675e: interface_index sw_if_index
  reply d16b7130: ip6_address ip
call sw_interface_ip6_set_link_local_address 1c10f15f: interface_index sw_if_index, ip6_address ip
  reply e8d4e804:
"""
