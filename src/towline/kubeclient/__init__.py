"""The Kubernetes client edge: transport, kubeconfig, list and watch, cache."""
