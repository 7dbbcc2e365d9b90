// A convenience: the page works without this file.
"use strict";

const form = document.getElementById("payment-form");
const field = (id) => document.getElementById(id);

/** Group digits by four, at most nineteen of them. */
const groupDigits = (typed) => typed.replace(/\D/g, "").slice(0, 19).replace(/(.{4})(?=.)/g, "$1 ");

/** Turn "1234" into "12 / 34", but don’t hinder deleting. */
const splitExpiry = (typed) => {
  const digits = typed.replace(/\D/g, "");
  const year = digits.slice(2).length > 2 ? digits.slice(-2) : digits.slice(2);
  return digits.length > 2 ? `${digits.slice(0, 2)} / ${year}` : typed;
};

const formatAsTyped = (input, format) => {
  input?.addEventListener("input", () => {
    if (input.selectionStart === input.value.length) input.value = format(input.value);
  });
};

formatAsTyped(field("card-number"), groupDigits);
formatAsTyped(field("expiry"), splitExpiry);

for (const card of document.querySelectorAll("[data-card]")) {
  card.addEventListener("click", (click) => {
    click.preventDefault();
    if (field("method-card")) field("method-card").checked = true;
    field("card-number").value = card.dataset.card;
    field("expiry").value = "12 / 34";
    field("cvc").value = "123";
    form.querySelector("button[type=submit]").focus();
  });
}

form.addEventListener("submit", (submission) => {
  const button = form.querySelector("button[type=submit]");
  if (button.disabled) return submission.preventDefault();
  button.disabled = true;
  button.textContent = button.dataset.busy;
  field("progress").textContent = button.dataset.busy;
});

// The browser's back button must not lead to a disabled form.
window.addEventListener("pageshow", (shown) => {
  if (shown.persisted) window.location.reload();
});
