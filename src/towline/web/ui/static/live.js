// Keeps the page current: on a notice it fetches the same URL and morphs <main> into the answer.

const indicator = document.getElementById("live");
let timer = 0;
let busy = false;
let again = false;

function key(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.dataset.key || node.id || "" : "";
}

function alike(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && key(a) === key(b);
}

function copyAttributes(from, to) {
  for (const { name } of [...to.attributes]) {
    if (!from.hasAttribute(name)) to.removeAttribute(name);
  }
  for (const { name, value } of from.attributes) {
    if (to.getAttribute(name) !== value) to.setAttribute(name, value);
  }
}

// Changes `to` into `from`, keeping every node that is still there.
function morph(from, to) {
  if (from.nodeType === Node.TEXT_NODE) {
    if (to.data !== from.data) to.data = from.data;
    return;
  }
  if (from.nodeType !== Node.ELEMENT_NODE) return;
  copyAttributes(from, to);
  let present = to.firstChild;
  for (const wanted of [...from.childNodes]) {
    let match = present;
    while (match && !alike(wanted, match)) match = match.nextSibling;
    if (!match) {
      to.insertBefore(document.importNode(wanted, true), present);
      continue;
    }
    while (present !== match) {
      const gone = present;
      present = present.nextSibling;
      gone.remove();
    }
    present = match.nextSibling;
    morph(wanted, match);
  }
  while (present) {
    const gone = present;
    present = present.nextSibling;
    gone.remove();
  }
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) {
      location.assign(answer.url);
      return;
    }
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      morph(page.getElementById("main"), document.getElementById("main"));
    }
  } finally {
    busy = false;
    if (again) {
      again = false;
      schedule();
    }
  }
}

function schedule() {
  clearTimeout(timer);
  timer = setTimeout(refresh, 80);
}

const events = new EventSource("/api/events");
events.addEventListener("open", () => {
  indicator.dataset.state = "on";
  schedule();
});
events.addEventListener("error", () => {
  indicator.dataset.state = "off";
});
events.addEventListener("change", schedule);
