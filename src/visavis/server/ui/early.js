// Runs before the page is drawn, so that nothing flashes or jumps. Not a module, on purpose.
{
  const root = document.documentElement;
  const chosen = localStorage.getItem("visavis.theme");
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  root.classList.toggle("bare", localStorage.getItem("visavis.bare") === "yes"); // no filters, last time
  const given = new URLSearchParams(location.search);
  root.classList.toggle("asking", given.has("q") || given.has("not"));
}
