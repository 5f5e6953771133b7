"use strict";
// Search and sorting; without it, the page shows the same rows.
for (const table of document.querySelectorAll("table.variables")) {
  const body = table.tBodies[0], rows = [...body.rows], tools = document.createElement("div");
  tools.className = "tools";
  tools.innerHTML = '<label>Search features <input type="search" name="search"></label><label><input type="checkbox" name="drifted"> only what has drifted</label>';
  const [search, only] = tools.querySelectorAll("input");
  const show = () => {
    const text = search.value.toLowerCase();
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(text) || (only.checked && !(row.dataset.level > 0));
  };
  search.addEventListener("input", show);
  only.addEventListener("change", show);
  table.parentElement.before(tools);
  table.querySelectorAll("thead th[data-sort]").forEach((head) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    let way = -1;
    button.addEventListener("click", () => {
      const at = head.cellIndex, key = (row) => row.cells[at].dataset.value ?? row.cells[at].textContent;
      const isText = head.dataset.sort === "text";
      way = -way;
      rows.sort((a, b) => way * (isText ? key(a).localeCompare(key(b)) : Number(key(b)) - Number(key(a))));
      body.append(...rows);
    });
  });
}
for (const each of document.querySelectorAll("details")) addEventListener("beforeprint", () => { each.open = true; });
