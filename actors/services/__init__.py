"""Services manager: Services and EndpointSlices become translations in VPP."""
