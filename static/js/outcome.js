// The success page asks again by htmx until the payment is settled. An answer that says what the page already says is
// left alone: replacing it would take the focus away and make a screen reader repeat itself every two seconds.
"use strict";

document.addEventListener("htmx:beforeSwap", (event) => {
  const shown = document.getElementById("outcome");
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText, "text/html");
  const next = answer.getElementById("outcome");
  if (event.detail.xhr.status !== 200) {
    event.detail.shouldSwap = false; // the site is away for a moment: ask again
  } else if (!next) {
    event.detail.shouldSwap = false;
    window.location.reload(); // signed out meanwhile: the server sends to the sign-in page and back here
  } else if (next.dataset.state === shown.dataset.state) {
    event.detail.shouldSwap = false;
  }
});
