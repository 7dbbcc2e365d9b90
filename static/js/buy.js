// Buy opens the checkout once: the buttons are off while it opens, and on again when the page comes back.
// The server holds the rule (one order token, one purchase); this only says so to whoever presses twice.
"use strict";

(() => {
  const ANSWER_TAKES_AT_MOST_MS = 40000;
  const buttons = [...document.querySelectorAll("[data-buy] button")];
  let timer;

  function show(button, isOpening) {
    button.querySelector("[data-idle]").hidden = isOpening;
    button.querySelector("[data-opening]").hidden = !isOpening;
  }

  function openCheckout(event) {
    show(event.submitter, true);
    // Afterwards: what the pressed button says is not sent if it is off by then.
    setTimeout(() => buttons.forEach((button) => { button.disabled = true; }));
    timer = setTimeout(restore, ANSWER_TAKES_AT_MOST_MS);
  }

  function restore() {
    clearTimeout(timer);
    buttons.forEach((button) => {
      button.disabled = false;
      show(button, false);
    });
  }

  document.querySelectorAll("[data-buy]").forEach((form) => form.addEventListener("submit", openCheckout));
  // Also when the browser brings the page back as it was left (back/forward cache).
  window.addEventListener("pageshow", restore);
})();
