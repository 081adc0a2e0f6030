"""NICs that VPP drives itself (VPP: virtio.api, pci_types.api, vmxnet3.api, dev.api)."""

DEFINITIONS = r"""
type pci_address: u16 domain, u8 bus, u8 slot, u8 function
flags virtio_flags u32: VIRTIO_API_FLAG_GSO 1, VIRTIO_API_FLAG_CSUM_OFFLOAD 2, VIRTIO_API_FLAG_GRO_COALESCE 4, \
        VIRTIO_API_FLAG_PACKED 8, VIRTIO_API_FLAG_IN_ORDER 16, VIRTIO_API_FLAG_BUFFERING 32, VIRTIO_API_FLAG_RSS 64
flags dev_flags u32: VL_API_DEV_FLAG_NO_STATS 1
flags dev_port_flags u32: VL_API_DEV_PORT_FLAG_INTERRUPT_MODE 1, VL_API_DEV_PORT_FLAG_CONSISTENT_QP 2

call virtio_pci_create_v2 5d096e1a: pci_address pci_addr, bool use_random_mac, mac_address mac_address, \
        virtio_flags virtio_flags, u64 features
  reply 5383d31f: interface_index sw_if_index
call virtio_pci_delete f9e6675e: interface_index sw_if_index
  reply e8d4e804:

call vmxnet3_create 71a07314: u32 pci_addr, i32 enable_elog, u16 rxq_size, u16 rxq_num, u16 txq_size, \
        u16 txq_num, u8 bind, bool enable_gso
  reply 5383d31f: interface_index sw_if_index
call vmxnet3_delete f9e6675e: interface_index sw_if_index
  reply e8d4e804:

raw dev_attach 44b725fc -> dev_attach_reply: u32 client_index, u32 context, string[48] device_id, \
        string[16] driver_name, dev_flags flags, string[] args
raw dev_attach_reply 6082b181: u32 context, u32 dev_index, i32 retval, string[] error_string
raw dev_create_port_if dbdf06f3 -> dev_create_port_if_reply: u32 client_index, u32 context, u32 dev_index, \
        string[32] intf_name, u16 num_rx_queues, u16 num_tx_queues, u16 rx_queue_size, u16 tx_queue_size, \
        u16 port_id, dev_port_flags flags, string[] args
raw dev_create_port_if_reply 243c2374: u32 client_index, u32 context, u32 sw_if_index, i32 retval, \
        string[] error_string
call dev_remove_port_if 529cb13f: u32 sw_if_index
  reply c8d74455: string[] error_string
"""
