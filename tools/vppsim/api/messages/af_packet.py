"""Linux links as uplinks, and GSO (VPP: af_packet.api, gso.api)."""

DEFINITIONS = r"""
enum af_packet_mode u32: AF_PACKET_API_MODE_ETHERNET 1, AF_PACKET_API_MODE_IP 2
enum af_packet_flags u32: AF_PACKET_API_FLAG_QDISC_BYPASS 1, AF_PACKET_API_FLAG_CKSUM_GSO 2, \
        AF_PACKET_API_FLAG_VERSION_2 8

call af_packet_create_v3 b3a809d4: af_packet_mode mode, mac_address hw_addr, bool use_random_hw_addr, \
        string[64] host_if_name, u32 rx_frame_size, u32 tx_frame_size, u32 rx_frames_per_block, \
        u32 tx_frames_per_block, af_packet_flags flags, u16 num_rx_queues=1, u16 num_tx_queues=1
  reply 5383d31f: interface_index sw_if_index
call af_packet_delete 863fa648: string[64] host_if_name
  reply e8d4e804:
dump af_packet_dump 51077d14:
  details af_packet_details 58c7c042: interface_index sw_if_index, string[64] host_if_name
call feature_gso_enable_disable 5501adee: interface_index sw_if_index, bool enable_disable
  reply e8d4e804:
"""
