// Tells the site which time zone the browser is in. It is read while the person's account has none
// (accounts/time_zones.py), so this is only on pages of people who have none, and on the sign-in.
"use strict";

(() => {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!zone) return;
  const secure = window.location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `credits_time_zone=${zone}; Path=/; SameSite=Lax${secure}`;
})();
