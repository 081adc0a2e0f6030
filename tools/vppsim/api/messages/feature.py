"""Which features are on the arcs of an interface (VPP: vnet/feature/feature.api)."""

DEFINITIONS = r"""
call feature_is_enabled 55db09e2: string[64] arc_name, string[64] feature_name, interface_index sw_if_index
  raw feature_is_enabled_reply 03f284b5: u32 client_index, u32 context, i32 retval, bool is_enabled
"""
