// Buy opens the checkout once: the buttons are off while it opens, and on again when the page comes back.
// The server holds the rule (one order token, one purchase); this only says so to whoever presses twice.
"use strict";

(() => {
  const ANSWER_TAKES_AT_MOST_MS = 40000;
  let timer;

  // Looked up each time: that of a chosen amount comes and goes.
  const buttons = () => [...document.querySelectorAll("[data-buy] button")];

  function show(button, isOpening) {
    button.querySelector("[data-idle]").hidden = isOpening;
    button.querySelector("[data-opening]").hidden = !isOpening;
  }

  function openCheckout(event) {
    if (!event.target.matches("[data-buy]")) return;
    show(event.submitter, true);
    // Afterwards: what the pressed button says is not sent if it is off by then.
    setTimeout(() => buttons().forEach((button) => { button.disabled = true; }));
    timer = setTimeout(restore, ANSWER_TAKES_AT_MOST_MS);
  }

  function restore() {
    clearTimeout(timer);
    buttons().forEach((button) => {
      button.disabled = false;
      show(button, false);
    });
  }

  // What is on the button is no longer the amount in the field: it is off until the answer replaces it.
  function awaitAnswer(event) {
    const answer = document.getElementById(event.target.dataset.asks);
    answer?.querySelectorAll("button").forEach((button) => { button.disabled = true; });
  }

  document.addEventListener("submit", openCheckout);
  document.addEventListener("input", awaitAnswer);
  // Also when the browser brings the page back as it was left (back/forward cache).
  window.addEventListener("pageshow", restore);
})();
