"""Any number of parties: Shamir's sharing of numbers over a prime field, and of bits over a binary field."""
