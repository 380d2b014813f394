"use strict";
// Click to decide: marks on pictures become the CSV that `notmnist-store decide` takes.
(() => {
  const root = document.documentElement;
  const labels = JSON.parse(document.getElementById("labels").textContent);
  const bar = document.getElementById("decisions");
  const text = document.getElementById("csv");
  const said = document.getElementById("said");
  const link = document.getElementById("download");
  const marks = new Map(); // by image id, in the order of the first click
  const says = { drop: "drop", keep: "keep", relabel: "relabel", not_duplicate: "not a duplicate" };
  // Like all our CSV: text that a spreadsheet would run as a formula gets an apostrophe.
  const plain = (value) => (/^'*[=+\-@\t\r]/.test(value) ? "'" + value : value);
  const quoted = (value) =>
    /[",\r\n]/.test(value) ? '"' + value.replaceAll('"', '""') + '"' : value;

  const rows = () =>
    [...marks].filter(([, mark]) => mark.action !== "relabel" || mark.value !== "");
  const csv = () =>
    "image_id,action,value,note\n" +
    rows().map(([id, mark]) => [id, mark.action, plain(mark.value), mark.note].map(quoted).join(",") + "\n").join("");

  const show = (figure) => {
    const mark = marks.get(figure.dataset.image);
    figure.querySelectorAll(".mark,.choice").forEach((node) => node.remove());
    figure.removeAttribute("data-action");
    const picture = figure.querySelector(".t");
    picture.setAttribute("aria-pressed", mark ? "true" : "false");
    if (!mark) return;
    figure.dataset.action = mark.action;
    const badge = document.createElement("span");
    badge.className = "mark";
    badge.dataset.action = mark.action;
    badge.textContent = says[mark.action] + (mark.action === "relabel" && mark.value !== "" ? ": " + mark.value : "");
    figure.append(badge);
  };

  const everywhere = (id) =>
    document.querySelectorAll('[data-image="' + id + '"]').forEach(show);

  const refresh = () => {
    const made = rows().length;
    const open = marks.size - made;
    bar.hidden = marks.size === 0;
    text.value = csv();
    link.href = "data:text/csv;charset=utf-8," + encodeURIComponent(text.value);
    said.textContent =
      made + (made === 1 ? " decision" : " decisions") + (open ? ", " + open + " without its label" : "");
  };

  const choose = (figure) => {
    const id = figure.dataset.image;
    const mark = marks.get(id);
    const many = labels.length > 200;
    const choice = document.createElement(many ? "input" : "select");
    choice.className = "choice";
    choice.setAttribute("aria-label", "the right label");
    if (many) {
      choice.placeholder = "label";
    } else {
      for (const label of ["", ...labels]) {
        const option = document.createElement("option");
        option.value = label;
        option.textContent = label === "" ? "label…" : label;
        choice.append(option);
      }
    }
    choice.value = mark.value;
    choice.addEventListener("change", () => {
      mark.value = choice.value;
      everywhere(id);
      refresh();
    });
    figure.append(choice);
    choice.focus();
  };

  const click = (figure) => {
    const { image, twin, suggested } = figure.dataset;
    const actions = ["drop", "keep", "relabel", ...(twin ? ["not_duplicate"] : [])];
    const now = marks.get(image);
    const next = actions[now ? actions.indexOf(now.action) + 1 : 0];
    if (next === undefined) marks.delete(image);
    else {
      const value = next === "not_duplicate" ? twin : next === "relabel" ? suggested || "" : "";
      marks.set(image, { action: next, value, note: "report: " + figure.closest("section").id });
    }
    everywhere(image);
    refresh();
    // The bar may have come up over the picture.
    figure.scrollIntoView({ block: "nearest" });
    if (next === "relabel") choose(figure);
  };

  document.querySelectorAll("[data-image]").forEach((figure) => {
    const picture = figure.querySelector(".t");
    picture.tabIndex = 0;
    picture.setAttribute("role", "button");
    picture.setAttribute("aria-pressed", "false");
    picture.addEventListener("click", () => click(figure));
    picture.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        click(figure);
      }
    });
  });
  document.getElementById("copy").addEventListener("click", async () => {
    let copied = false;
    try {
      await navigator.clipboard.writeText(text.value);
      copied = true;
    } catch {
      text.closest("details").open = true;
      text.select();
      copied = document.execCommand("copy");
    }
    said.textContent = copied ? "copied" : "press Ctrl+C to copy";
  });
  document.getElementById("clear").addEventListener("click", () => {
    const ids = [...marks.keys()];
    marks.clear();
    ids.forEach(everywhere);
    refresh();
  });
  root.classList.add("scripted");
})();
