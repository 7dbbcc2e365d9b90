"""Provide sign-in with Keycloak's paths and claims, without an account anywhere."""
