"""Bearer tokens of the OpenID provider, checked locally."""

from rest_framework.authentication import BaseAuthentication


class BearerTokenAuthentication(BaseAuthentication):
    pass
