"""One file per resource of Stripe's API. Each declares its routes; all files here are found by themselves."""
