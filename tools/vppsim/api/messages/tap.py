"""Taps and tuns in Linux namespaces (VPP: tapv2.api)."""

DEFINITIONS = r"""
enum tap_flags u32: TAP_API_FLAG_GSO 1, TAP_API_FLAG_CSUM_OFFLOAD 2, TAP_API_FLAG_PERSIST 4, \
        TAP_API_FLAG_ATTACH 8, TAP_API_FLAG_TUN 16, TAP_API_FLAG_GRO_COALESCE 32, \
        TAP_API_FLAG_PACKED 64, TAP_API_FLAG_IN_ORDER 128, TAP_API_FLAG_CONSISTENT_QP 256

call tap_create_v3 3f3fd1df: u32 id=4294967295, bool use_random_mac=true, mac_address mac_address, \
        u16 num_rx_queues=1, u16 num_tx_queues=1, u16 tx_ring_sz=256, u16 rx_ring_sz=256, \
        bool host_mtu_set, u32 host_mtu_size, bool host_mac_addr_set, mac_address host_mac_addr, \
        bool host_ip4_prefix_set, ip4_address_with_prefix host_ip4_prefix, bool host_ip6_prefix_set, \
        ip6_address_with_prefix host_ip6_prefix, bool host_ip4_gw_set, ip4_address host_ip4_gw, \
        bool host_ip6_gw_set, ip6_address host_ip6_gw, tap_flags tap_flags, bool host_namespace_set, \
        string[64] host_namespace, bool host_if_name_set, string[64] host_if_name, \
        bool host_bridge_set, string[64] host_bridge, string[] tag
  reply 5383d31f: interface_index sw_if_index
call tap_delete_v2 f9e6675e: interface_index sw_if_index
  reply e8d4e804:
dump sw_interface_tap_v2_dump f9e6675e: interface_index sw_if_index=4294967295
  details sw_interface_tap_v2_details 1e2b2a47: u32 sw_if_index, u32 id, u16 tx_ring_sz, \
        u16 rx_ring_sz, u32 host_mtu_size, mac_address host_mac_addr, \
        ip4_address_with_prefix host_ip4_prefix, ip6_address_with_prefix host_ip6_prefix, \
        tap_flags tap_flags, string[64] dev_name, string[64] host_if_name, string[64] host_namespace, \
        string[64] host_bridge
"""
