// Drives the sandbox with Stripe's own library for Node. Reads where it is from stdin, and writes one line of JSON for
// each scenario: its name, and what went wrong, if anything.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { url, key, restrictedKey, webhook, modules } = JSON.parse(await text(process.stdin));
const Stripe = createRequire(`${modules}/`)("stripe");
const address = new URL(url);

function connect(apiKey, options = {}) {
  const host = { host: address.hostname, port: address.port, protocol: "http" };
  return new Stripe(apiKey, { ...host, maxNetworkRetries: 0, telemetry: false, ...options });
}

async function control(path, order) {
  const answer = await fetch(`${url}/_sandbox/${path}`, { method: "POST", body: JSON.stringify(order) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

async function refusalOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return assert.fail("it was let through");
}

const stripe = connect(key);
const item = (amount, currency = "usd") => ({
  quantity: 1,
  price_data: { currency, unit_amount: amount, product_data: { name: "Studio pack" } },
});
const sell = (params = {}) =>
  stripe.checkout.sessions.create({
    mode: "payment",
    line_items: [item(4500)],
    success_url: "http://shop.test/done?session={CHECKOUT_SESSION_ID}",
    ...params,
  });
const charge = (customer, payment_method) => ({
  amount: 2000,
  currency: "usd",
  customer,
  payment_method,
  payment_method_types: ["card"],
  confirm: true,
  off_session: true,
});

const scenarios = {
  async account_and_version() {
    const account = await stripe.accounts.retrieveCurrent();
    assert.equal(account.object, "account");
    assert.equal(account.charges_enabled, true);
    assert.equal(account.lastResponse.apiVersion, stripe.getApiField("version"));
    const refused = await refusalOf(connect(key, { apiVersion: "2026-08-27.dahlia" }).products.list());
    assert.equal(refused.message, "Invalid Stripe API version: 2026-08-27.dahlia");
  },

  async lists_page_by_themselves() {
    for (let number = 0; number < 12; number += 1) await stripe.products.create({ name: `Pack ${number}` });
    const names = [];
    for await (const product of stripe.products.list({ limit: 5 })) names.push(product.name);
    assert.deepEqual(names, Array.from({ length: 12 }, (_, number) => `Pack ${11 - number}`));
  },

  async a_checkout_is_paid_with_3d_secure() {
    const session = await sell({ client_reference_id: "p-1", metadata: { purchase_id: "p-1" } });
    assert.equal(session.payment_intent, null);
    await control(`checkout/sessions/${session.id}/pay`, { card: "4000002500003155", authenticate: true });
    const expand = ["payment_intent.latest_charge.balance_transaction", "line_items"];
    const paid = await stripe.checkout.sessions.retrieve(session.id, { expand });
    assert.deepEqual([paid.status, paid.payment_status, paid.amount_total], ["complete", "paid", 4500]);
    assert.equal(paid.line_items.data[0].description, "Studio pack");
    const charge = paid.payment_intent.latest_charge;
    assert.equal(charge.balance_transaction.net, 4500 - charge.balance_transaction.fee);
    assert.equal(charge.payment_method_details.card.three_d_secure.result, "authenticated");
    assert.equal(charge.payment_method_details.card.overcapture.maximum_amount_capturable, 4500);
  },

  async a_card_is_saved_and_charged_without_its_owner() {
    const customer = await stripe.customers.create({ email: "jenny@shop.test" });
    const session = await stripe.checkout.sessions.create({
      mode: "setup",
      currency: "usd",
      customer: customer.id,
      success_url: "http://shop.test/done",
    });
    await control(`checkout/sessions/${session.id}/pay`, { card: "4000002500003155" });
    const intent = await stripe.setupIntents.retrieve(session.setup_intent, { expand: ["payment_method"] });
    assert.deepEqual([intent.status, intent.payment_method.card.last4], ["succeeded", "3155"]);
    const { data } = await stripe.customers.listPaymentMethods(customer.id, { type: "card" });
    assert.deepEqual(data.map(({ id }) => id), [intent.payment_method.id]);
    const invoice_settings = { default_payment_method: data[0].id };
    const updated = await stripe.customers.update(customer.id, {
      invoice_settings,
      expand: ["invoice_settings.default_payment_method"],
    });
    assert.equal(updated.invoice_settings.default_payment_method.allow_redisplay, "always");
    const paid = await stripe.paymentIntents.create(charge(customer.id, data[0].id), { idempotencyKey: "top-up" });
    const again = await stripe.paymentIntents.create(charge(customer.id, data[0].id), { idempotencyKey: "top-up" });
    assert.deepEqual([paid.status, again.id], ["succeeded", paid.id]);
    await stripe.paymentMethods.detach(data[0].id);
    const spent = await refusalOf(stripe.paymentMethods.attach(data[0].id, { customer: customer.id }));
    assert.match(spent.message, /It may not be used again/);
  },

  async a_declined_charge_is_a_card_error_with_its_intent() {
    const customer = await stripe.customers.create({ email: "jenny@shop.test" });
    const { payment_method } = await control(`customers/${customer.id}/card`, { card: "4000000000009979" });
    const refusals = [];
    for (const attempt of [1, 2]) {
      const options = { idempotencyKey: "attempt" };
      const params = charge(customer.id, payment_method.id);
      refusals[attempt] = await refusalOf(stripe.paymentIntents.create(params, options));
    }
    const declined = refusals[1];
    assert.ok(declined instanceof Stripe.errors.StripeCardError);
    assert.deepEqual([declined.statusCode, declined.code, declined.decline_code], [402, "card_declined", "stolen_card"]);
    assert.equal(declined.payment_intent.status, "requires_payment_method");
    assert.equal(declined.payment_method.id, payment_method.id);
    assert.equal(refusals[2].payment_intent.id, declined.payment_intent.id);
    const { data } = await stripe.charges.list({ customer: customer.id });
    assert.deepEqual(data.map(({ status }) => status), ["failed"]);
  },

  async a_payment_on_session_goes_to_the_bank() {
    const customer = await stripe.customers.create({});
    const method = await stripe.paymentMethods.attach("pm_card_authenticationRequired", { customer: customer.id });
    const params = { ...charge(customer.id, method.id), return_url: "http://shop.test/back" };
    delete params.off_session;
    const intent = await stripe.paymentIntents.create(params);
    assert.equal(intent.status, "requires_action");
    const body = new URLSearchParams({ answer: "complete" });
    const bank = intent.next_action.redirect_to_url.url.replace("localhost", "127.0.0.1");
    const back = await fetch(bank, { method: "POST", body, redirect: "manual" });
    assert.match(back.headers.get("location"), /redirect_status=succeeded$/);
    assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, "succeeded");
  },

  async a_portal_is_configured_and_opened() {
    const customer = await stripe.customers.create({});
    const features = { payment_method_update: { enabled: true }, invoice_history: { enabled: true } };
    const configuration = await stripe.billingPortal.configurations.create({ features });
    const session = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
      return_url: "http://shop.test/billing",
    });
    assert.equal(session.configuration, configuration.id);
    const page = await fetch(session.url.replace("localhost", "127.0.0.1"));
    assert.match(await page.text(), /Return to shop\.test/);
  },

  async a_refund_and_one_too_many() {
    const session = await sell();
    const { payment_intent } = await control(`checkout/sessions/${session.id}/pay`, { card: "4242424242424242" });
    const refund = await stripe.refunds.create({ payment_intent: payment_intent.id, amount: 4000 });
    assert.deepEqual([refund.status, refund.amount], ["succeeded", 4000]);
    const refused = await refusalOf(stripe.refunds.create({ payment_intent: payment_intent.id, amount: 501 }));
    assert.ok(refused instanceof Stripe.errors.StripeInvalidRequestError);
    assert.deepEqual([refused.statusCode, refused.param], [400, "amount"]);
    assert.match(refused.message, /^Refund amount \(\$5\.01\) is greater than unrefunded amount on charge/);
  },

  async a_key_is_answered_once() {
    const first = await stripe.products.create({ name: "Pack" }, { idempotencyKey: "once" });
    const again = await stripe.products.create({ name: "Pack" }, { idempotencyKey: "once" });
    assert.equal(again.id, first.id);
    const other = await refusalOf(stripe.products.create({ name: "Other" }, { idempotencyKey: "once" }));
    assert.ok(other instanceof Stripe.errors.StripeIdempotencyError);
    const long = await refusalOf(stripe.products.create({ name: "Pack" }, { idempotencyKey: "k".repeat(256) }));
    assert.equal(long.statusCode, 400);
  },

  async errors_have_types_codes_and_params() {
    const missing = await refusalOf(stripe.customers.retrieve("cus_none"));
    assert.ok(missing instanceof Stripe.errors.StripeInvalidRequestError);
    assert.deepEqual([missing.statusCode, missing.code, missing.param], [404, "resource_missing", "id"]);
    assert.match(missing.doc_url, /error-codes\/resource-missing$/);
    assert.match(missing.requestId, /^req_/);
    const unknown = await refusalOf(stripe.products.create({ name: "Pack", colour: "red" }));
    assert.deepEqual([unknown.code, unknown.param], ["parameter_unknown", "colour"]);
    const stranger = await refusalOf(connect("sk_test_short").products.list());
    assert.ok(stranger instanceof Stripe.errors.StripeAuthenticationError);
    assert.equal(stranger.headers["www-authenticate"], 'Basic realm="Stripe"');
  },

  async amounts_and_times_have_bounds() {
    const small = await refusalOf(sell({ line_items: [item(49)] }));
    assert.equal(small.code, "amount_too_small");
    const large = await refusalOf(sell({ line_items: [item(99_999_999), item(1)] }));
    assert.equal(large.code, "amount_too_large");
    const nowhere = await refusalOf(sell({ line_items: [item(4500, "zzz")] }));
    assert.match(nowhere.message, /^Invalid currency: zzz\. Stripe currently supports these currencies: usd,/);
    const soon = await refusalOf(sell({ expires_at: Math.floor(Date.now() / 1000) + 60 }));
    assert.equal(soon.param, "expires_at");
    const long = await refusalOf(sell({ client_reference_id: "x".repeat(201) }));
    assert.equal(long.message, "Invalid string: xxxxxxxxxx...xxxxxxxxxx; must be at most 200 characters");
  },

  async a_default_price_stays() {
    const default_price_data = { currency: "usd", unit_amount: 4500 };
    const product = await stripe.products.create({ name: "Pack", default_price_data });
    const refused = await refusalOf(stripe.prices.update(product.default_price, { active: false }));
    assert.equal(refused.message, "This price cannot be archived because it is the default price of its product.");
  },

  async a_restricted_key_may_what_it_was_given() {
    await control("keys", { key: restrictedKey, permissions: ["product_read"] });
    const restricted = connect(restrictedKey);
    await restricted.products.list();
    const refused = await refusalOf(restricted.refunds.create({ payment_intent: "pi_none" }));
    assert.ok(refused instanceof Stripe.errors.StripePermissionError);
    assert.match(refused.message, /Having the 'rak_charge_write' permission would allow this request to continue\.$/);
    const foreign = await refusalOf(stripe.products.list({}, { stripeAccount: "acct_other" }));
    assert.deepEqual([foreign.statusCode, foreign.code], [403, "account_invalid"]);
  },

  async a_subscription_is_renewed_upgraded_and_canceled() {
    const recurring = { interval: "month" };
    const plan = (name, unit_amount) =>
      stripe.prices.create({ currency: "usd", unit_amount, recurring, product_data: { name } });
    const [plus, max] = [await plan("Plus", 4000), await plan("Max", 14_000)];
    const line_items = [{ price: plus.id, quantity: 1 }];
    const session = await sell({ mode: "subscription", line_items, subscription_data: { metadata: { account: "7" } } });
    const paid = await control(`checkout/sessions/${session.id}/pay`, {});
    const { id, items, latest_invoice } = await stripe.subscriptions.retrieve(paid.session.subscription, {
      expand: ["latest_invoice.payments"],
    });
    assert.equal(latest_invoice.parent.subscription_details.metadata.account, "7");
    assert.equal(latest_invoice.payments.data[0].amount_paid, 4000);
    const [item] = items.data;
    assert.equal(latest_invoice.lines.data[0].period.end, item.current_period_end);
    const change = { items: [{ id: item.id, price: max.id }], proration_behavior: "always_invoice" };
    const preview = await stripe.invoices.createPreview({ subscription: id, subscription_details: change });
    assert.deepEqual([preview.lines.data.length, preview.status], [2, "draft"]);
    const upgraded = await stripe.subscriptions.update(id, change);
    assert.equal(upgraded.items.data[0].price.id, max.id);
    const { invoice } = await control(`subscriptions/${id}/renew`, {});
    assert.deepEqual([invoice.status, invoice.amount_paid], ["paid", 14_000]);
    const statuses = [];
    for await (const each of stripe.invoices.list({ subscription: id, limit: 2 })) statuses.push(each.billing_reason);
    assert.deepEqual(statuses, ["subscription_cycle", "subscription_update", "subscription_create"]);
    await control(`customers/${upgraded.customer}/card`, { card: "4000000000000341" });
    const failed = await control(`subscriptions/${id}/renew`, {});
    assert.deepEqual([failed.invoice.status, failed.subscription.status], ["open", "past_due"]);
    const declined = await refusalOf(stripe.invoices.pay(failed.invoice.id));
    assert.ok(declined instanceof Stripe.errors.StripeCardError);
    assert.equal((await stripe.subscriptions.cancel(id)).status, "canceled");
  },

  async a_webhook_is_signed() {
    const event = stripe.webhooks.constructEvent(webhook.payload, webhook.signature, webhook.secret);
    assert.equal(event.type, "product.created");
    assert.equal(event.api_version, stripe.getApiField("version"));
    assert.throws(
      () => stripe.webhooks.constructEvent(webhook.payload, webhook.signature, "whsec_other"),
      Stripe.errors.StripeSignatureVerificationError,
    );
  },
};

for (const [name, scenario] of Object.entries(scenarios)) {
  let failure = "";
  try {
    await control("reset", {});
    await scenario();
  } catch (error) {
    failure = error.stack;
  }
  console.log(JSON.stringify({ name, failure }));
}
