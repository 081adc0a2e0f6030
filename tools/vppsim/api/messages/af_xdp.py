"""Linux links through AF_XDP sockets (VPP: af_xdp.api)."""

DEFINITIONS = r"""
enum af_xdp_mode u32: AF_XDP_API_MODE_AUTO 0, AF_XDP_API_MODE_COPY 1, AF_XDP_API_MODE_ZERO_COPY 2
flags af_xdp_flag u8: AF_XDP_API_FLAGS_NO_SYSCALL_LOCK 1, AF_XDP_API_FLAGS_MAC_REUSE 2

call af_xdp_create_v3 cf4b1827: string[64] host_if, string[64] name, u16 rxq_num=1, u16 rxq_size=0, \
        u16 txq_size=0, af_xdp_mode mode=0, af_xdp_flag flags=0, string[256] prog, string[64] netns
  reply 5383d31f: interface_index sw_if_index
call af_xdp_delete f9e6675e: interface_index sw_if_index
  reply e8d4e804:
"""
