"use strict";
// Sorts a table by the column whose heading is pressed: highest first, then lowest first; absent values stay last.
for (const table of document.querySelectorAll("table.scores")) {
  const body = table.tBodies[0];
  const headings = [...table.querySelectorAll("th[aria-sort]")];
  const sorted = heading => heading.getAttribute("aria-sort");
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const isText = column === 0;
    const usual = isText ? "ascending" : "descending";
    const other = isText ? "descending" : "ascending";
    const direction = sorted(heading) === usual ? other : usual;
    const value = row => row.cells[column].dataset.order;
    const compare = (a, b) => isText ? a.localeCompare(b, "en", {numeric: true}) : a - b;
    const rows = [...body.rows].sort((one, another) => {
      const [a, b] = [value(one), value(another)];
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return direction === "ascending" ? compare(a, b) : compare(b, a);
    });
    headings.forEach(each => each.setAttribute("aria-sort", each === heading ? direction : "none"));
    body.append(...rows);
  }));
}
