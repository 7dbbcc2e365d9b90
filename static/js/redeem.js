// Fills in the code that a scanned link has in its fragment, which no server is sent. On the sign-in page it is kept
// until the form is there, in this tab only.
"use strict";

(() => {
  const KEPT = "redemption-code";
  const scanned = window.location.hash.slice(1);
  const field = document.getElementById("id_code");
  if (scanned) window.history.replaceState(null, "", window.location.pathname + window.location.search);
  if (!field) {
    if (scanned) window.sessionStorage.setItem(KEPT, scanned);
    return;
  }
  const code = scanned || window.sessionStorage.getItem(KEPT);
  window.sessionStorage.removeItem(KEPT);
  if (code && !field.value) field.value = code;
})();
