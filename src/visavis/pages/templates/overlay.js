const stage = document.getElementById("stage");
const at = document.getElementById("at");
const buttons = [...document.querySelectorAll(".ways button")];
at?.addEventListener("input", () => stage.style.setProperty("--at", `${at.value}%`));
for (const button of buttons) {
  button.addEventListener("click", () => {
    stage.dataset.way = button.dataset.way;
    at.disabled = button.dataset.way !== "slider";
    for (const other of buttons) other.setAttribute("aria-pressed", String(other === button));
  });
}
