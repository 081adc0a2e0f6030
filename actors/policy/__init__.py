"""Policy manager: what Felix says becomes what VPP's npol plugin enforces."""
