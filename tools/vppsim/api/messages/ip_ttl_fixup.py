"""Forwarding between two interfaces that costs no TTL (a private plugin: ip_ttl_fixup.api)."""

DEFINITIONS = r"""
call ip_ttl_fixup_configure 4a183253: interface_index src_sw_if_index, interface_index dst_sw_if_index, bool enable
  reply e8d4e804:
"""
