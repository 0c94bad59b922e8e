// Before anything is drawn: the look that was chosen.
try {
  const chosen = localStorage.getItem("visavis.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // nothing is remembered here
}
