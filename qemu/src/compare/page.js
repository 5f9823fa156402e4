// SPDX-License-Identifier: GPL-2.0
"use strict";
const groups = [...document.querySelectorAll("details")];
document.getElementById("search").addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  for (const group of groups) {
    const title = group.querySelector("summary").textContent.toLowerCase();
    let found = 0;
    for (const row of group.querySelectorAll("tr")) {
      const fits = title.includes(wanted) || row.textContent.toLowerCase().includes(wanted);
      row.hidden = !fits;
      found += fits;
    }
    group.hidden = found === 0;
    group.open = wanted !== "" && found > 0 && found <= 50;
  }
});
