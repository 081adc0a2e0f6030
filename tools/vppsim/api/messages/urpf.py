"""Unicast reverse path forwarding (VPP: plugins/urpf/urpf.api)."""

DEFINITIONS = r"""
enum urpf_mode u8: URPF_API_MODE_OFF 0, URPF_API_MODE_LOOSE 1, URPF_API_MODE_STRICT 2
call urpf_update_v2 b873d028: bool is_input=true, urpf_mode mode, address_family af, interface_index sw_if_index, \
  u32 table_id=4294967295
  reply e8d4e804:
dump urpf_interface_dump f9e6675e: interface_index sw_if_index=4294967295
  details urpf_interface_details f94b5374: interface_index sw_if_index, bool is_input, urpf_mode mode, \
    address_family af, u32 table_id
"""
