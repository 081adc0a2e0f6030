"""Types that several subjects share (VPP: interface_types, ethernet_types, ip_types, fib_types, mfib_types)."""

DEFINITIONS = r"""
alias timestamp = f64
alias interface_index = u32
alias mac_address = u8[6]
enum if_type u32: IF_API_TYPE_HARDWARE 0, IF_API_TYPE_SUB 1, IF_API_TYPE_P2P 2, IF_API_TYPE_PIPE 3
enum link_duplex u32: LINK_DUPLEX_API_UNKNOWN 0, LINK_DUPLEX_API_HALF 1, LINK_DUPLEX_API_FULL 2
enum sub_if_flags u32: SUB_IF_API_FLAG_NO_TAGS 1, SUB_IF_API_FLAG_ONE_TAG 2, \
        SUB_IF_API_FLAG_TWO_TAGS 4, SUB_IF_API_FLAG_DOT1AD 8, SUB_IF_API_FLAG_EXACT_MATCH 16, \
        SUB_IF_API_FLAG_DEFAULT 32, SUB_IF_API_FLAG_OUTER_VLAN_ID_ANY 64, \
        SUB_IF_API_FLAG_INNER_VLAN_ID_ANY 128, SUB_IF_API_FLAG_MASK_VNET 254, SUB_IF_API_FLAG_DOT1AH 256
enum address_family u8: ADDRESS_IP4 0, ADDRESS_IP6 1
alias ip4_address = u8[4]
alias ip6_address = u8[16]
union address_union: ip4_address ip4, ip6_address ip6
type address: address_family af, address_union un
type prefix: address address, u8 len
alias address_with_prefix = prefix
enum rx_mode u32: RX_MODE_API_UNKNOWN 0, RX_MODE_API_POLLING 1, RX_MODE_API_INTERRUPT 2, \
        RX_MODE_API_ADAPTIVE 3, RX_MODE_API_DEFAULT 4
enum fib_path_type u32: FIB_API_PATH_TYPE_NORMAL 0, FIB_API_PATH_TYPE_LOCAL 1, \
        FIB_API_PATH_TYPE_DROP 2, FIB_API_PATH_TYPE_UDP_ENCAP 3, FIB_API_PATH_TYPE_BIER_IMP 4, \
        FIB_API_PATH_TYPE_ICMP_UNREACH 5, FIB_API_PATH_TYPE_ICMP_PROHIBIT 6, \
        FIB_API_PATH_TYPE_SOURCE_LOOKUP 7, FIB_API_PATH_TYPE_DVR 8, FIB_API_PATH_TYPE_INTERFACE_RX 9, \
        FIB_API_PATH_TYPE_CLASSIFY 10
enum fib_path_flags u32: FIB_API_PATH_FLAG_NONE 0, FIB_API_PATH_FLAG_RESOLVE_VIA_ATTACHED 1, \
        FIB_API_PATH_FLAG_RESOLVE_VIA_HOST 2, FIB_API_PATH_FLAG_POP_PW_CW 4
enum fib_path_nh_proto u32: FIB_API_PATH_NH_PROTO_IP4 0, FIB_API_PATH_NH_PROTO_IP6 1, \
        FIB_API_PATH_NH_PROTO_MPLS 2, FIB_API_PATH_NH_PROTO_ETHERNET 3, FIB_API_PATH_NH_PROTO_BIER 4
type fib_path_nh: address_union address, u32 via_label, u32 obj_id, u32 classify_table_index
type fib_mpls_label: u8 is_uniform, u32 label, u8 ttl, u8 exp
type fib_path: u32 sw_if_index, u32 table_id, u32 rpf_id, u8 weight, u8 preference, fib_path_type type, \
        fib_path_flags flags, fib_path_nh_proto proto, fib_path_nh nh, u8 n_labels, \
        fib_mpls_label[16] label_stack
enum mfib_entry_flags u32: MFIB_API_ENTRY_FLAG_NONE 0, MFIB_API_ENTRY_FLAG_SIGNAL 1, \
        MFIB_API_ENTRY_FLAG_DROP 2, MFIB_API_ENTRY_FLAG_CONNECTED 4, MFIB_API_ENTRY_FLAG_ACCEPT_ALL_ITF 8
type mprefix: address_family af, u16 grp_address_length, address_union grp_address, \
        address_union src_address
enum mfib_itf_flags u32: MFIB_API_ITF_FLAG_NONE 0, MFIB_API_ITF_FLAG_NEGATE_SIGNAL 1, \
        MFIB_API_ITF_FLAG_ACCEPT 2, MFIB_API_ITF_FLAG_FORWARD 4, MFIB_API_ITF_FLAG_SIGNAL_PRESENT 8, \
        MFIB_API_ITF_FLAG_DONT_PRESERVE 16
type mfib_path: mfib_itf_flags itf_flags, fib_path path
type ip4_prefix: ip4_address address, u8 len
type ip6_prefix: ip6_address address, u8 len
alias ip4_address_with_prefix = ip4_prefix
alias ip6_address_with_prefix = ip6_prefix
"""
