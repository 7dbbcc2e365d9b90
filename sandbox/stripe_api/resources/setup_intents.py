"""Read setup intents, which checkout sessions in `setup` mode and the portal create."""

from sandbox.stripe_api.expansion import expands_to
from sandbox.stripe_api.lists import serve_reading

serve_reading("setup_intent", "customer", "payment_method", id_param="intent")
expands_to("setup_intent", customer="customer", payment_method="payment_method")
