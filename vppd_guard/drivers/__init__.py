"""How an uplink goes from Linux to VPP, one file for each driver.

driver                what the guard asks of a driver
registry              all drivers, in the order of the automatic choice
af_packet, af_xdp     through the kernel: the link stays a Linux link
rdma                  RDMA verbs, beside the kernel driver
virtio, vmxnet3, avf  drivers of VPP itself, the device bound to VFIO
dpdk                  DPDK's drivers, by startup.conf
none                  whatever the user's own startup.conf makes

machine               kernel, PCI devices, hugepages: what this machine is
pci                   which kernel driver has a PCI device
links                 steps that change a link which stays a Linux link
channels              how many receive queues a link has
names                 how an uplink is called in VPP (pure)
rings                 sizes of rings that drivers take (pure)
"""
