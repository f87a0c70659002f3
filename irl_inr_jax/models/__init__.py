"""Networks: encoder, hypernetwork, implicit neural representation (INR) and the other methods' generators."""
