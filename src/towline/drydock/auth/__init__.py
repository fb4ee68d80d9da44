"""Who asks and what they may do: authenticators, ServiceAccount tokens, RBAC.

Part of the API server. `rules` and `covers` are pure; `authorizer` reads roles from the store;
`access` is what a request passes before anything else happens.
"""
