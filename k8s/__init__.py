"""Kubernetes manifests (kustomize) and what checks them."""
