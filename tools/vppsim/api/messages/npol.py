"""Policies (VPP: plugins/npol/npol.api)."""

DEFINITIONS = r"""
enum npol_ipset_type u8: NPOL_IP 0, NPOL_IP_AND_PORT 1, NPOL_NET 2
enum npol_rule_action u8: NPOL_ALLOW 0, NPOL_DENY 1, NPOL_LOG 2, NPOL_PASS 3
enum npol_entry_type u8: NPOL_CIDR 0, NPOL_PORT_RANGE 1, NPOL_PORT_IP_SET 2, NPOL_IP_SET 3
enum npol_policy_default u8: NPOL_DEFAULT_ALLOW 0, NPOL_DEFAULT_DENY 1, NPOL_DEFAULT_PASS 2
enum npol_rule_filter_type u8: NPOL_RULE_FILTER_NONE_TYPE 0, NPOL_RULE_FILTER_ICMP_TYPE 1, \
        NPOL_RULE_FILTER_ICMP_CODE 2, NPOL_RULE_FILTER_L4_PROTO 3
type npol_three_tuple: address address, u8 l4_proto, u16 port
union npol_ipset_member_val: address address, prefix prefix, npol_three_tuple tuple
type npol_ipset_member: npol_ipset_member_val val
type npol_port_range: u16 start, u16 end
type npol_entry_set_id: u32 set_id
union npol_entry_data: prefix cidr, npol_port_range port_range, npol_entry_set_id set_id
type npol_rule_entry: bool is_src, bool is_not, npol_entry_type type, npol_entry_data data
type npol_rule_filter: u32 value, npol_rule_filter_type type, u8 should_match
type npol_rule: npol_rule_action action, npol_rule_filter[3] filters, u32 num_entries, \
        npol_rule_entry[num_entries] matches
type npol_policy_item: bool is_inbound, u32 rule_id

raw npol_get_version 51077d14 -> npol_get_version_reply: u32 client_index, u32 context
raw npol_get_version_reply 9b32cf86: u32 context, u32 major, u32 minor
call npol_ipset_create f948b404: npol_ipset_type type
  reply 6a43f193: u32 set_id
call npol_ipset_add_del_members 8ad1b2ed: u32 set_id, bool is_add, u32 len, npol_ipset_member[len] members
  reply e8d4e804:
call npol_ipset_delete ceacdbcb: u32 set_id
  reply e8d4e804:
call npol_rule_create f113de45: npol_rule rule
  reply b48f8052: u32 rule_id
call npol_rule_update e38bffe2: u32 rule_id, npol_rule rule
  reply e8d4e804:
call npol_rule_delete d19bb6be: u32 rule_id
  reply e8d4e804:
call npol_policy_create 3441bb97: u32 num_items, npol_policy_item[num_items] rules
  reply 90f27405: u32 policy_id
call npol_policy_update 21a5f7ef: u32 policy_id, u32 num_items, npol_policy_item[num_items] rules
  reply e8d4e804:
call npol_policy_delete ad833868: u32 policy_id
  reply e8d4e804:
call npol_configure_policies 66fe1335: u32 sw_if_index, u32 num_rx_policies, u32 num_tx_policies, u32 total_ids, \
        u8 invert_rx_tx, npol_policy_default policy_default_rx, npol_policy_default policy_default_tx, \
        npol_policy_default profile_default_rx, npol_policy_default profile_default_tx, u32[total_ids] policy_ids
  reply e8d4e804:
"""
