"""Networks: the encoder, the hypernetwork and the implicit neural representation whose weights it emits."""
