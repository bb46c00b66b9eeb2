"""What holds for every overlay of k8s/: `python -m k8s.checks` renders, validates and tests without a cluster."""
