"""Services and source NAT (VPP: plugins/cnat/cnat.api)."""

DEFINITIONS = r"""
enum cnat_translation_flags u8: CNAT_TRANSLATION_ALLOC_PORT 1, CNAT_TRANSLATION_NO_RETURN_SESSION 4, \
        CNAT_TRANSLATION_NO_CLIENT 8
enum cnat_endpoint_tuple_flags u8: CNAT_EPT_NO_NAT 2
enum cnat_lb_type u8: CNAT_LB_TYPE_DEFAULT 0, CNAT_LB_TYPE_MAGLEV 1
enum cnat_snat_policy_flags u8: CNAT_SNAT_POLICY_F_NONE 0, CNAT_SNAT_POLICY_F_BUFFER_NEXT 1, \
        CNAT_SNAT_POLICY_F_NO_CLIENT 2, CNAT_SNAT_POLICY_F_USE_AS_DEFAULT 4
enum cnat_snat_policy_table u8: CNAT_POLICY_INCLUDE_V4 0, CNAT_POLICY_INCLUDE_V6 1, CNAT_POLICY_POD 2, \
        CNAT_POLICY_HOST 3
enum cnat_snat_policies u8: CNAT_POLICY_NONE 0, CNAT_POLICY_IF_PFX 1, CNAT_POLICY_K8S 2, CNAT_POLICY_DNAT 3
flags ip_flow_hash_config_v2 u32: IP_API_V2_FLOW_HASH_SRC_IP 1, IP_API_V2_FLOW_HASH_DST_IP 2, \
        IP_API_V2_FLOW_HASH_SRC_PORT 4, IP_API_V2_FLOW_HASH_DST_PORT 8, IP_API_V2_FLOW_HASH_PROTO 16, \
        IP_API_V2_FLOW_HASH_REVERSE 32, IP_API_V2_FLOW_HASH_SYMETRIC 64, IP_API_V2_FLOW_HASH_FLOW_LABEL 128, \
        IP_API_V2_FLOW_HASH_GTPV1_TEID 256
type cnat_endpoint: address addr, interface_index sw_if_index, address_family if_af, u16 port
type cnat_endpoint_tuple: cnat_endpoint dst_ep, cnat_endpoint src_ep, u8 flags
type cnat_5tuple: address[2] addr, u16[2] port, ip_proto ip_proto
type cnat_translation: cnat_endpoint vip, u32 id, ip_proto ip_proto, u8 is_real_ip, u8 flags, \
        cnat_lb_type lb_type, u32 n_paths, ip_flow_hash_config_v2 flow_hash_config, \
        cnat_endpoint_tuple[n_paths] paths
type cnat_session: cnat_5tuple tuple, u32 ts_index, u32 flags

call cnat_translation_update f8d40bc5: cnat_translation translation
  reply e2fc8294: u32 id
call cnat_translation_del 3a91bde5: u32 id
  reply e8d4e804:
dump cnat_translation_dump 51077d14:
  details cnat_translation_details 1a5140b7: cnat_translation translation
call cnat_session_purge 51077d14:
  reply e8d4e804:
dump cnat_session_dump 51077d14:
  details cnat_session_details 7a78bf3f: cnat_session session
call cnat_set_snat_addresses d997e96c: ip4_address snat_ip4, ip6_address snat_ip6, interface_index sw_if_index
  reply e8d4e804:
call cnat_set_snat_addresses_v2 c0125c26: u32 fwd_fib_index, u32 ret_fib_index, ip4_address snat_ip4, \
        ip6_address snat_ip6, interface_index sw_if_index, cnat_snat_policy_flags flags
  reply e8d4e804:
call cnat_get_snat_addresses 51077d14:
  reply 879513c1: u32 id, ip4_address snat_ip4, ip6_address snat_ip6, interface_index sw_if_index
dump cnat_snat_addresses_dump 51077d14:
  details cnat_snat_addresses_details 09ae6b38: i32 retval, u32 fwd_table_id4, u32 fwd_table_id6, \
        u32 ret_table_id4, u32 ret_table_id6, ip4_address snat_ip4, ip6_address snat_ip6, \
        interface_index sw_if_index
call cnat_snat_policy_add_del_exclude_pfx e26dd79a: u8 is_add, prefix prefix
  reply e8d4e804:
call cnat_snat_policy_add_del_if 4ebb8d02: interface_index sw_if_index, u8 is_add, cnat_snat_policy_table table
  reply e8d4e804:
call cnat_set_snat_policy 37a3ce23: cnat_snat_policies policy
  reply e8d4e804:
call feature_cnat_enable_disable 5501adee: interface_index sw_if_index, bool enable_disable
  reply e8d4e804:
"""
