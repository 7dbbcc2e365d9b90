"""Events, and their way to the endpoints that asked for them: signed, in their own requests, retried."""
