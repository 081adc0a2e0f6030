"""Interfaces of every kind (VPP: interface.api)."""

DEFINITIONS = r"""
enum if_status_flags u32: IF_STATUS_API_FLAG_ADMIN_UP 1, IF_STATUS_API_FLAG_LINK_UP 2

dump sw_interface_dump aa610c27: interface_index sw_if_index=4294967295, bool name_filter_valid, \
        string[] name_filter
  details sw_interface_details 6c221fc7: interface_index sw_if_index, u32 sup_sw_if_index, \
        mac_address l2_address, if_status_flags flags, if_type type, link_duplex link_duplex, \
        u32 link_speed, u16 link_mtu, u32[4] mtu, u32 sub_id, u8 sub_number_of_tags, \
        u16 sub_outer_vlan_id, u16 sub_inner_vlan_id, sub_if_flags sub_if_flags, u32 vtr_op, \
        u32 vtr_push_dot1q, u32 vtr_tag1, u32 vtr_tag2, u16 outer_tag, mac_address b_dmac, \
        mac_address b_smac, u16 b_vlanid, u32 i_sid, string[64] interface_name, \
        string[64] interface_dev_type, string[64] tag
call sw_interface_set_flags f5aec1b8: interface_index sw_if_index, if_status_flags flags
  reply e8d4e804:
call sw_interface_set_mtu 5cbe85e5: interface_index sw_if_index, u32[4] mtu
  reply e8d4e804:
call hw_interface_set_mtu e6746899: interface_index sw_if_index, u16 mtu
  reply e8d4e804:
call sw_interface_set_table df42a577: interface_index sw_if_index, bool is_ipv6, u32 vrf_id
  reply e8d4e804:
call sw_interface_get_table 2d033de4: interface_index sw_if_index, bool is_ipv6
  reply a6eb0109: u32 vrf_id
call sw_interface_add_del_address 5463d73b: interface_index sw_if_index, bool is_add, bool del_all, \
        address_with_prefix prefix
  reply e8d4e804:
call sw_interface_set_unnumbered 154a6439: interface_index sw_if_index, \
        interface_index unnumbered_sw_if_index, bool is_add
  reply e8d4e804:
call sw_interface_tag_add_del 426f8bc1: bool is_add, interface_index sw_if_index, string[64] tag
  reply e8d4e804:
call sw_interface_set_rx_mode b04d1cfe: interface_index sw_if_index, bool queue_id_valid, u32 queue_id, \
        rx_mode mode
  reply e8d4e804:
call sw_interface_set_rx_placement db65f3c9: interface_index sw_if_index, u32 queue_id, u32 worker_id, \
        bool is_main
  reply e8d4e804:
dump sw_interface_rx_placement_dump f9e6675e: interface_index sw_if_index
  raw sw_interface_rx_placement_details 9e44a7ce -> details: u32 client_index, u32 context, \
        interface_index sw_if_index, u32 queue_id, u32 worker_id, rx_mode mode
call sw_interface_set_tx_placement 4e0cd5ff: interface_index sw_if_index, u32 queue_id, u32 array_size, \
        u32[array_size] threads
  reply e8d4e804:
call sw_interface_set_promisc d40860d4: interface_index sw_if_index, bool promisc_on
  reply e8d4e804:
call sw_interface_set_mac_address c536e7eb: interface_index sw_if_index, mac_address mac_address
  reply e8d4e804:
call sw_interface_get_mac_address f9e6675e: interface_index sw_if_index
  reply 40ef2c08: mac_address mac_address
call sw_interface_set_interface_name 45a1d548: interface_index sw_if_index, string[64] name
  reply e8d4e804:
call want_interface_events 476f5a08: u32 enable_disable, u32 pid
  reply e8d4e804:
  event sw_interface_event 2d3d95a7: u32 client_index, u32 pid, interface_index sw_if_index, \
        if_status_flags flags, bool deleted
call create_loopback 42bb5d22: mac_address mac_address
  reply 5383d31f: interface_index sw_if_index
call create_loopback_instance d36a3ee2: mac_address mac_address, bool is_specified, u32 user_instance
  reply 5383d31f: interface_index sw_if_index
call delete_loopback f9e6675e: interface_index sw_if_index
  reply e8d4e804:
"""
