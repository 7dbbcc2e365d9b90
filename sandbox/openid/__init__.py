"""A local OpenID provider with Keycloak's paths and claims: signing in works with no account anywhere."""
