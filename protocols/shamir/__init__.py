"""Any number of parties: Shamir's sharing over a prime field, and of bits over a binary field."""
