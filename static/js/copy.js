// Shows the buttons that copy a field's text. Without it the field is still there to select.
"use strict";

document.querySelectorAll("[data-copy]").forEach((button) => {
  const field = document.getElementById(button.dataset.copy);
  if (!navigator.clipboard) return; // only over HTTPS
  button.hidden = false;
  field.addEventListener("focus", () => field.select());
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.querySelector("[data-idle]").hidden = true;
    button.querySelector("[data-copied]").hidden = false;
  });
});
