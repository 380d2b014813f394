// The page of a review: cards of a queue, and keys that judge them. A verdict is in the store's
// journal before the next card shows; keys that are pressed meanwhile wait their turn.

const $ = (id) => document.getElementById(id);
const WINDOW = 24;
const AHEAD = 2;
const POLL = 2500;
const FLICKER = 280;

const state = {
  queue: null, name: "", sql: null, rows: 0, more: false, at: 0, side: "image", grid: false,
  cards: new Map(), asked: new Map(), near: new Map(), marked: new Set(), said: [], size: [28, 28],
  queues: [], flicker: 0, sent: 0,
};

const make = (tag, properties = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
};

async function ask(path, body) {
  if (body !== undefined) state.sent += 1;
  let answer;
  try {
    answer = await fetch(path, body === undefined ? {} : { method: "POST", body: JSON.stringify(body) });
  } catch {
    throw new Error("The server does not answer: start the review again. What the page shows as judged is in the store's journal.");
  }
  const given = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(given.error), { hint: given.hint });
  return given;
}

function trouble(text) {
  $("trouble").hidden = !text;
  $("trouble").textContent = text || "";
}

const speak = (text) => { $("spoken").textContent = text; };

// Cards come in windows, each with one sprite; those ahead are fetched before they are wanted.

function fetchWindow(start) {
  if (state.asked.has(start)) return state.asked.get(start);
  const queue = state.queue;
  const fetched = (async () => {
    const given = await ask(`cards?queue=${queue}&from=${start}&count=${start === 0 ? WINDOW / 4 : WINDOW}`);
    const sprite = new Image();
    sprite.src = given.sprite || "data:,";
    if (given.sprite) await sprite.decode();
    if (queue !== state.queue) return;
    state.rows = given.rows;
    state.more = given.more;
    given.cards.forEach((card) => state.cards.set(card.place, { ...card, sprite }));
  })();
  state.asked.set(start, fetched);
  fetched.catch(() => state.asked.delete(start));
  return fetched;
}

const windowOf = (place) => (place < WINDOW / 4 ? 0 : WINDOW / 4 + Math.floor((place - WINDOW / 4) / WINDOW) * WINDOW);
const windowAfter = (start) => (start === 0 ? WINDOW / 4 : start + WINDOW);

async function card(place) {
  if (!state.cards.has(place)) await fetchWindow(windowOf(place));
  return state.cards.get(place);
}

function fetchAhead() {
  let start = windowOf(state.at);
  for (let n = 0; n < AHEAD; n += 1) {
    start = windowAfter(start);
    if (start < state.rows) fetchWindow(start).catch(() => {});
  }
}

function picture(sprite, tile, shown, label) {
  const [width, height] = state.size;
  const canvas = make("canvas", { width, height });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  canvas.title = label;
  canvas.style.width = `${shown}px`;
  canvas.style.height = `${(shown * height) / width}px`;
  draw(canvas, sprite, tile);
  return canvas;
}

function draw(canvas, sprite, [column, row]) {
  const [width, height] = state.size;
  canvas.getContext("2d").drawImage(sprite, column * width, row * height, width, height, 0, 0, width, height);
}

// One card.

const sides = (shown) => (shown.twin ? ["image", "twin"] : ["image"]);
const saidOf = (known) => known.said || known.decision;
const mark = (text) => make("span", { className: `said ${text.split(" ")[0]}` }, text.replaceAll("_", " "));
const distance = (shown) => (shown.distance === null ? "?" : shown.distance === 0 ? (shown.tiles.moved ? "0: equal, once moved" : "0: equal pixels") : shown.distance.toFixed(3));

function spokenCard(shown) {
  const one = (side) => `${side === "image" ? "picture" : "twin"}: label ${shown[side].label}, ${shown[side].split || "in no split"}`;
  const apart = shown.twin ? `, distance ${distance(shown)}` : "";
  return `${sides(shown).map(one).join("; ")}${apart}`;
}

function tileSize(tiles) {
  const room = $("stage").clientWidth - 20;
  const across = room < 560 ? Math.min(2, tiles) : tiles;
  const widest = Math.min(336, room / across - (across < tiles ? 24 : 40), window.innerHeight * 0.42);
  return Math.max(1, Math.floor(widest / state.size[0])) * state.size[0];
}

function facts(known) {
  return [
    make("p", { className: "label" }, known.label ?? "not in the store"),
    make("p", {}, ...(known.split || "in no split").split(", ").map((split) => make("span", { className: "chip" }, split)), saidOf(known) ? mark(saidOf(known)) : null),
    known.font ? make("p", {}, known.font) : null,
    make("p", { className: "path", title: known.path || "" }, known.path || ""),
    make("p", { className: "path" }, known.id),
  ];
}

function tile(shown, name, size) {
  const roles = {
    image: "picture", twin: "twin", difference: "difference",
    moved: `${shown.transform?.startsWith("a:") ? "picture" : "twin"} moved back: ${shown.transform?.slice(2)}`,
  };
  const known = shown[name];
  const label = known ? `${roles[name]} ${known.id}, label ${known.label}` : roles[name];
  const canvas = picture(shown.sprite, shown.tiles[name], size, label);
  canvas.dataset.tile = name;
  const figure = make("figure", { className: "tile" },
    make("div", { className: "role" }, make("span", {}, roles[name]), known && shown.twin ? make("b", { hidden: true }, "chosen") : null), canvas,
    make("figcaption", {}, ...(known ? facts(known) : [])));
  figure.style.maxWidth = `${size + 20}px`;
  if (known) {
    figure.dataset.image = known.id;
    figure.append(make("ul", { className: "near" }));
    if (shown.twin) {
      figure.classList.add("choice");
      figure.addEventListener("click", () => choose(name));
    }
  }
  return figure;
}

function showCard(shown) {
  const names = ["image", "twin", "moved", "difference"].filter((name) => shown.tiles[name]);
  const size = tileSize(names.length);
  const said = [];
  if (shown.twin) said.push(["distance", distance(shown)]);
  if (shown.suggested) said.push(["suggested label", shown.suggested]);
  said.push(...shown.said);
  const list = make("dl", { className: "facts" }, ...said.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));
  if (shown.parted) list.append(mark("not_duplicate"));
  if (shown.judged) list.append(mark(shown.judged));
  $("stage").replaceChildren(list, make("div", { className: "tiles" }, ...names.map((name) => tile(shown, name, size))));
  showChoice();
  showNear(shown);
}

function showChoice() {
  document.querySelectorAll("#stage .choice").forEach((figure) => {
    const chosen = figure.querySelector("canvas").dataset.tile === state.side;
    figure.classList.toggle("chosen", chosen);
    figure.querySelector(".role b").hidden = !chosen;
  });
}

function choose(side) {
  state.side = side;
  showChoice();
  speak(`keys are about the ${side === "image" ? "picture" : "twin"}`);
}

let nearTimer = 0;
function showNear(shown) {
  const ids = sides(shown).map((side) => shown[side].id);
  const place = () => ids.forEach((id) => {
    const list = document.querySelector(`#stage [data-image="${id}"] .near`);
    const found = state.near.get(id);
    if (!list || !found) return;
    list.replaceChildren(...found.list.map((one) => make("li", {},
      picture(found.sprite, one.tile, 28 * Math.max(1, Math.round(42 / state.size[0])), `neighbour ${one.id}, label ${one.label}, ${one.split}, distance ${one.distance.toFixed(2)}`),
      make("b", {}, one.label ?? "–"), ` ${one.split || "unused"}`, make("br"), one.distance.toFixed(2))));
  });
  clearTimeout(nearTimer);
  const wanted = ids.filter((id) => !state.near.has(id));
  if (!wanted.length) { place(); return; }
  nearTimer = setTimeout(async () => {  // who leafs on at once does not look at neighbours
    try {
      const given = await ask(`neighbours?ids=${wanted.join(",")}`);
      const sprite = new Image();
      if (given.sprite) { sprite.src = given.sprite; await sprite.decode(); }
      wanted.forEach((id) => state.near.set(id, { list: given.neighbours[id], sprite }));
      place();
    } catch { /* they are an extra: without them the card is whole */ }
  }, 250);
}

// Many cards.

function showGrid(shown, start) {
  const cells = shown.map((one) => {
    const cell = make("li", { className: "cell", tabIndex: -1 },
      make("div", {}, ...sides(one).map((side) => picture(one.sprite, one.tiles[side], 28 * Math.max(1, Math.round(56 / state.size[0])), `${side}, label ${one[side].label}`))),
      make("b", {}, sides(one).map((side) => one[side].label).join(" | ")),
      one.twin ? ` ${one.distance?.toFixed(3)}` : "", make("br"),
      sides(one).map((side) => one[side].split || "–").join(" | "), " ",
      ...verdictsOf(one).map(mark));
    cell.dataset.place = one.place;
    cell.setAttribute("aria-label", spokenCard(one));
    cell.classList.toggle("at", one.place === state.at);
    cell.classList.toggle("marked", state.marked.has(one.place));
    cell.classList.toggle("done", verdictsOf(one).length > 0);
    cell.addEventListener("click", () => { go(one.place); act("mark"); });
    cell.addEventListener("dblclick", () => { state.grid = false; go(one.place); });
    return cell;
  });
  $("stage").replaceChildren(make("ul", { className: "grid", ariaLabel: `cards ${start + 1} to ${start + shown.length}` }, ...cells));
}

const verdictsOf = (one) => [
  ...sides(one).map((side) => saidOf(one[side])), one.parted ? "not_duplicate" : null, one.judged,
].filter(Boolean);

async function show() {
  stopFlicker();
  const shown = state.rows ? await card(state.at) : undefined;
  $("empty").hidden = Boolean(shown);
  if (!shown) {
    $("stage").replaceChildren();
    $("empty").textContent = "Nothing is left to judge in this queue.";
    $("place").textContent = "";
  } else {
    $("place").textContent = `${(state.at + 1).toLocaleString("en")} of ${state.rows.toLocaleString("en")}${state.more ? " and more" : ""}${state.marked.size ? ` · ${state.marked.size} marked` : ""}`;
    if (state.grid) {
      const start = Math.floor(state.at / WINDOW) * WINDOW;
      const places = Array.from({ length: Math.min(WINDOW, state.rows - start) }, (_, n) => start + n);
      showGrid((await Promise.all(places.map(card))).filter(Boolean), start);
    } else showCard(shown);
    fetchAhead();
  }
  showBar(shown);
}

async function go(place) {
  state.at = Math.max(0, Math.min(place, state.rows - 1));
  state.side = "image";
  await show();
  const shown = state.cards.get(state.at);
  if (shown) speak(`${state.at + 1} of ${state.rows}: ${spokenCard(shown)}`);
}

// Verdicts.

const targets = () => (state.marked.size ? [...state.marked].sort((a, b) => a - b) : [state.at]);

async function judge(action, value) {
  const places = targets();
  const shown = await Promise.all(places.map(card));
  const pair = action === "not_duplicate" || ["copy", "nearly", "different"].includes(action);
  if (pair && shown.some((one) => !one.twin)) { speak("this is about a pair"); return; }
  const verdicts = places.map((place) => ({ place, side: state.side, action, ...(value === undefined ? {} : { value }) }));
  const given = await ask("judge", { queue: state.queue, verdicts });
  const before = shown.map((one) => ({ place: one.place, card: one }));
  const side = state.side;
  shown.forEach((one) => {
    const next = { ...one };
    if (action === "not_duplicate") next.parted = true;
    else if (pair) next.judged = action;
    else next[side] = { ...one[side], said: action === "relabel" ? `relabel ${value}` : action };
    state.cards.set(one.place, next);
  });
  state.said.push({ numbers: given.numbers, before, queue: state.queue });
  state.marked.clear();
  waiting(given.waiting);
  speak(`${action.replaceAll("_", " ")}${value === undefined ? "" : ` ${value}`}: ${places.length === 1 ? "" : `${places.length} cards`}`);
  const last = places[places.length - 1];
  if (last + 1 < state.rows) await go(last + 1);
  else await show();
}

async function undo() {
  const last = state.said.pop();
  if (!last) { speak("nothing to undo"); return; }
  try {
    const given = await ask("undo", { numbers: last.numbers });
    waiting(given.waiting);
  } catch (error) {
    state.said.push(last);
    throw error;
  }
  if (last.queue === state.queue && last.before.length) {
    last.before.forEach(({ place, card: was }) => state.cards.set(place, was));
    await go(last.before[0].place);
  } else await show();
  speak("undone");
}

function relabel() {
  const dialog = $("relabel");
  const shown = state.cards.get(state.at);
  $("label").value = shown?.suggested || "";
  dialog.returnValue = "";
  dialog.showModal();
  $("label").select();
  return new Promise((done) => {
    dialog.addEventListener("close", () => {
      const value = $("label").value;
      done(dialog.returnValue === "yes" && value.trim() ? judge("relabel", value) : undefined);
    }, { once: true });
  });
}

function stopFlicker() {
  clearInterval(state.flicker);
  state.flicker = 0;
}

function flicker() {
  const shown = state.cards.get(state.at);
  const canvas = document.querySelector('#stage canvas[data-tile="image"]');
  if (!shown?.twin || !canvas) return;
  const other = shown.transform?.startsWith("b:") ? shown.tiles.moved : shown.tiles.twin;
  if (state.flicker) {
    stopFlicker();
    draw(canvas, shown.sprite, shown.tiles.image);
  } else {
    let turn = false;
    state.flicker = setInterval(() => {
      turn = !turn;
      draw(canvas, shown.sprite, turn ? other : shown.tiles.image);
    }, FLICKER);
  }
  showBar(shown);
}

function toggleMark() {
  if (!state.marked.delete(state.at)) state.marked.add(state.at);
  return state.grid ? go(state.at) : go(state.at + 1);
}

async function markAll() {
  const start = Math.floor(state.at / WINDOW) * WINDOW;
  for (let place = start; place < Math.min(start + WINDOW, state.rows); place += 1) state.marked.add(place);
  await show();
}

const isPair = (shown) => Boolean(shown?.twin);
const ACTIONS = [
  [
    ["drop", "d", "Drop", "drop the picture and all its copies", () => judge("drop")],
    ["keep", "k", "Keep", "keep it: it is fine, or not to be dropped or relabelled after all", () => judge("keep")],
    ["relabel", "r", "Relabel", "relabel it: type the label, then Enter", relabel],
    ["not_duplicate", "n", "Not a duplicate", "the two are no copies of each other", () => judge("not_duplicate"), isPair],
  ],
  [
    ["copy", "1", "Copy", "for a radius: the two are copies", () => judge("copy"), isPair],
    ["nearly", "2", "Nearly", "for a radius: nearly", () => judge("nearly"), isPair],
    ["different", "3", "Different", "for a radius: they are different", () => judge("different"), isPair],
  ],
  [
    ["undo", "u", "Undo", "take the last verdict back", undo],
    ["back", "ArrowLeft", "Back", "the card before", () => go(state.at - 1)],
    ["next", "ArrowRight", "Next", "the next card, without a verdict", () => go(state.at + 1)],
    ["side", "s", "Other side", "let keys be about the twin, or the picture again", () => choose(state.side === "image" ? "twin" : "image"), isPair],
    ["flicker", "f", "Flicker", "flicker between picture and twin", flicker, isPair],
    ["mark", "m", "Mark", "mark the card: the next verdict is about all that are marked", toggleMark],
    ["mark_all", "a", "Mark all", "mark all cards of the grid", markAll],
    ["grid", "g", "Grid", "one card or a grid", () => { state.grid = !state.grid; return show(); }],
    ["help", "?", "Keys", "all keys", () => $("keys").showModal()],
  ],
];
const BY_KEY = new Map(ACTIONS.flat().flatMap((action) => [[action[1], action]]));
[["j", "next"], [" ", "next"], ["b", "back"], ["Backspace", "undo"]].forEach(([key, name]) => BY_KEY.set(key, ACTIONS.flat().find((action) => action[0] === name)));
const SHOWN_KEYS = { ArrowLeft: "←", ArrowRight: "→" };

function showBar(shown) {
  document.querySelectorAll("#bar button").forEach((button) => {
    const [name, , , , , wanted] = ACTIONS.flat().find((action) => action[0] === button.dataset.action);
    button.disabled = !["undo", "help", "grid"].includes(name) && (!shown || (wanted && !wanted(shown)));
    if (name === "grid") button.setAttribute("aria-pressed", String(state.grid));
    if (name === "flicker") button.setAttribute("aria-pressed", String(Boolean(state.flicker)));
  });
}

// Keys wait for what was pressed before them; after an error the rest is forgotten.

let turn = Promise.resolve();
let generation = 0;
function inTurn(does) {
  const mine = generation;
  turn = turn.then(async () => {
    if (mine !== generation) return;
    try {
      await does();
      trouble("");
    } catch (error) {
      generation += 1;
      trouble(error.hint ? `${error.message}\n${error.hint}` : error.message);
      $("saved").textContent = "not stored";
    }
  });
  return turn;
}

function act(name) {
  const [, , , , does, wanted] = ACTIONS.flat().find((action) => action[0] === name);
  return inTurn(() => {
    if (wanted && !wanted(state.cards.get(state.at))) return undefined;
    return does();
  });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, dialog[open]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (state.grid && ["ArrowUp", "ArrowDown"].includes(event.key)) {
    event.preventDefault();
    const across = getComputedStyle(document.querySelector(".grid")).gridTemplateColumns.split(" ").length;
    inTurn(() => go(state.at + (event.key === "ArrowDown" ? across : -across)));
    return;
  }
  if (state.grid && event.key === "Enter" && !event.target.closest("button")) {
    event.preventDefault();
    act("grid");
    return;
  }
  const action = BY_KEY.get(event.key) || BY_KEY.get(event.key.toLowerCase());
  if (!action || (event.key === " " && event.target.closest("button"))) return;
  event.preventDefault();
  act(action[0]);
});

// Queues.

async function open(name, sql) {
  const given = await ask("open", { name, sql });
  Object.assign(state, { queue: given.queue, name, sql, rows: given.rows, more: given.more, marked: new Set() });
  state.cards.clear();
  state.asked.clear();
  const known = state.queues.find((queue) => queue.name === name);
  $("title").textContent = known?.title || "A SELECT";
  $("about").textContent = known?.about || sql || "";
  document.title = `${$("title").textContent} · Review`;
  document.querySelectorAll("aside li button").forEach((button) => button.setAttribute("aria-current", String(button.dataset.queue === name)));
  await go(0);
  await showPrecision();
}

function offer(name, sql) {
  return inTurn(async () => {
    try {
      $("title").textContent = "Looking…";
      await open(name, sql);
    } catch (error) {
      state.queue = null;
      state.rows = 0;
      state.cards.clear();
      $("stage").replaceChildren();
      $("place").textContent = "";
      $("title").textContent = state.queues.find((queue) => queue.name === name)?.title || "A SELECT";
      $("about").textContent = "";
      $("empty").hidden = false;
      $("empty").replaceChildren(make("p", {}, error.message), ...(error.hint ? [make("pre", { className: "command" }, make("code", {}, error.hint))] : []));
      showBar(undefined);
      if (!error.hint) throw error;
    }
  });
}

function waiting(count) {
  $("saved").textContent = count ? `${count.toLocaleString("en")} in the journal` : "all stored";
  $("saved").className = `status ${count ? "stale" : "pass"}`;
  $("pause").disabled = !count;
}

const STATUS = { pass: "pass", fail: "fail", broken: "broken", stale: "stale", empty: "empty" };

async function poll() {
  const { sent } = state;
  try {
    const given = await ask("state");
    if (state.fresh === undefined) state.said = given.last.map((number) => ({ numbers: [number], before: [] }));
    if (sent === state.sent) waiting(given.waiting);  // else it was counted before what was sent
    trouble(given.trouble);
    if (given.fresh && !state.fresh) await showPrecision();
    state.fresh = given.fresh;
    $("fresh").textContent = given.fresh ? "" : "· looking";
    $("counts").replaceChildren(...Object.entries(given.counts).map(([name, count]) => make("div", {}, make("dt", {}, name), make("dd", {}, count.toLocaleString("en")))));
    $("labels").replaceChildren(...given.labels.map((value) => make("option", { value })));
    given.audits.forEach((audit) => {
      const chip = document.querySelector(`[data-queue="audit:${audit.name}"] .status`);
      if (!chip) return;
      chip.className = `status ${STATUS[audit.status]}`;
      chip.textContent = audit.violating ? `${audit.status} ${audit.violating.toLocaleString("en")}` : audit.status;
    });
  } catch (error) {
    trouble(error.message);
  }
}

// What a radius is worth, by the verdicts that are stored.

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const withInterval = (share, low, high) => (share === null ? "–" : `${percent(share)} (${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)})`);

async function showPrecision() {
  const calibrates = state.name === "calibration";
  ["precision", "proposal"].forEach((id) => { $(id).hidden = !calibrates; });
  document.querySelector("[data-action=copy]").parentElement.hidden = !calibrates;
  if (!calibrates) return;
  const wanted = Number($("wanted").value);
  const { rows, proposed } = await ask(`precision?wanted=${wanted / 100}`);
  $("proposed").textContent = proposed
    ? `${percent(proposed.within_precision)} of pairs nearer than ${proposed.within.toFixed(2)} were judged copies (${percent(proposed.within_low)} to ${percent(proposed.within_high)}): --radius ${proposed.within.toFixed(2)}`
    : "no radius yet: too few pairs are judged, or too few of them copies";
  const cell = (text) => make("td", { className: "n" }, text);
  $("ranges").replaceChildren(...rows.map((row) => make("tr", {},
    Object.assign(make("th", {}, `${row.distance.toFixed(2)} to ${row.within.toFixed(2)}`), { scope: "row" }),
    ...[row.pairs, row.judged, row.copies, row.nearly, row.different].map((count) => cell(count.toLocaleString("en"))),
    cell(withInterval(row.precision, row.low, row.high)),
    cell(withInterval(row.within_precision, row.within_low, row.within_high)))));
}

function listed(queue) {
  const isAudit = queue.name.startsWith("audit:");
  const button = make("button", { type: "button", title: queue.title },
    make("span", { className: queue.missing ? "missing" : "" }, isAudit ? queue.name.slice(6) : queue.title),
    isAudit ? make("span", { className: "status" }, "…") : null);
  button.dataset.queue = queue.name;
  button.addEventListener("click", () => offer(queue.name));
  return make("li", {}, button);
}

async function start() {
  $("bar").append(...ACTIONS.map((group) => make("div", { className: "group" }, ...group.map(([name, key, title, about]) => {
    const button = make("button", { type: "button", title: about }, make("kbd", {}, SHOWN_KEYS[key] || key), title);
    button.dataset.action = name;
    button.setAttribute("aria-keyshortcuts", key);
    button.addEventListener("click", () => act(name));
    return button;
  }))));
  $("keys").querySelector("dl").append(...ACTIONS.flat().flatMap(([, key, , about]) => [make("dt", {}, make("kbd", {}, SHOWN_KEYS[key] || key)), make("dd", {}, about)]));
  const given = await ask("start");
  state.size = given.size;
  state.queues = given.queues;
  $("store").textContent = `${given.store} · ${given.split_set}`;
  $("queues").append(...given.queues.filter((queue) => !queue.name.startsWith("audit:")).map(listed));
  $("audits").append(...given.queues.filter((queue) => queue.name.startsWith("audit:")).map(listed));
  $("choices").open = window.innerWidth >= 1088;
  if (given.sql) $("sql").value = given.sql;
  const first = given.first || given.queues.find((queue) => queue.name === "near_pairs" && !queue.missing)?.name || "blanks";
  await poll();
  setInterval(poll, POLL);
  await offer(first, given.sql);
  document.documentElement.dataset.ready = "yes";
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  offer("sql", $("sql").value);
  document.activeElement.blur();
});
$("wanted").addEventListener("change", () => showPrecision().catch((error) => trouble(error.message)));
$("pause").addEventListener("click", () => inTurn(() => ask("pause", {})));
document.addEventListener("visibilitychange", () => {
  if (document.hidden) navigator.sendBeacon("pause", "{}");
});
let resized = 0;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(() => inTurn(show), 150); });
start().catch((error) => trouble(error.message));
