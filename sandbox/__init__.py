"""Stand in for Stripe and for an OpenID provider on localhost: ``python -m sandbox --port 8001``.

The application and the sandbox import nothing of each other; they talk over HTTP only.
"""
