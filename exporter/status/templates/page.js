"use strict";
// The same page again now and then, and its <main> in the place of this one's.
const box = document.getElementById("refresh"), told = document.getElementById("stale");
async function refresh() {
  if (!box.checked || document.hidden) return;
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    if (!answer.ok) throw new Error("status " + answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const old = document.querySelector("main"), main = fresh.querySelector("main"), at = document.activeElement.id;
    for (const each of old.querySelectorAll("details[open]")) {
      const same = main.querySelector("#" + each.id);
      if (same) same.open = true;
    }
    old.replaceWith(main);
    if (at) document.getElementById(at)?.focus({preventScroll: true});
    document.title = fresh.title;
    told.hidden = true;
  } catch (error) {
    told.hidden = false;
  }
}
setInterval(refresh, Number(box.dataset.seconds) * 1000);
document.addEventListener("visibilitychange", refresh);
